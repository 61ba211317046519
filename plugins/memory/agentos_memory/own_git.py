"""Git in a working tree, held to the repository that is really this tree's.

A `.git` may be a file or a link that names any other repository of the machine, and whoever may
write in a tree can put one there at any time, also after the tree was indexed. So each use looks
anew, and git is told which folders it found. Above: whoever runs git in an indexed tree. Below:
the kernel's `Git`, the files that git keeps.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agentos import Git

_POINTER = "gitdir: "
_SYMBOLIC = "ref: "
_MAX_SYMBOLIC_REFS = 5
_MAX_POINTER_BYTES = 8_192
_WORKTREE = re.compile(r"^[ \t]*worktree[ \t]*=[ \t]*(.+?)[ \t]*$", re.MULTILINE | re.IGNORECASE)
# What git reads in its folders and would follow as a link.
_READ_BY_GIT = ("HEAD", "index", "logs", "objects", "refs", "packed-refs", "config", "reftable")


@dataclass(frozen=True, slots=True)
class GitFolders:
    """Where git keeps what belongs to one working tree, and what all trees of its repository share.

    Both are the same folder, except in a tree that `git worktree add` made.
    """

    own: Path
    shared: Path


async def own_git(root: Path, *, timeout_s: float) -> Git | None:
    """Git in the working tree at `root`; None where no tree is there whose repository this is."""
    folders = await asyncio.to_thread(own_folders, root)
    if folders is None:
        return None
    pinned = {
        "GIT_DIR": str(folders.own),
        "GIT_COMMON_DIR": str(folders.shared),
        "GIT_WORK_TREE": str(root),
    }
    return Git(root, environment=pinned, timeout_s=timeout_s)


def own_folders(root: Path) -> GitFolders | None:
    """The folders of the repository whose working tree `root` is, both resolved.

    `root` must be resolved, and is looked at as it is: one that has become a link is none. A tree
    with a pointer counts where the repository, which its writer need not be able to change, names
    the tree in turn, as `git worktree add` and submodules have it, or lies inside the tree.
    """
    if os.path.realpath(root) != str(root):
        return None
    entry = root / ".git"
    if entry.is_symlink():
        return None
    if entry.is_dir():
        return _plain(root, entry)
    named = _read(entry)
    if named is None or not named.startswith(_POINTER):
        return None
    folder = _resolved(root, named.removeprefix(_POINTER))
    if folder.is_relative_to(root):
        return _plain(root, folder)
    return _linked(root, folder) or _submodule(root, folder)


def _plain(root: Path, folder: Path) -> GitFolders | None:
    """A folder inside the tree, none of whose parts may lie outside."""
    parts = [folder / name for name in _READ_BY_GIT]
    if not folder.is_dir() or (folder / "commondir").exists():
        return None
    if not all(_is_inside(root, part) for part in [*parts, *_refs_of_head(folder)]):
        return None
    return GitFolders(folder, folder)


def _refs_of_head(folder: Path) -> Iterator[Path]:
    """The files that say which commit is checked out; elsewhere they would name one of others."""
    here = folder / "HEAD"
    for _ in range(_MAX_SYMBOLIC_REFS):
        said = _read(here)
        if said is None or not said.startswith(_SYMBOLIC):
            return
        here = folder / said.removeprefix(_SYMBOLIC).strip()
        yield here


def _is_inside(root: Path, path: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(root)


def _linked(root: Path, folder: Path) -> GitFolders | None:
    """A tree that `git worktree add` made: its folder names the tree's `.git`."""
    back, shared = _read(folder / "gitdir"), _read(folder / "commondir")
    if back is None or shared is None or _resolved(folder, back) != root / ".git":
        return None
    common = _resolved(folder, shared)
    return GitFolders(folder, common) if folder.parent == common / "worktrees" else None


def _submodule(root: Path, folder: Path) -> GitFolders | None:
    """A submodule: the configuration in its folder names the tree."""
    found = _WORKTREE.search(_read(folder / "config") or "")
    if found is None or _resolved(folder, found[1].strip('"')) != root:
        return None
    return None if (folder / "commondir").exists() else GitFolders(folder, folder)


def _resolved(base: Path, named: str) -> Path:
    return Path(os.path.realpath(base / named.rstrip("\r\n")))


def _read(path: Path) -> str | None:
    """A small file's text; None for anything else."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with open(handle, "rb") as file:
        try:
            text = file.read(_MAX_POINTER_BYTES)
        except OSError:
            return None
    return None if b"\0" in text else text.decode("utf-8", "surrogateescape")
