"""Evidence that a client's hook gives of each use of its own tools: which files, with which digest.

Above: record_tool_use. Below: the paths of an action, commands, reading files of a workspace.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agentos import CallRefusedError, ToolError, sha256_hex
from agentos_governance.contracts.actions import Action, capabilities_of, command_of, paths_of
from agentos_governance.evidence.blobs import MAX_BLOB_BYTES
from agentos_governance.shell.analysis import CommandAnalysis
from agentos_governance.shell.commands import analyse_command
from agentos_governance.shell.files import file_uses
from agentos_governance.workspace.file_reading import read_workspace_file
from agentos_governance.workspace.paths import PathResolver

MAX_FILES = 50
"""Of one use; what a command wrote beyond that shows in the difference that is submitted."""
MAX_BYTES = 64 << 20


def written_files(workspace: Path | None, action: Action) -> list[dict[str, Any]]:
    """The files that a use of a tool wrote, as they are now: path, SHA-256, size; null if gone."""
    if workspace is None:
        return []
    resolver = PathResolver(workspace)
    found: dict[str, dict[str, Any]] = {}
    left = MAX_BYTES
    for path, folder in _named(action):
        try:
            relative = resolver.resolve(path, for_write=True, cwd=folder)
        except ToolError:
            continue  # outside the workspace: nothing of ours
        if relative not in found and len(found) < MAX_FILES:
            found[relative] = _digest(workspace, relative, min(left, MAX_BLOB_BYTES))
            left -= found[relative]["size_bytes"] or 0
    return list(found.values())


def _named(action: Action) -> Iterator[tuple[str, str]]:
    """Paths that are written, each with the folder it starts from."""
    if "write" in capabilities_of(action):
        yield from ((path, action.cwd) for path in paths_of(action))
    command = command_of(action)
    analysis = None if command is None else analyse_command(command, cwd=action.cwd)
    if not isinstance(analysis, CommandAnalysis):
        return
    uses = [*analysis.file_uses]
    for each in analysis.commands:
        uses += file_uses(each.argv, each.folders)
    for use in uses:
        if use.is_write and not use.is_folder and use.path is not None:
            yield from ((use.path, folder) for folder in use.folders if folder is not None)


def _digest(workspace: Path, relative: str, max_bytes: int) -> dict[str, Any]:
    try:
        _, content = read_workspace_file(workspace, relative, max_bytes)
    except (ToolError, CallRefusedError, OSError):
        return {"path": relative, "sha256": None, "size_bytes": None}
    return {"path": relative, "sha256": sha256_hex(content), "size_bytes": len(content)}
