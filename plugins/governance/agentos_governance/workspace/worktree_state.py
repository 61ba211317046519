"""A worktree's content as one digest, proven anew with as few git processes as can be.

Above: review/worktree, for approvals; changes, which makes the same digest at submission. Below:
verified_trees, worktree_files. It is no weaker than the whole comparison, since every file that counts
is read and hashed again, against trees of the base that were hashed as well; times and sizes prove
nothing. Saved is what only readers of the difference need: renames, numbers, a patch. Where it cannot tell
(filters of attributes, very many files), it says nothing, and the whole comparison decides.
"""

from __future__ import annotations

import asyncio
import os
import re
import stat
import tempfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from agentos import Git, InvalidStateError, check_branch, check_object_id, digest_of
from agentos_governance.workspace.shown_paths import shown_path
from agentos_governance.workspace.verified_trees import (
    Entries,
    TreeCache,
    list_commit,
    object_id,
    read_objects,
)
from agentos_governance.workspace.worktree_files import WorktreeFiles, list_worktree_files
from agentos_governance.workspace.worktrees import Workspace

MAX_FILES = 20_000
MAX_FILE_BYTES = 32 << 20
MAX_ALL_BYTES = 256 << 20
"""Beyond these, git reads files faster than this does."""

_SUBMODULE = b"160000"
_LINK = b"120000"
_PLAIN_FILES = frozenset({b"100644", b"100755"})
_LOOSE_REF = re.compile(rb"([0-9a-f]{40}(?:[0-9a-f]{24})?)\n")
_MAX_REF_BYTES = 100
_TREES = TreeCache()


@dataclass(frozen=True, slots=True)
class WorktreeState:
    """What a worktree holds; `has_strays` where its branch holds what neither it nor the base does."""

    digest: str
    has_strays: bool


def state_digest(
    base_commit: str,
    sides: Mapping[bytes, bytes],
    *,
    escaping: Collection[bytes],
    unstorable: Iterable[bytes],
    modules: Iterable[bytes],
) -> str:
    """The digest of a state; equal digests mean equal content.

    `sides` are mode and blob, as git writes them, of every path that differs from the base, zeros where
    it is gone; `escaping` links and files that lead out of the worktree.
    """
    changed = [
        [path.hex(), sides[path].decode("ascii"), path in escaping] for path in sorted(sides)
    ]
    return digest_of(
        {
            "base_commit": base_commit,
            "changed": changed,
            "unstorable": [path.hex() for path in sorted(unstorable)],
            "modules": [path.hex() for path in sorted(modules)],
        }
    )


async def read_state(workspace: Workspace, known: Collection[str]) -> WorktreeState | None:
    """What the worktree holds now; None where that cannot be told here.

    `known` are paths, as `shown_path` shows them, of which it is known that the base commit does not
    ignore them. Raises InvalidStateError where objects are not what their ids say.
    """
    git, base_commit = Git(workspace.repo_root), check_object_id(workspace.base_commit)
    check_branch(workspace.branch)
    base = await list_commit(git, base_commit, _TREES)
    if base is None:
        return None
    submodules = frozenset(path for path, (mode, _) in base.items() if mode == _SUBMODULE)
    seen = await asyncio.to_thread(_look, workspace, base, submodules, known)
    found, sides = seen.found, seen.sides
    if seen.fresh:
        ignored = await _ignored(git, base, seen.fresh)
        if ignored is None:
            return None
        kept = [path for path in found.files if path not in ignored]
        sides = await asyncio.to_thread(_sides, workspace.path, kept, found, base, len(base_commit))
    if sides is None:
        return None
    strays = False
    tip = seen.tip or await _find_tip(git, workspace.branch)
    if tip is not None and tip != base_commit:
        committed = await list_commit(git, tip, _TREES, _folders_of(sides))
        if committed is None:
            return None
        strays = _has_strays(base, committed, sides)
    digest = state_digest(
        base_commit,
        sides,
        escaping=found.escaping_links | found.shared,
        unstorable=found.unstorable,
        modules=[path for path in submodules if _has_content(workspace.path, path)],
    )
    return WorktreeState(digest, strays)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the file system alone says."""

    found: WorktreeFiles
    tip: str | None
    fresh: list[bytes]
    """New paths that the base may ignore."""
    sides: dict[bytes, bytes] | None
    """Known where none is fresh."""


def _look(
    workspace: Workspace, base: Entries, submodules: frozenset[bytes], known: Collection[str]
) -> _Seen:
    found = list_worktree_files(workspace.path, submodules)
    fresh = [path for path in found.files if path not in base and shown_path(path) not in known]
    digits = len(workspace.base_commit)
    sides = None if fresh else _sides(workspace.path, found.files, found, base, digits)
    return _Seen(found, _loose_tip(workspace), fresh, sides)


def _loose_tip(workspace: Workspace) -> str | None:
    """Where the branch is, of a repository in which nothing but a file of that name can say so.

    None where git has to be asked: linked git folders, other stores of refs, symbolic or packed refs.
    """
    folder = workspace.repo_root / ".git"
    try:
        if folder.is_symlink() or os.path.lexists(folder / "commondir"):
            return None
        if b"refstorage" in (folder / "config").read_bytes().lower():
            return None
        content = (folder / "refs/heads" / workspace.branch).read_bytes()[:_MAX_REF_BYTES]
    except OSError:
        return None
    match = _LOOSE_REF.fullmatch(content)
    return match[1].decode("ascii") if match else None


async def _find_tip(git: Git, branch: str) -> str | None:
    """The commit of a branch as git says; None where there is none."""
    tip = await git.run("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}^{{commit}}")
    return check_object_id(tip.text) if tip.status == 0 else None


def _folders_of(sides: Iterable[bytes]) -> set[bytes]:
    """Every folder above the paths, but for the root."""
    found: set[bytes] = set()
    for path in sides:
        while (path := path.rpartition(b"/")[0]) and path not in found:
            found.add(path)
    return found


def _sides(
    worktree: Path, kept: list[bytes], found: WorktreeFiles, base: Entries, digits: int
) -> dict[bytes, bytes] | None:
    """Mode and blob of each path that differs from the base; None where something cannot be read."""
    if len(kept) > MAX_FILES or sum(found.sizes[path] for path in kept) > MAX_ALL_BYTES:
        return None
    root = os.fsencode(worktree)
    sides: dict[bytes, bytes] = {}
    for path in kept:
        target = found.link_targets.get(path)
        side = (_LINK, target) if target is not None else _read_file(os.path.join(root, path))
        if side is None:
            return None
        entry = (side[0], object_id("blob", side[1], digits))
        if base.get(path) != entry:
            sides[path] = _side(entry)
    present = set(kept)
    for path, (mode, _) in base.items():
        if path not in present and not (mode == _SUBMODULE and path in found.folders):
            sides[path] = _gone(digits)
    return sides


def _read_file(path: bytes) -> tuple[bytes, bytes] | None:
    """Mode and content of a regular file; None where there is none, or a large one."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with open(descriptor, "rb", buffering=0) as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE_BYTES:
            return None
        content = file.read()
    return b"100755" if status.st_mode & stat.S_IXUSR else b"100644", content


