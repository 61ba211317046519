"""Claude Code: servers in `.claude.json` or `.mcp.json`, hooks in `settings(.local).json`.

Source: code.claude.com/docs/en/mcp, /hooks and /settings.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agentos.connect.entries import HOOK, Entry
from agentos.connect.request import (
    HOOK_TIMEOUT_S,
    SERVER,
    TOKEN_VARIABLE,
    Layout,
    Request,
    Scope,
    Transport,
    export_step,
)

NAME = "claude-code"
"""What `agentos hook` calls it."""
_EVENTS = {
    "PreToolUse": "*",
    "PostToolUse": "*",
    "PostToolUseFailure": "*",
    "SessionStart": None,
    "Stop": None,
    "SubagentStop": None,
}


def layout(request: Request) -> Layout:
    """Claude Code's files; a server shared with the repository takes its token from a variable."""
    chosen = request.environment.get("CLAUDE_CONFIG_DIR")
    state = Path(chosen) if chosen else request.user_home
    settings = state if chosen else state / ".claude"
    path, keys = _server_place(request, state)
    entries = [Entry(path, keys, _server(request))]
    if request.with_hooks:
        path = settings / "settings.json"
        if request.scope is not Scope.USER:
            # Not the file that is committed: the command names this machine's `agentos`.
            path = request.project / ".claude" / "settings.local.json"
        entries += [
            Entry(path, ("hooks", event), _hook(request, event), (HOOK, NAME)) for event in _EVENTS
        ]
    return Layout(tuple(entries), (state, request.project), _steps(request))


def _steps(request: Request) -> tuple[str, ...]:
    if request.is_shared:
        return ("approve the server when Claude Code asks about it", export_step(request))
    if request.scope is Scope.LOCAL and request.transport is Transport.HTTP:
        return (
            "start claude here and accept its trust dialog: before that it does not read the token",
        )
    return ()


def _server_place(request: Request, state: Path) -> tuple[Path, tuple[str, ...]]:
    if request.scope is Scope.PROJECT:
        return request.project / ".mcp.json", ("mcpServers", SERVER)
    if request.scope is Scope.USER:
        return state / ".claude.json", ("mcpServers", SERVER)
    return state / ".claude.json", ("projects", str(request.project), "mcpServers", SERVER)


def _server(request: Request) -> dict[str, Any]:
    if request.transport is Transport.HTTP:
        place = {"type": "http", "url": request.url}
        if request.is_shared:
            return {**place, "headers": {"Authorization": f"Bearer ${{{TOKEN_VARIABLE}}}"}}
        return {**place, "headersHelper": request.headers_command}
    if request.is_shared:
        # Without a value of its own, an unset variable would make the whole file invalid.
        variables = {TOKEN_VARIABLE: f"${{{TOKEN_VARIABLE}:-}}"}
        return {"type": "stdio", "command": SERVER, "args": ["mcp"], "env": variables}
    return {
        "type": "stdio",
        "command": request.program[0],
        "args": [*request.program[1:], "mcp"],
        "env": request.server_variables,
    }


def _hook(request: Request, event: str) -> dict[str, Any]:
    handler: dict[str, Any] = {
        "type": "command",
        "command": request.hook_command(NAME),
        "timeout": HOOK_TIMEOUT_S,
    }
    if event == "PreToolUse":
        # A judge that cannot start must not let everything pass; releases before 2.1.295 ignore it.
        handler["onFailure"] = "block"
    matcher = _EVENTS[event]
    group = {} if matcher is None else {"matcher": matcher}
    return {**group, "hooks": [handler]}
