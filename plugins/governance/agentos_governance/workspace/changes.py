"""What a worker really changed: a worktree's files against its base commit.

Above: gates, packets, scope. Below: git, snapshots. The worktree's own git data are not
believed: its index (assume-unchanged, skip-worktree), branches, configuration, filters, exclude
files and even the objects of the base commit may all be a worker's work. The comparison happens in a private git folder that
knows only the base commit, and every file is read again.

Left out: files that the ignore rules *of the base commit* ignore. Rules that the worker added or
changed hide nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from agentos import (
    Git,
    InvalidStateError,
    NotFoundError,
    UnavailableError,
    check_object_id,
    digest_of,
)
from agentos_governance.workspace.shown_paths import shown_path
from agentos_governance.workspace.snapshots import Snapshot, take_snapshot
from agentos_governance.workspace.worktree_state import state_digest
from agentos_governance.workspace.worktrees import (
    Workspace,
    find_git_folder,
    inspect_repository,
)

MAX_PATCH_BYTES = 8 * 1024 * 1024
_LABEL_TIMEOUT_S = 10.0

Status = Literal[
    "added", "modified", "deleted", "renamed", "mode_changed", "type_changed", "untracked"
]

_SYMLINK = "120000"
_SUBMODULE = "160000"


@dataclass(frozen=True, slots=True)
class Change:
    """One changed path, relative to the repository root.

    Bytes that are not UTF-8, control characters and backslashes in names are shown as `\\xNN`
    escapes. `untracked` is a new file that the worker did not add to git. `link_target` is set
    for symbolic links; `escapes` for links that lead out of the workspace or into `.git`, and for
    files that have another name (a hard link) outside it.
    """

    path: str
    status: Status
    old_path: str | None = None
    is_symlink: bool = False
    link_target: str | None = None
    escapes: bool = False
    old_mode: str | None = None
    new_mode: str | None = None
    old_blob: str | None = None
    new_blob: str | None = None

    def to_document(self) -> dict[str, str | bool | None]:
        """The change as a JSON value."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class DiffStatistics:
    """Sizes of a diff; files that are binary, or too large to compare, count without lines."""

    files: int
    insertions: int
    deletions: int


@dataclass(frozen=True, slots=True)
class WorkspaceDiff:
    """A worktree's difference to its base: changes in path order, sizes, patch, and a digest.

    `digest` is the SHA-256 of the canonical JSON of base commit and changes, blob ids included,
    so equal digests mean equal content. `patch` is git's binary-safe patch text; None where the
    changed content, old and new, or the patch has more than MAX_PATCH_BYTES.
    """

    changes: list[Change]
    statistics: DiffStatistics
    digest: str
    patch: bytes | None
    strays: tuple[str, ...] = ()
    """Paths that the branch holds otherwise than both the base commit and the worktree: whoever
    merges the branch would get what is not in the difference."""
    states: Mapping[str, str] = field(default_factory=dict)
    """Of the paths that were asked about and were there: the git blob, or IGNORED."""
    state_digest: str | None = None
    """The same content as `worktree_state.read_state` says it."""


async def diff_workspace(workspace: Workspace, asked: Collection[str] = ()) -> WorkspaceDiff:
    """Everything that differs from the base commit: committed, staged, unstaged, untracked.

    `asked` are paths, changed or not, whose content at that moment is told as well.
    Raises NotFoundError when the worktree is gone; InvalidStateError when a file cannot be read or
    the base commit's objects were changed; LimitExceededError when too much changed to be read.
    """
    _check_place(workspace)
    repository = await inspect_repository(workspace.repo_root)
    tracked = await _tracked_by_worker(workspace)
    async with _private_folder() as private:
        snapshot = await take_snapshot(
            private, repository.git_folder, workspace.path, workspace.base_commit
        )
        changes = _changes(await snapshot.raw_diff(), snapshot, tracked)
        statistics = await _statistics(snapshot, len(changes))
        patch = await _patch(snapshot)
        strays = await _strays(snapshot, repository.git_folder, workspace)
        states = await snapshot.states(asked)
    changes = _with_unread(changes, snapshot)
    digest = _digest(workspace, changes)
    state = state_digest(
        workspace.base_commit,
        snapshot.sides,
        escaping=snapshot.escaping_links | snapshot.shared,
        unstorable=snapshot.unstorable,
        modules=snapshot.modules,
    )
    return WorkspaceDiff(changes, statistics, digest, patch, strays, states, state)


async def fingerprint_workspace(workspace: Workspace) -> tuple[str, tuple[str, ...]]:
    """`digest` and `strays` of the difference alone, without what only a reader needs.

    Raises as `diff_workspace` does.
    """
    _check_place(workspace)
    git_folder = await find_git_folder(workspace.repo_root)
    async with _private_folder() as private:
        snapshot = await take_snapshot(private, git_folder, workspace.path, workspace.base_commit)
        changes = _changes(await snapshot.raw_diff(), snapshot, frozenset())
        strays = await _strays(snapshot, git_folder, workspace)
    return _digest(workspace, _with_unread(changes, snapshot)), strays


