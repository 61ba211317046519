"""Cursor: `mcp.json` in `.cursor` of the project or of the user.

Source: cursor.com/docs/mcp. Its own tools are not governed: AgentOS has no hook for Cursor.
"""

from __future__ import annotations

from typing import Any

from agentos.connect.entries import Entry
from agentos.connect.request import (
    SERVER,
    TOKEN_VARIABLE,
    Layout,
    Request,
    Transport,
    export_step,
)

_FROM_ENVIRONMENT = f"${{env:{TOKEN_VARIABLE}}}"


def layout(request: Request) -> Layout:
    """Cursor's file; over HTTP, and in a shared file, the token comes from a variable."""
    path = request.root / ".cursor" / "mcp.json"
    needs_variable = request.is_shared or request.transport is Transport.HTTP
    steps = (export_step(request),) if needs_variable else ()
    entry = Entry(path, ("mcpServers", SERVER), _server(request))
    return Layout((entry,), (request.root,), steps)


def _server(request: Request) -> dict[str, Any]:
    if request.transport is Transport.HTTP:
        return {
            "url": request.url,
            "headers": {"Authorization": f"Bearer {_FROM_ENVIRONMENT}"},
        }
    if request.is_shared:
        return {"command": SERVER, "args": ["mcp"], "env": {TOKEN_VARIABLE: _FROM_ENVIRONMENT}}
    return {
        "command": request.program[0],
        "args": [*request.program[1:], "mcp"],
        "env": request.server_variables,
    }
