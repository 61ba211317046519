"""The files of a git working tree, as git sees them, read without running anything of theirs.

Above: the indexer and the search's freshness check. Below: the `git` executable, run without a
shell, with the caller's `GIT_*` variables removed and the repository's own hooks switched off.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from agentos import InvalidArgumentError, UnavailableError

GIT_TIMEOUT_S = 60.0
MAX_PATH_BYTES = 1_000

_SUBMODULE = b"160000"
_SYMLINK = b"120000"
# A repository's configuration may name programs to run; these settings are the ones that
# listing and reading would start.
_SAFE_OPTIONS = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")


@dataclass(frozen=True, slots=True)
class WorkTree:
    """A git working tree: its top folder, resolved, and the commit of HEAD (None: no commit)."""

    root: Path
    commit: str | None


@dataclass(frozen=True, slots=True)
class Listing:
    """Paths of regular files, sorted, relative to the root; and what was left out, by reason."""

    paths: tuple[str, ...]
    left_out: dict[str, int]


async def open_work_tree(path: str) -> WorkTree:
    """The working tree that holds `path`; InvalidArgumentError says what to give instead."""
    folder = Path(path)
    if not await asyncio.to_thread(folder.is_dir):
        raise InvalidArgumentError(
            f"{path!r} is not a folder on the server's machine",
            remedy="give the absolute path of a git repository there",
        )
    code, out, err = await _git(folder, "rev-parse", "--is-inside-work-tree")
    if code != 0:
        raise InvalidArgumentError(
            f"{path!r} is not a git repository: {_first_line(err)}",
            remedy="give the path of a git repository, or make it one with `git init`",
        )
    if out.strip() != b"true":
        raise InvalidArgumentError(
            f"{path!r} is a bare repository or lies inside .git, so it has no files to index",
            remedy="check it out with `git worktree add DIR` or `git clone`, and index that folder",
        )
    code, out, err = await _git(folder, "rev-parse", "--show-toplevel")
    if code != 0:
        raise InvalidArgumentError(f"{path!r}: {_first_line(err)}")
    root = await asyncio.to_thread(Path(os.fsdecode(out.rstrip(b"\n"))).resolve)
    return WorkTree(root, await read_head(root))


async def read_head(root: Path) -> str | None:
    """The commit that is checked out at `root`; None without one, or where no tree is there."""
    if not await asyncio.to_thread(root.is_dir):
        return None
    code, out, _ = await _git(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    return out.decode("ascii").strip() if code == 0 else None


async def find_git_folder(root: Path) -> Path | None:
    """The folder with the HEAD of the working tree at `root`; None where no tree is there."""
    if not await asyncio.to_thread(root.is_dir):
        return None
    code, out, _ = await _git(root, "rev-parse", "--absolute-git-dir")
    return Path(os.fsdecode(out.rstrip(b"\n"))) if code == 0 else None


async def list_files(tree: WorkTree) -> Listing:
    """Tracked files, and untracked ones that are not ignored; submodules and links left out."""
    tracked = await _list(tree.root, "--cached", "--stage")
    untracked = await _list(tree.root, "--others", "--exclude-standard")
    left_out = {"submodule": 0, "symlink": 0, "path": 0}
    names: set[bytes] = set()
    for entry in tracked:
        stage, _, name = entry.partition(b"\t")
        mode = stage.partition(b" ")[0]
        if mode == _SUBMODULE:
            left_out["submodule"] += 1
        elif mode == _SYMLINK:
            left_out["symlink"] += 1
        else:
            names.add(name)
    for name in untracked:
        if name.endswith(b"/"):
            left_out["submodule"] += 1
        else:
            names.add(name)
    paths = sorted(_decodable(names))
    left_out["path"] = len(names) - len(paths)
    return Listing(tuple(paths), {reason: n for reason, n in left_out.items() if n})


async def read_committed(root: Path, commit: str, path: str) -> bytes | None:
    """The content of `path` in `commit` (hexadecimal); None where that does not exist."""
    code, out, _ = await _git(root, "cat-file", "blob", f"{commit}:{path}")
    return out if code == 0 else None


def read_file(root: Path, path: str, *, max_bytes: int) -> bytes | int | None:
    """The content of a regular file, its size when over `max_bytes`, or None.

    None stands for a file that is gone, or is reached through a symbolic link, which is never
    followed: it may lead out of the repository. `root` must be resolved.
    """
    folder, _, _ = path.rpartition("/")
    if not _is_inside(str(root), folder):
        return None
    try:
        # Without O_NONBLOCK a named pipe would block here for ever.
        handle = os.open(root / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with open(handle, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            return None
        if status.st_size > max_bytes:
            return status.st_size
        return file.read(max_bytes + 1)


def forget_folders() -> None:
    """Look at folders anew; called when a run starts, since links may have come since."""
    _is_inside.cache_clear()


@lru_cache(maxsize=8192)
def _is_inside(root: str, folder: str) -> bool:
    """Whether no component of `folder` is a symbolic link."""
    joined = os.path.join(root, folder) if folder else root
    return os.path.realpath(joined) == joined


def _decodable(names: Iterable[bytes]) -> list[str]:
    paths = []
    for name in names:
        try:
            path = name.decode("utf-8")
        except UnicodeDecodeError:
            continue
        if len(name) <= MAX_PATH_BYTES and path.isprintable():
            paths.append(path)
    return paths


async def _list(root: Path, *options: str) -> list[bytes]:
    code, out, err = await _git(root, "ls-files", "-z", *options)
    if code != 0:
        raise UnavailableError(f"git could not list the files: {_first_line(err)}")
    return [entry for entry in out.split(b"\0") if entry]


async def _git(folder: Path, *arguments: str) -> tuple[int, bytes, bytes]:
    try:
        process = await asyncio.create_subprocess_exec(
            "git",
            *_SAFE_OPTIONS,
            *arguments,
            cwd=folder,
            env=_environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except FileNotFoundError:
        raise UnavailableError(
            "the git executable is not on the server's PATH", remedy="install git"
        ) from None
    try:
        async with asyncio.timeout(GIT_TIMEOUT_S):
            out, err = await process.communicate()
    except TimeoutError:
        raise UnavailableError(f"git did not answer within {GIT_TIMEOUT_S:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, out, err


def _environment() -> dict[str, str]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return inherited | {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


def _first_line(err: bytes) -> str:
    text = err.decode("utf-8", "replace").strip()
    return text.splitlines()[0][:300] if text else "git gave no reason"
