"""What a client says of itself, cut to size: recorded with the call, never believed.

Claude Code sends `claudecode/toolUseId`, Codex sends `x-codex-turn-metadata`, the protocol itself
has `clientInfo`. Nothing here grants anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp.types import Implementation

MAX_CLAIM_CHARS = 120

_TURN_METADATA = "x-codex-turn-metadata"
_TURN_FIELDS = ("model", "session_id", "thread_id", "turn_id", "sandbox", "version")
_META_FIELDS = {
    "claudecode/toolUseId": "tool_use_id",
    "agentos/model": "model",
    "agentos/epoch": "epoch",
}


def claims_of(meta: Mapping[str, Any], client: Implementation | None) -> dict[str, str]:
    """The known claims among `meta`, each at most 120 printable characters."""
    found: dict[str, Any] = {"client": _client_name(client)}
    turn = meta.get(_TURN_METADATA)
    if isinstance(turn, Mapping):
        found |= {name: turn.get(name) for name in _TURN_FIELDS}
    found |= {name: meta[key] for key, name in _META_FIELDS.items() if key in meta}
    return {name: text for name, value in found.items() if (text := _claim(value))}


def _client_name(client: Implementation | None) -> str | None:
    return None if client is None else f"{client.name}/{client.version}"


def _claim(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    text = (value if isinstance(value, str) else str(value))[:MAX_CLAIM_CHARS]
    return text if text.isprintable() else "".join(filter(str.isprintable, text))
