"""The files of a git working tree, as git sees them, read without running anything of theirs.

Above: the indexer, references of observations, and the search's freshness check. Below: the
kernel's `Git`, which runs nothing that a repository names.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from agentos import Git, InvalidArgumentError, UnavailableError
from agentos_memory.model import SkippedFile, SkipReason
from agentos_memory.own_git import own_folders, own_git

GIT_TIMEOUT_S = 60.0
MAX_PATH_BYTES = 1_000

_SUBMODULE = b"160000"
_SYMLINK = b"120000"
_NO_FILES: dict[bytes, tuple[SkipReason, str]] = {
    _SUBMODULE: ("submodule", "a repository of its own; index it by its own path"),
    _SYMLINK: ("symlink", "links are not followed, since they may lead out of the repository"),
}
_BAD_PATH = f"not UTF-8, not printable, or over {MAX_PATH_BYTES} bytes"


@dataclass(frozen=True, slots=True)
class WorkTree:
    """A git working tree: its top folder, resolved, and the commit of HEAD (None: no commit)."""

    root: Path
    commit: str | None


@dataclass(frozen=True, slots=True)
class Listing:
    """Paths of regular files, sorted, relative to the root; and what was left out, by path."""

    paths: tuple[str, ...]
    left_out: tuple[SkippedFile, ...]


async def open_work_tree(path: str) -> WorkTree:
    """The working tree whose top folder `path` is, by its absolute path.

    Raises InvalidArgumentError for anything else, with the same words whatever is there, so that
    a refusal says nothing about folders that the caller may not see.
    """
    folder = Path(path)
    if not folder.is_absolute():
        raise InvalidArgumentError(
            f"{path!r} is not an absolute path",
            remedy="give the absolute path of a git repository on the server's machine",
        )
    root = await asyncio.to_thread(_existing_folder, folder)
    # The repository's configuration can move its root anywhere (core.worktree), and git looks
    # for one in the folders above; what was asked for, and judged, is this folder.
    is_own = root is not None and await asyncio.to_thread(own_folders, root) is not None
    if root is None or not is_own or await _find_root(root) != root:
        raise InvalidArgumentError(
            f"{path!r} is not the top folder of a git working tree",
            remedy="give the top folder of a repository on the server's machine; `git init` makes "
            "one, `git worktree add DIR` checks a bare one out, and `git worktree repair` mends "
            "one that was moved",
        )
    return WorkTree(root, await read_head(root))


def _existing_folder(path: Path) -> Path | None:
    try:
        real = os.path.realpath(path)
    except ValueError:
        return None
    return Path(real) if os.path.isdir(real) and os.access(real, os.X_OK) else None


async def _find_root(folder: Path) -> Path | None:
    found = await Git(folder, timeout_s=GIT_TIMEOUT_S).run("rev-parse", "--show-toplevel")
    if found.status != 0 or not found.output.strip():
        return None
    root = os.fsdecode(found.output.removesuffix(b"\n"))
    return await asyncio.to_thread(lambda: Path(os.path.realpath(root)))


async def read_head(root: Path) -> str | None:
    """The commit that is checked out at `root`; None without one, or where no tree is there."""
    git = await own_git(root, timeout_s=GIT_TIMEOUT_S)
    if git is None:
        return None
    found = await git.run("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    return found.output.decode("ascii").strip() if found.status == 0 else None


async def find_git_folder(root: Path) -> Path | None:
    """The folder with the HEAD of the working tree at `root`; None where no tree is there."""
    folders = await asyncio.to_thread(own_folders, root)
    return None if folders is None else folders.own


async def find_shared_folder(root: Path) -> Path | None:
    """What all working trees of one repository share; None where no tree is at `root`."""
    folders = await asyncio.to_thread(own_folders, root)
    return None if folders is None else folders.shared


async def list_files(tree: WorkTree) -> Listing:
    """Tracked files, and untracked ones that are not ignored; submodules and links left out.

    Raises UnavailableError where the tree is gone, or is no longer its repository's.
    """
    tracked = await _list(tree.root, "--cached", "--stage")
    untracked = await _list(tree.root, "--others", "--exclude-standard")
    left_out: list[SkippedFile] = []
    names: set[bytes] = set()
    for entry in tracked:
        stage, _, name = entry.partition(b"\t")
        mode = stage.partition(b" ")[0]
        if mode in _NO_FILES:
            left_out.append(_left_out(name, *_NO_FILES[mode]))
        else:
            names.add(name)
    for name in untracked:
        if name.endswith(b"/"):
            left_out.append(_left_out(name, *_NO_FILES[_SUBMODULE]))
        else:
            names.add(name)
    paths = {name: _decoded(name) for name in names}
    left_out += [_left_out(name, "path", _BAD_PATH) for name, path in paths.items() if path is None]
    left_out.sort(key=lambda each: each.path)
    return Listing(tuple(sorted(path for path in paths.values() if path)), tuple(left_out))


def _decoded(name: bytes) -> str | None:
    """The path, unless it cannot be stored and shown."""
    try:
        path = name.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return path if len(name) <= MAX_PATH_BYTES and path.isprintable() else None


def _left_out(name: bytes, reason: SkipReason, detail: str) -> SkippedFile:
    shown = name[:MAX_PATH_BYTES].decode("utf-8", "backslashreplace")
    printable = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in shown)
    return SkippedFile(printable, reason, detail)


async def _list(root: Path, *options: str) -> list[bytes]:
    git = await own_git(root, timeout_s=GIT_TIMEOUT_S)
    if git is None:
        raise UnavailableError(
            f"{root} is not the working tree of a repository any more",
            remedy="index the repository at its present path",
        )
    found = await git.run("ls-files", "-z", *options)
    if found.status != 0:
        said = found.errors.strip().splitlines() or ["git gave no reason"]
        raise UnavailableError(f"git could not list the files: {said[0][:300]}")
    return [entry for entry in found.output.split(b"\0") if entry]