def _gone(digits: int) -> bytes:
    return b"000000 " + b"0" * digits


def _side(entry: tuple[bytes, str]) -> bytes:
    return entry[0] + b" " + entry[1].encode("ascii")


def _has_strays(base: Entries, committed: Entries, sides: Mapping[bytes, bytes]) -> bool:
    """Whether a commit holds a path otherwise than both the base and the worktree."""
    changed = {path for path, _ in base.items() ^ committed.items()}
    return any(sides.get(path) != _side_of(committed, path, base) for path in changed)


def _side_of(committed: Entries, path: bytes, base: Entries) -> bytes:
    entry = committed.get(path)
    return _side(entry) if entry is not None else _gone(len(base[path][1]))


def _has_content(worktree: Path, submodule: bytes) -> bool:
    """Whether a submodule was filled: nothing here fills one, so a worker did."""
    try:
        return bool(os.listdir(os.path.join(os.fsencode(worktree), submodule)))
    except (FileNotFoundError, NotADirectoryError):
        return False


async def _ignored(git: Git, base: Entries, paths: list[bytes]) -> frozenset[bytes] | None:
    """Those of the paths that the ignore files of the base commit ignore; None where git does not say."""
    rules = {
        path: blob
        for path, (mode, blob) in base.items()
        if mode in _PLAIN_FILES and os.path.basename(path) == b".gitignore"
    }
    if not rules:
        return frozenset()
    contents = await read_objects(git, sorted(set(rules.values())))
    for blob in rules.values():
        read = contents.get(blob)
        if read is None or object_id("blob", read[2], len(blob)) != blob:
            raise InvalidStateError(f"the repository has no blob {blob}, or another under its id")
    with tempfile.TemporaryDirectory(prefix="agentos-rules-") as name:
        top = Path(name)
        written = {path: contents[blob][2] for path, blob in rules.items()}
        await asyncio.to_thread(_write_rules, top, written)
        own = {"GIT_DIR": str(top / "git"), "GIT_WORK_TREE": str(top / "rules")}
        asked = b"".join(path + b"\0" for path in paths)
        checked = await Git(top / "rules", ("core.bare=false",), own).run(
            "check-ignore", "--no-index", "-z", "--stdin", input_bytes=asked
        )
    return frozenset(checked.output.split(b"\0")) if checked.status in {0, 1} else None


def _write_rules(top: Path, rules: Mapping[bytes, bytes]) -> None:
    """The ignore files, and the least that git takes for a repository."""
    for folder in ("git/objects", "git/refs", "rules"):
        (top / folder).mkdir(parents=True)
    (top / "git/HEAD").write_text("ref: refs/heads/none\n", "ascii")
    for path, content in rules.items():
        file = top / "rules" / os.fsdecode(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
