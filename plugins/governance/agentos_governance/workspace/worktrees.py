"""A git worktree per work order: inspected, made once however often it is asked for, removed.

Above: claim_work_order, gates. Below: git. A worker writes only in its own worktree; the base
commit is remembered by its id, so nothing the worker does to branches changes it.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from agentos import (
    ConflictError,
    Git,
    InvalidArgumentError,
    InvalidStateError,
    NotFoundError,
    UnavailableError,
    check_branch,
    check_object_id,
    without_filters,
)

LOCK_TIMEOUT_S = 60.0
_LOCK_POLL_S = 0.05
_READY_MARK = "agentos-ready"


@dataclass(frozen=True, slots=True)
class Repository:
    """A git repository: `root` is the top folder, or the git folder of a bare one.

    `head_commit` is None while it has no commit, `branch` while HEAD is detached.
    """

    root: Path
    git_folder: Path
    head_commit: str | None
    branch: str | None
    is_bare: bool

    def require_head(self) -> str:
        """The commit at HEAD; raises InvalidStateError for a repository without commits."""
        if self.head_commit is None:
            raise InvalidStateError(f"{self.root} has no commit yet; make a first commit there")
        return self.head_commit


@dataclass(frozen=True, slots=True)
class Workspace:
    """One work order's worktree: on `branch`, which began at `base_commit` of `repo_root`."""

    repo_root: Path
    path: Path
    branch: str
    base_commit: str


