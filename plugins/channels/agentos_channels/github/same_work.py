"""Whether a pull request shows exactly the submitted work: each file, and nothing else.

Above: the channel, before it says that reviewing the pull request is reviewing the work. Below:
GitHub's comparison, the worktree. Whoever approves on GitHub sees the commit there, while what is
approved is the packet made from the worktree; a file that was never pushed would go unseen.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

MAX_FILES = 300
"""GitHub compares no more files at once."""
MAX_FILE_BYTES = 50 * 1024 * 1024


async def difference_between(
    comparison: Mapping[str, Any], workspace: Path, base_commit: str, n_files: int
) -> str | None:
    """Why the compared commits do not show the work in `workspace`; None where they do.

    `n_files` is how many files the server counted in the submitted difference.
    """
    merge_base = comparison.get("merge_base_commit", {}).get("sha")
    if merge_base != base_commit:
        return "the pull request starts from another commit than the work"
    files: Sequence[Mapping[str, Any]] = comparison.get("files", [])
    if len(files) >= MAX_FILES:
        return f"it changes {MAX_FILES} files or more, too many to compare"
    if len(files) != n_files:
        return f"it changes {len(files)} files, the submitted work {n_files}"
    return await asyncio.to_thread(_first_difference, files, workspace)


def _first_difference(files: Sequence[Mapping[str, Any]], workspace: Path) -> str | None:
    for file in files:
        if not _is_same(file, workspace):
            return f"{file.get('filename')} is not as it was submitted"
    return None


def _is_same(file: Mapping[str, Any], workspace: Path) -> bool:
    name = str(file.get("filename", ""))
    content = _content(workspace, name)
    if file.get("status") == "removed":
        return content is None
    blob = str(file.get("sha", ""))
    return content is not None and any(
        _blob_id(each, blob) == blob for each in (content, content.replace(b"\r\n", b"\n"))
    )


def _content(workspace: Path, name: str) -> bytes | None:
    """Bytes of a file, or the target of a link; None where there is neither, or it leads out."""
    root = workspace.resolve()
    path = root / name
    if not name or ".." in Path(name).parts or not path.parent.resolve().is_relative_to(root):
        return None
    try:
        found = os.lstat(path)
        if stat.S_ISLNK(found.st_mode):
            return os.readlink(os.fsencode(path))
        if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_FILE_BYTES:
            return None
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as opened:
        return opened.read(MAX_FILE_BYTES + 1)


def _blob_id(content: bytes, like: str) -> str:
    """git's id of a blob with this content, by the hash that `like` is made with."""
    digest = hashlib.new("sha1" if len(like) == 40 else "sha256", b"blob %d\0" % len(content))
    digest.update(content)
    return digest.hexdigest()
