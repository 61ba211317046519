"""The session id of clients that speak a revision before 2026-07-28.

The server keeps no sessions. The id that `initialize` hands out is a random number, by which
`notifications/cancelled` finds its call, followed by what the client called itself, so that every
process can record it with later calls, and by what the client said it can be asked. None of it is
trusted.
"""

from __future__ import annotations

import base64
import secrets
from typing import Any

import orjson
from mcp.types import ClientCapabilities, Implementation

HEADER = "mcp-session-id"
MAX_SESSION_ID_CHARS = 512

_MAX_NAME_CHARS = 60
_ASKABLE = ("elicitation", "sampling", "roots")


def new_session_id(initialize_params: Any) -> str:
    """A fresh id that carries the `clientInfo` of an initialize request; visible ASCII."""
    params = initialize_params if isinstance(initialize_params, dict) else {}
    info = params.get("clientInfo")
    declared = params.get("capabilities")
    known = [n for n in _ASKABLE if isinstance(declared, dict) and declared.get(n) is not None]
    fields = [_short(info, "name"), _short(info, "version"), known]
    packed = base64.urlsafe_b64encode(orjson.dumps(fields)).decode().rstrip("=")
    return f"{secrets.token_hex(16)}.{packed}"


def client_of(session_id: str | None) -> Implementation | None:
    """The client that `session_id` names, or None for a foreign id."""
    fields = _fields_of(session_id)
    return None if fields is None else Implementation(name=fields[0], version=fields[1])


def capabilities_of(session_id: str | None) -> ClientCapabilities | None:
    """Which of the questions of `agentos.asking` the client can answer; None for a foreign id."""
    fields = _fields_of(session_id)
    if fields is None:
        return None
    return ClientCapabilities.model_validate({name: {} for name in fields[2]})


def _fields_of(session_id: str | None) -> tuple[str, str, list[str]] | None:
    if session_id is None or len(session_id) > MAX_SESSION_ID_CHARS:
        return None
    packed = session_id.partition(".")[2]
    try:
        padded = packed + "=" * (-len(packed) % 4)
        name, version, known = orjson.loads(base64.urlsafe_b64decode(padded))
        return str(name), str(version), [n for n in known if n in _ASKABLE]
    except (ValueError, TypeError):
        return None


def _short(info: Any, field: str) -> str:
    value = info.get(field) if isinstance(info, dict) else None
    return value[:_MAX_NAME_CHARS] if isinstance(value, str) else ""