@contextlib.asynccontextmanager
async def _private_folder() -> AsyncIterator[Path]:
    """A new folder, removed in the end by a thread: thousands of objects may be in it."""
    folder = Path(tempfile.mkdtemp(prefix="agentos-diff-"))
    try:
        yield folder
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _check_place(workspace: Workspace) -> None:
    check_object_id(workspace.base_commit)
    if workspace.path.is_symlink():
        raise InvalidStateError(f"the worktree {workspace.path} is a link; it must be a folder")
    if not workspace.path.is_dir():
        raise NotFoundError(f"the worktree {workspace.path} is gone")


def _with_unread(changes: Sequence[Change], snapshot: Snapshot) -> list[Change]:
    """The changes in order, with what git cannot store and what submodules hold."""
    unstorable = [
        Change(shown_path(path), "untracked", is_symlink=False, escapes=False)
        for path in snapshot.unstorable
    ]
    modules = [
        Change(shown_path(path), "modified", new_mode=_SUBMODULE) for path in snapshot.modules
    ]
    return sorted(
        [*changes, *unstorable, *modules], key=lambda change: (change.path, change.status)
    )


def _digest(workspace: Workspace, changes: Sequence[Change]) -> str:
    return digest_of(
        {
            "base_commit": workspace.base_commit,
            "changes": [
                {k: v for k, v in change.to_document().items() if not _is_label(k, v)}
                for change in changes
            ],
        }
    )


async def diff_against_base(workspace: Workspace) -> list[Change]:
    """The changes alone; see `diff_workspace`."""
    return (await diff_workspace(workspace)).changes


async def diff_statistics(workspace: Workspace) -> DiffStatistics:
    """The sizes alone; see `diff_workspace`."""
    return (await diff_workspace(workspace)).statistics


async def diff_digest(workspace: Workspace) -> str:
    """The digest alone; see `diff_workspace`."""
    return (await diff_workspace(workspace)).digest


async def _strays(snapshot: Snapshot, git_folder: Path, workspace: Workspace) -> tuple[str, ...]:
    """See `WorkspaceDiff.strays`; none where the branch is gone or still at the base."""
    tip = await Git(git_folder).run(
        "rev-parse", "--verify", "--quiet", f"refs/heads/{workspace.branch}^{{commit}}"
    )
    if tip.status != 0 or tip.text == workspace.base_commit:
        return ()
    return tuple(shown_path(path) for path in await snapshot.strays(check_object_id(tip.text)))


def _is_label(key: str, value: object) -> bool:
    """Whether a field depends on how the worker used git, and not on the content."""
    return key == "status" and value in {"added", "untracked"}


async def _tracked_by_worker(workspace: Workspace) -> frozenset[bytes]:
    """Paths in the worker's own index: only a label, so an unreadable index is an empty one."""
    with contextlib.suppress(UnavailableError):
        git = Git(workspace.path, timeout_s=_LABEL_TIMEOUT_S)
        listed = await git.run("ls-files", "-z", "--cached")
        if listed.status == 0:
            return frozenset(listed.output.split(b"\0"))
    return frozenset()


def _changes(raw: bytes, snapshot: Snapshot, tracked: frozenset[bytes]) -> list[Change]:
    changes = []
    fields = iter(raw.split(b"\0"))
    for header in fields:
        if not header.startswith(b":"):
            continue
        old_mode, new_mode, old_blob, new_blob, status = header[1:].decode("ascii").split(" ")
        old_path = next(fields)
        path = next(fields) if status[0] in "RC" else old_path
        label = _status(status[0], old_mode, new_mode, old_blob == new_blob, path in tracked)
        target = snapshot.link_targets.get(path) if new_mode == _SYMLINK else None
        changes.append(
            Change(
                path=shown_path(path),
                status=label,
                old_path=shown_path(old_path) if label == "renamed" else None,
                is_symlink=new_mode == _SYMLINK,
                link_target=shown_path(target) if target is not None else None,
                escapes=path in snapshot.escaping_links or path in snapshot.shared,
                old_mode=_present(old_mode),
                new_mode=_present(new_mode),
                old_blob=_present(old_blob),
                new_blob=_present(new_blob),
            )
        )
    return changes


def _status(letter: str, old_mode: str, new_mode: str, same: bool, is_tracked: bool) -> Status:
    if letter == "A":
        return "added" if is_tracked else "untracked"
    if letter == "D":
        return "deleted"
    if letter == "R":
        return "renamed"
    if letter == "T":
        return "type_changed"
    return "mode_changed" if same and old_mode != new_mode else "modified"


def _present(value: str) -> str | None:
    return None if set(value) == {"0"} else value


async def _patch(snapshot: Snapshot) -> bytes | None:
    if snapshot.changed_bytes > MAX_PATCH_BYTES:
        return None
    patch = await snapshot.patch()
    return patch if len(patch) <= MAX_PATCH_BYTES else None


async def _statistics(snapshot: Snapshot, n_changes: int) -> DiffStatistics:
    """Sums `--numstat -z`: `added TAB deleted TAB path`, dashes for binary files."""
    if not snapshot.is_compared:
        return DiffStatistics(n_changes, 0, 0)
    files = insertions = deletions = 0
    for line in (await snapshot.numbers()).split(b"\0"):
        columns = line.split(b"\t", 2)
        if len(columns) != 3:
            continue
        files += 1
        if columns[0] != b"-":
            insertions += int(columns[0])
            deletions += int(columns[1])
    return DiffStatistics(files, insertions, deletions)
