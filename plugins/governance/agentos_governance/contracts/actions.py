"""What an agent is about to do, and how to read it out of well-known clients' tool calls.

Above: judgement. Below: nothing. Known tools are read strictly: a client cannot declare `Edit`
to be a read, and a path or command in the arguments counts although it was not declared.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from agentos_governance.shell.patches import patched_paths

Capability = Literal["read", "write", "execute", "network"]

OWN_SERVER = "agentos"
_OWN_PREFIX = f"mcp__{OWN_SERVER}__"


# Made for every call; frozen, it takes three times as long. Nothing changes one.
@dataclass(slots=True)
class Action:
    """One intended tool use. Paths and `cwd` are relative to the workspace, or absolute in it.

    `server` is the MCP server that offers the tool; with `agentos`, the plain name and
    `mcp__agentos__<name>` are the same tool to a contract.
    """

    tool: str
    capability: Capability | None = None
    paths: Sequence[str] = ()
    command: str | None = None
    args: Mapping[str, Any] | None = None
    server: str | None = None
    cwd: str = "."


@dataclass(frozen=True, slots=True)
class KnownTool:
    """How a client's own tool is read: what it does, and which arguments say to what."""

    capability: Capability
    path_arguments: tuple[str, ...] = ()
    command_arguments: tuple[str, ...] = ()
    patch_arguments: tuple[str, ...] = ()


_WRITE_FILE = KnownTool("write", path_arguments=("file_path", "path"))
_READ_FOLDER = KnownTool("read", path_arguments=("path", "file_path"))
_SHELL = KnownTool("execute", command_arguments=("command", "cmd"))
_NETWORK = KnownTool("network")

KNOWN_TOOLS: Mapping[str, KnownTool] = {
    # Claude Code
    "Edit": _WRITE_FILE,
    "Write": _WRITE_FILE,
    "MultiEdit": _WRITE_FILE,
    "NotebookEdit": KnownTool("write", path_arguments=("notebook_path",)),
    "Read": _READ_FOLDER,
    "NotebookRead": KnownTool("read", path_arguments=("notebook_path",)),
    "Grep": _READ_FOLDER,
    "Glob": _READ_FOLDER,
    "LS": _READ_FOLDER,
    "Bash": _SHELL,
    "WebFetch": _NETWORK,
    "WebSearch": _NETWORK,
    # Codex
    "apply_patch": KnownTool("write", patch_arguments=("input", "patch", "command")),
    "shell": _SHELL,
    "local_shell": _SHELL,
    "shell_command": _SHELL,
    "exec_command": _SHELL,
    "view_image": _READ_FOLDER,
    "web_search": _NETWORK,
    # Others
    "exec": _SHELL,
    "run_command": _SHELL,
}

_GLOB_MAGIC = re.compile(r"[*?\[{]")


def tool_names(tool: str, server: str | None) -> tuple[str, ...]:
    """The names under which a contract may speak of the tool, the given one first."""
    if tool.startswith(_OWN_PREFIX) and len(tool) > len(_OWN_PREFIX):
        return (tool, tool.removeprefix(_OWN_PREFIX))
    if server is not None and not tool.startswith("mcp__"):
        return (tool, f"mcp__{server}__{tool}")
    return (tool,)


def capabilities_of(action: Action) -> frozenset[Capability]:
    """Everything the action must be allowed to do: what it declares and what its tool is known for.

    An unknown tool with paths and no declared capability counts as writing them.
    """
    return _capabilities(
        action.tool, action.capability, action.command is not None, bool(action.paths)
    )


@lru_cache(4096)
def _capabilities(
    tool: str, declared: Capability | None, has_command: bool, has_paths: bool
) -> frozenset[Capability]:
    known = KNOWN_TOOLS.get(tool)
    found = {known.capability} if known else set()
    if declared is not None:
        found.add(declared)
    if has_command and (known is None or not known.patch_arguments):
        found.add("execute")
    if has_paths and not found & {"read", "write"}:
        found.add("write")
    return frozenset(found)


def paths_of(action: Action) -> list[str]:
    """The action's declared paths and those in a known tool's arguments, each once, in order."""
    known = KNOWN_TOOLS.get(action.tool)
    if known is None and len(action.paths) <= 1:
        return list(action.paths)
    paths = list(action.paths)
    arguments = action.args or {}
    if known is not None:
        paths += [arguments[name] for name in known.path_arguments if _is_text(arguments, name)]
        for name in known.patch_arguments:
            if _is_text(arguments, name):
                paths += patched_paths(arguments[name])
        if known.patch_arguments and action.command is not None:
            paths += patched_paths(action.command)
    if action.tool == "Glob" and _is_text(arguments, "pattern"):
        paths.append(_folder_before_magic(arguments["pattern"]))
    return list(dict.fromkeys(paths))


def command_of(action: Action) -> str | None:
    """The shell text the action runs, declared or in a known tool's arguments; None for none."""
    known = KNOWN_TOOLS.get(action.tool)
    if known is not None and known.patch_arguments:
        return None
    if action.command is not None or known is None:
        return action.command
    for name in known.command_arguments:
        value = (action.args or {}).get(name)
        if isinstance(value, str):
            return value
        if isinstance(value, list | tuple) and all(isinstance(word, str) for word in value):
            return shlex.join(value)
    return None


def _is_text(arguments: Mapping[str, Any], name: str) -> bool:
    return isinstance(arguments.get(name), str) and bool(arguments[name])


def _folder_before_magic(pattern: str) -> str:
    fixed = _GLOB_MAGIC.split(pattern, maxsplit=1)[0]
    return fixed.rpartition("/")[0] + "/" if "/" in fixed else "."
