"""What a client's tool is about to do, in the words that the server judges.

Above: events. Below: nothing. Long texts (a file's new content) become their digest: the server
judges what is touched, and an approval still names exactly this content.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

MAX_TEXT = 2_000
"""Characters of an argument that are sent as they are."""
MAX_DEPTH = 6

OWN_TOOLS = "mcp__agentos__"
"""Tools of AgentOS itself: the server judges those calls when they arrive."""

INSIDE_CLIENT = frozenset(
    {
        *("TodoWrite", "TaskCreate", "TaskUpdate", "TaskList", "TaskGet", "TaskOutput", "TaskStop"),
        *("Task", "Agent", "Skill", "AskUserQuestion", "EnterPlanMode", "ExitPlanMode"),
        *("ToolSearch", "BashOutput", "KillShell", "KillBash", "ListMcpResourcesTool"),
        *("ReadMcpResourceTool", "update_plan", "request_user_input", "spawn_agent"),
        *("wait_agent", "close_agent", "send_input"),
    }
)
"""Tools that touch nothing outside the client; what their agents do is judged by itself."""

CHANGING = frozenset(
    {
        *("Edit", "Write", "MultiEdit", "NotebookEdit", "Bash", "apply_patch", "shell"),
        *("local_shell", "shell_command", "exec_command", "exec", "run_command", "PowerShell"),
        *("Monitor", "write_stdin"),
    }
)
"""Tools whose use is recorded: they change files or run commands."""

_PATHS = ("file_path", "notebook_path", "path")
_COMMANDS = ("command", "cmd", "chars")
_PATCHES = frozenset({"apply_patch"})


def action_of(tool: str, given: Mapping[str, Any], cwd: str) -> dict[str, Any]:
    """The action as `judge_tool_use` takes it; ValueError where it might be several."""
    action: dict[str, Any] = {"tool": tool, "cwd": cwd}
    if tool in _PATCHES:
        # A patch is read whole: the files it names stand anywhere in it.
        action["args"] = {name: value for name, value in given.items() if name in _PATCH_FIELDS}
        return action
    command = _command_of(given)
    if command is not None:
        action["command"] = command
    action["args"] = {
        name: _shortened(value, MAX_DEPTH)
        for name, value in given.items()
        if name not in _COMMANDS or command is None
    }
    return action


_PATCH_FIELDS = ("command", "input", "patch")


def places_of(given: Mapping[str, Any], cwd: str) -> list[str]:
    """Absolute paths that say where the tool works: its folder, and files it names."""
    named = [given[name] for name in _PATHS if isinstance(given.get(name), str)]
    workdir = given.get("workdir")
    if isinstance(workdir, str):
        named.append(workdir)
    return [cwd, *(os.path.normpath(os.path.join(cwd, path)) for path in named if path)]


def folder_of(given: Mapping[str, Any], cwd: str) -> str:
    """Where a command starts: Codex may name another folder than the session's."""
    workdir = given.get("workdir")
    return os.path.join(cwd, workdir) if isinstance(workdir, str) and workdir else cwd


def is_only_looking(tool: str, given: Mapping[str, Any]) -> bool:
    """Whether a tool that may type into a running program only reads what it printed."""
    return tool == "write_stdin" and not given.get("chars")


def _command_of(given: Mapping[str, Any]) -> str | None:
    # A client reads one of them: which, only it knows.
    if sum(name in given for name in _COMMANDS) > 1:
        raise ValueError("the tool's input has more than one command")
    for name in _COMMANDS:
        value = given.get(name)
        if isinstance(value, str):
            return value
        if isinstance(value, list) and value and all(isinstance(word, str) for word in value):
            return shlex.join(value)
    return None


def _shortened(value: Any, depth: int) -> Any:
    if isinstance(value, str) and len(value) > MAX_TEXT:
        digest = sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
        return {"sha256": digest, "characters": len(value)}
    if isinstance(value, dict):
        return {str(k): _shortened(v, depth - 1) for k, v in value.items()} if depth else "..."
    if isinstance(value, list):
        return [_shortened(item, depth - 1) for item in value] if depth else "..."
    return value