async def inspect_repository(path: Path) -> Repository:
    """What repository `path` is in. Submodules are tolerated, bare repositories accepted.

    Raises NotFoundError for a missing folder, InvalidArgumentError for one that is not git.
    """
    git = Git(path)
    git_folder, is_bare = await _find_git_folder(git)
    root = git_folder if is_bare else await _top_folder(git)
    head = await git.run("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    branch = await git.run("symbolic-ref", "--quiet", "--short", "HEAD")
    return Repository(
        root=root,
        git_folder=git_folder,
        head_commit=head.text if head.status == 0 else None,
        branch=branch.text if branch.status == 0 else None,
        is_bare=is_bare,
    )


async def find_git_folder(path: Path) -> Path:
    """Where the data of the repository of `path` lie; raises as `inspect_repository` does."""
    return (await _find_git_folder(Git(path)))[0]


async def _find_git_folder(git: Git) -> tuple[Path, bool]:
    """The folder, and whether the repository is bare."""
    path = git.folder
    if not _is_folder(path):
        raise NotFoundError(f"there is no folder {str(path)!r}")
    found = await git.run("rev-parse", "--is-bare-repository", "--git-common-dir")
    if found.status != 0:
        raise InvalidArgumentError(
            f"{path} is not a git repository",
            remedy="run `git init` there and commit, or name a folder inside a repository",
        )
    is_bare, common = found.text.split("\n", 1)
    return _real(path / common), is_bare == "true"


async def _top_folder(git: Git) -> Path:
    top = await git.run("rev-parse", "--show-toplevel")
    if top.status != 0:
        raise InvalidArgumentError(f"{git.folder} is inside a .git folder, not a working tree")
    return Path(top.text)


async def ensure_worktree(
    repo_root: Path, path: Path, branch: str, base_commit: str, *, is_first: bool = False
) -> Workspace:
    """The worktree at `path` on `branch`, made from `base_commit` where it is not there yet.

    Asked again, it returns the same and leaves the worker's files alone. A making that was
    killed half-way is cleared and repeated; an existing branch that began at the base is reused.
    `is_first` says that nobody has worked there: a branch of that name which is not exactly at
    the base, or is in use elsewhere, is somebody else's, and is renamed out of the way.
    Raises ConflictError where path or branch belong to something else, InvalidArgumentError for
    a commit the repository does not have.
    """
    check_branch(branch)
    check_object_id(base_commit)
    repository = await inspect_repository(repo_root)
    path = _absolute(path)
    workspace = Workspace(repository.root, path, branch, base_commit)
    git = await without_filters(Git(repository.git_folder))
    await _require_commit(git, base_commit)
    path.parent.mkdir(parents=True, exist_ok=True)
    async with _lock(repository, path):
        # A worker may have put a link there, through which the next one would work elsewhere.
        if path.is_symlink():
            path.unlink()
        if not await _is_ready(git, repository, workspace):
            await _clear_remains(git, repository, path)
            if is_first:
                await _set_aside(git, branch, base_commit)
            await _add(git, repository, workspace)
    return workspace


async def remove_worktree(repo_root: Path, path: Path) -> None:
    """Deletes the worktree at `path` with everything in it; nothing happens if it is gone.

    The branch stays. A folder that is no worktree of the repository is not touched.
    """
    repository = await inspect_repository(repo_root)
    path = _absolute(path)
    git = Git(repository.git_folder)
    async with _lock(repository, path):
        if await _find_registration(git, path) is not None:
            await git.run("worktree", "remove", "--force", "--force", "--", str(path))
            await git.check("worktree", "prune")


@dataclass(frozen=True, slots=True)
class _Registration:
    branch: str | None


async def _require_commit(git: Git, commit: str) -> None:
    found = await git.run("cat-file", "-t", commit)
    if found.status != 0 or found.text != "commit":
        raise InvalidArgumentError(f"the repository has no commit {commit}")


async def _find_registration(git: Git, path: Path) -> _Registration | None:
    listing = await git.check("worktree", "list", "--porcelain", "-z")
    wanted = _real(path)
    for record in listing.text.split("\0\0"):
        fields = dict(line.partition(" ")[::2] for line in record.split("\0") if line)
        if _real(Path(fields.get("worktree", "/"))) == wanted:
            branch = fields.get("branch", "")
            return _Registration(branch.removeprefix("refs/heads/") or None)
    return None


async def _is_ready(git: Git, repository: Repository, workspace: Workspace) -> bool:
    """Whether the worktree was completely made; its mark lies outside the worker's folder."""
    if await _find_registration(git, workspace.path) is None or not workspace.path.is_dir():
        return False
    mark = _find_mark(repository, workspace.path)
    if mark is None:
        return False
    if mark.read_text("utf-8") != _mark_text(workspace):
        raise ConflictError(
            f"{workspace.path} is the worktree of another branch or base commit; use another path"
        )
    return True


def _mark_text(workspace: Workspace) -> str:
    return f"{workspace.branch}\n{workspace.base_commit}\n"


def _administration(repository: Repository, path: Path) -> Path | None:
    """Git's own folder for the worktree at `path`, found from the repository's side."""
    for folder in sorted((repository.git_folder / "worktrees").glob("*")):
        try:
            pointer = (folder / "gitdir").read_text("utf-8", "surrogateescape").strip()
        except OSError:
            continue
        if os.path.realpath(Path(pointer).parent) == os.path.realpath(path):
            return folder
    return None


def _find_mark(repository: Repository, path: Path) -> Path | None:
    folder = _administration(repository, path)
    mark = folder / _READY_MARK if folder is not None else None
    return mark if mark is not None and mark.is_file() else None


async def _clear_remains(git: Git, repository: Repository, path: Path) -> None:
    """Removes what an interrupted making left; what somebody else put there is a conflict."""
    if await _find_registration(git, path) is not None:
        await git.run("worktree", "unlock", "--", str(path))
        await git.run("worktree", "remove", "--force", "--force", "--", str(path))
    await git.check("worktree", "prune", "--expire=now")
    if _is_occupied(path):
        if not _is_abandoned(path):
            raise ConflictError(f"{path} exists and is not this work order's worktree")
        await asyncio.to_thread(shutil.rmtree, path)


def _is_abandoned(path: Path) -> bool:
    """Whether `path` is a worktree whose registration in the repository is gone."""
    pointer = path / ".git"
    if not pointer.is_file():
        return False
    text = pointer.read_text("utf-8", "surrogateescape")
    return text.startswith("gitdir: ") and not Path(text[len("gitdir: ") :].strip()).exists()


async def _set_aside(git: Git, branch: str, base_commit: str) -> None:
    """Makes room for a fresh branch; the commits of an old one stay reachable under a new name."""
    reference = f"refs/heads/{branch}"
    if (await git.run("symbolic-ref", "--quiet", reference)).status == 0:
        # It only points to another branch, to which the work would go.
        await git.check("symbolic-ref", "--delete", reference)
        return
    existing = await git.run("rev-parse", "--verify", "--quiet", reference)
    if existing.status != 0:
        return
    listing = await git.check("worktree", "list", "--porcelain", "-z")
    is_elsewhere = f"branch {reference}" in listing.text.split("\0")
    if existing.text != base_commit or is_elsewhere:
        await git.check("branch", "-m", branch, f"{branch}-aside-{secrets.token_hex(4)}")


async def _add(git: Git, repository: Repository, workspace: Workspace) -> None:
    reference = f"refs/heads/{workspace.branch}"
    existing = await git.run("rev-parse", "--verify", "--quiet", f"{reference}^{{commit}}")
    arguments = ["worktree", "add", "--quiet"]
    if existing.status == 0:
        base_first = await git.run(
            "merge-base", "--is-ancestor", workspace.base_commit, existing.text
        )
        if base_first.status != 0:
            raise ConflictError(
                f"branch {workspace.branch!r} exists and did not begin at {workspace.base_commit}"
            )
        arguments += ["--", str(workspace.path), workspace.branch]
    else:
        arguments += ["-b", workspace.branch, "--", str(workspace.path), workspace.base_commit]
    added = await git.run(*arguments)
    if added.status != 0:
        raise ConflictError(f"the worktree cannot be made: {added.errors[-500:].strip()}")
    folder = _administration(repository, workspace.path)
    if folder is None:
        raise InvalidStateError(f"git did not register the worktree {workspace.path}")
    await asyncio.to_thread(_write_mark, folder / _READY_MARK, _mark_text(workspace))


def _write_mark(mark: Path, text: str) -> None:
    part = mark.with_suffix(".part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(mark)


@asynccontextmanager
async def _lock(repository: Repository, path: Path) -> AsyncIterator[None]:
    """One maker of worktrees a repository at a time, on this machine; a killed holder's lock is free.

    `git worktree` reads the records of every other worktree and fails on one that is half made.
    """
    descriptor = _open_lock(repository)
    try:
        try:
            async with asyncio.timeout(LOCK_TIMEOUT_S):
                while not _try_lock(descriptor):  # noqa: ASYNC110  flock has no event
                    await asyncio.sleep(_LOCK_POLL_S)
        except TimeoutError:
            raise UnavailableError(
                f"another process has been making {path} for {LOCK_TIMEOUT_S:g} s"
            ) from None
        yield
    finally:
        os.close(descriptor)


def _open_lock(repository: Repository) -> int:
    lock = repository.git_folder / "agentos-worktrees.lock"
    return os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _is_folder(path: Path) -> bool:
    return "\0" not in str(path) and path.is_dir()


def _is_occupied(path: Path) -> bool:
    return path.exists() and (not path.is_dir() or any(path.iterdir()))


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _absolute(path: Path) -> Path:
    if "\0" in str(path):
        raise InvalidArgumentError("a path must not contain NUL")
    return Path(os.path.abspath(path))


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
