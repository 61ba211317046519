"""Every file of a worktree as it lies on the disk, read without git.

Above: snapshots. Below: the file system. Paths are bytes relative to the worktree, with `/`,
since names need not be UTF-8.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from agentos import InvalidStateError, LimitExceededError
from agentos_governance.workspace.paths import is_git_internal

MAX_FILES = 2_000_000


@dataclass(slots=True)
class WorktreeFiles:
    """What lies in a worktree.

    `files` are regular files and symbolic links; `link_targets` and `escaping_links` speak of the
    latter; `shared` are regular files with another name outside the worktree (hard links);
    `sizes` are the bytes of both as lstat says; `unstorable` are paths git cannot hold (nested
    `.git`, devices, pipes); `folders` are all folders.
    """

    files: list[bytes] = field(default_factory=list)
    sizes: dict[bytes, int] = field(default_factory=dict)
    link_targets: dict[bytes, bytes] = field(default_factory=dict)
    escaping_links: set[bytes] = field(default_factory=set)
    shared: set[bytes] = field(default_factory=set)
    unstorable: list[bytes] = field(default_factory=list)
    folders: set[bytes] = field(default_factory=set)


def list_worktree_files(worktree: Path, skip: frozenset[bytes]) -> WorktreeFiles:
    """Walks the worktree; folders in `skip` are noted and not entered.

    Raises InvalidStateError when a folder cannot be read: what is hidden cannot be judged.
    """
    found = WorktreeFiles()
    root = os.fsencode(os.path.realpath(worktree))
    names: dict[tuple[int, int, int], list[bytes]] = {}
    for path, status in _walk(root, b"", skip, found):
        mode = status.st_mode
        if stat.S_ISLNK(mode):
            target = os.readlink(os.path.join(root, path))
            found.link_targets[path] = target
            if _escapes(root, path, target):
                found.escaping_links.add(path)
            found.files.append(path)
            found.sizes[path] = status.st_size
        elif stat.S_ISREG(mode):
            found.files.append(path)
            found.sizes[path] = status.st_size
            if status.st_nlink > 1:
                inode = (status.st_dev, status.st_ino, status.st_nlink)
                names.setdefault(inode, []).append(path)
        else:
            found.unstorable.append(path)
        if len(found.files) > MAX_FILES:
            raise LimitExceededError(f"the worktree has more than {MAX_FILES} files")
    # Git makes none in a checkout: a name that is not found here is the worker's doing.
    for (_, _, n_links), paths in names.items():
        if len(paths) < n_links:
            found.shared.update(paths)
    return found


def _walk(
    root: bytes, folder: bytes, skip: frozenset[bytes], found: WorktreeFiles
) -> Iterator[tuple[bytes, os.stat_result]]:
    pending = [folder]
    while pending:
        current = pending.pop()
        for name, status in _entries(os.path.join(root, current)):
            path = current + b"/" + name if current else name
            if name == b".git":
                if current:
                    found.unstorable.append(path)
            elif stat.S_ISDIR(status.st_mode):
                found.folders.add(path)
                if path not in skip:
                    pending.append(path)
            else:
                yield path, status


def _entries(folder: bytes) -> list[tuple[bytes, os.stat_result]]:
    try:
        with os.scandir(folder) as entries:
            return [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]
    except OSError as error:
        raise InvalidStateError(
            f"{os.fsdecode(folder)!r} cannot be read: {error.strerror}"
        ) from error


def _escapes(root: bytes, path: bytes, target: bytes) -> bool:
    """Whether a link leads out of the worktree or into its `.git`."""
    real = os.path.realpath(os.path.join(root, os.path.dirname(path), target))
    if real != root and not real.startswith(root + b"/"):
        return True
    relative = os.path.relpath(real, root).decode("utf-8", "surrogateescape")
    return is_git_internal(relative) or os.path.islink(real)
