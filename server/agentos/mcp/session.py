"""The session id of clients that speak a revision before 2026-07-28.

The server keeps no sessions. The id that `initialize` hands out is a random number, by which
`notifications/cancelled` finds its call, followed by what the client called itself, so that every
process can record it with later calls. Neither is trusted.
"""

from __future__ import annotations

import base64
import secrets
from typing import Any

import orjson
from mcp.types import Implementation

HEADER = "mcp-session-id"
MAX_SESSION_ID_CHARS = 512

_MAX_NAME_CHARS = 60


def new_session_id(initialize_params: Any) -> str:
    """A fresh id that carries the `clientInfo` of an initialize request; visible ASCII."""
    info = initialize_params.get("clientInfo") if isinstance(initialize_params, dict) else None
    name, version = (_short(info, "name"), _short(info, "version"))
    packed = base64.urlsafe_b64encode(orjson.dumps([name, version])).decode().rstrip("=")
    return f"{secrets.token_hex(16)}.{packed}"


def client_of(session_id: str | None) -> Implementation | None:
    """The client that `session_id` names, or None for a foreign id."""
    if session_id is None or len(session_id) > MAX_SESSION_ID_CHARS:
        return None
    packed = session_id.partition(".")[2]
    try:
        padded = packed + "=" * (-len(packed) % 4)
        name, version = orjson.loads(base64.urlsafe_b64decode(padded))
        return Implementation(name=name, version=version)
    except (ValueError, TypeError):
        return None


def _short(info: Any, field: str) -> str:
    value = info.get(field) if isinstance(info, dict) else None
    return value[:_MAX_NAME_CHARS] if isinstance(value, str) else ""
