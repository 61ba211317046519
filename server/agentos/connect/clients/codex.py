"""Codex: servers in `config.toml`, hooks in `hooks.json` beside it, both in CODEX_HOME.

Source: developers.openai.com/codex/mcp and /codex/hooks. Hooks do not go into `config.toml`, since
Codex itself writes there which of them the user trusts.
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
    Transport,
    export_step,
)

NAME = "codex"
"""What `agentos hook` calls it."""
STARTUP_TIMEOUT_S = 60
"""The embedded database may have to start; Codex waits 10 seconds by itself."""
_EVENTS = {
    "PreToolUse": "*",
    "PostToolUse": "*",
    "SessionStart": None,
    "Stop": None,
    "SubagentStop": None,
}


def layout(request: Request) -> Layout:
    """Codex's files; hooks are the user's only, because they name this machine's `agentos`."""
    folder = _folder(request)
    entries = [Entry(folder / "config.toml", ("mcp_servers", SERVER), _server(request))]
    steps = ["trust the hooks with /hooks in Codex: it skips hooks that nobody has reviewed"]
    if request.is_shared:
        steps = [
            "trust the project when Codex asks; it reads .codex/ of trusted projects only",
            "for the governing hooks, also run `agentos connect codex --scope user`",
            export_step(request),
        ]
    elif request.with_hooks:
        path = folder / "hooks.json"
        entries += [
            Entry(path, ("hooks", event), _hook(request, event), (HOOK, NAME)) for event in _EVENTS
        ]
    else:
        steps = []
    base = request.project if request.is_shared else folder
    return Layout(tuple(entries), (base,), tuple(steps))


def _folder(request: Request) -> Path:
    if request.is_shared:
        return request.project / ".codex"
    chosen = request.environment.get("CODEX_HOME")
    return Path(chosen) if chosen else request.user_home / ".codex"


def _server(request: Request) -> dict[str, Any]:
    if request.transport is Transport.HTTP:
        if request.is_shared:
            return {"url": request.url, "bearer_token_env_var": TOKEN_VARIABLE}
        return {"url": request.url, "http_headers_helper": request.headers_command}
    # Codex hands a server only the variables that are named.
    if request.is_shared:
        forwarded = [TOKEN_VARIABLE, "AGENTOS_HOME", "AGENTOS_DATABASE_URL"]
        started: dict[str, Any] = {"command": SERVER, "args": ["mcp"], "env_vars": forwarded}
    else:
        started = {
            "command": request.program[0],
            "args": [*request.program[1:], "mcp"],
            "env": request.server_variables,
            "env_vars": ["AGENTOS_DATABASE_URL"],
        }
    return {**started, "startup_timeout_sec": STARTUP_TIMEOUT_S}


def _hook(request: Request, event: str) -> dict[str, Any]:
    command = request.hook_command(NAME)
    handler = {"type": "command", "command": command, "timeout": HOOK_TIMEOUT_S}
    matcher = _EVENTS[event]
    return {**({} if matcher is None else {"matcher": matcher}), "hooks": [handler]}
