"""VS Code: `mcp.json` in `.vscode` of the project, or in the user's profile.

Source: code.visualstudio.com/docs/copilot/reference/mcp-configuration. The file may have comments.
VS Code asks for the token once and keeps it itself, as an input variable.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

from agentos.connect.entries import Entry
from agentos.connect.request import SERVER, TOKEN_VARIABLE, Layout, Request, Transport

INPUT = "agentos-token"
_FROM_INPUT = f"${{input:{INPUT}}}"


def layout(request: Request) -> Layout:
    """VS Code's file; over HTTP, and in a shared file, the token is an input variable."""
    path = _path(request)
    entries = [Entry(path, ("servers", SERVER), _server(request))]
    steps: tuple[str, ...] = ()
    if request.is_shared or request.transport is Transport.HTTP:
        entries.append(Entry(path, ("inputs",), _input(), ("id", INPUT)))
        token_file = shlex.quote(str(request.token_file))
        steps = (f"VS Code asks for the token once: cat {token_file}",)
    return Layout(tuple(entries), (request.root,), steps)


def _path(request: Request) -> Path:
    if request.is_shared:
        return request.project / ".vscode" / "mcp.json"
    if sys.platform == "darwin":
        folder = request.user_home / "Library" / "Application Support"
    else:
        chosen = request.environment.get("XDG_CONFIG_HOME")
        folder = Path(chosen) if chosen else request.user_home / ".config"
    return folder / "Code" / "User" / "mcp.json"


def _server(request: Request) -> dict[str, Any]:
    if request.transport is Transport.HTTP:
        headers = {"Authorization": f"Bearer {_FROM_INPUT}"}
        return {"type": "http", "url": request.url, "headers": headers}
    if request.is_shared:
        variables = {TOKEN_VARIABLE: _FROM_INPUT}
        return {"type": "stdio", "command": SERVER, "args": ["mcp"], "env": variables}
    return {
        "type": "stdio",
        "command": request.program[0],
        "args": [*request.program[1:], "mcp"],
        "env": request.server_variables,
    }


def _input() -> dict[str, Any]:
    return {
        "type": "promptString",
        "id": INPUT,
        "description": "AgentOS token",
        "password": True,
    }
