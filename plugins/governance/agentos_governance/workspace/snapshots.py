"""A worktree as a git tree, built in a private git folder that no worker can reach.

Above: changes. Below: verified_objects, worktree_files. The private folder has no configuration,
hooks, filters, exclude files or replacement refs. What is compared in it was hashed on the way in;
the repository's objects are borrowed only to save writing again what is there already.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from agentos import Git, InvalidStateError, LimitExceededError
from agentos_governance.workspace.verified_objects import blob_sizes, copy_blobs, copy_trees
from agentos_governance.workspace.worktree_files import WorktreeFiles, list_worktree_files

MAX_FILE_BYTES = 256 * 1024 * 1024
MAX_CHANGED_BYTES = 1024 * 1024 * 1024
MAX_COMPARED_BYTES = 64 * 1024 * 1024

IGNORED = "ignored"
"""What stands for the blob of a file that the ignore rules of the base commit leave out."""

_SUBMODULE = b"160000"
_RENAME_LIMIT = "2000"
_PLAIN = ("--raw", "-z", "--no-abbrev", "--no-renames")

Entries = dict[bytes, tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The worktree's content as `tree`, comparable with `base_tree` while `git` exists.

    `unstorable` are paths a tree cannot hold, `modules` submodules that differ; both are changes.
    `shared` are files with another name outside the worktree. `changed_bytes` is the content on both sides of all changes; beyond MAX_COMPARED_BYTES it is
    not compared: renames are exact ones only, and there are no numbers and no patch.
    """

    git: Git
    borrowing: Git
    base_tree: str
    tree: str
    changed_bytes: int
    plain_diff: bytes
    """`git diff-tree --raw -z` without renames."""
    link_targets: dict[bytes, bytes]
    escaping_links: frozenset[bytes]
    shared: frozenset[bytes]
    unstorable: list[bytes]
    modules: list[bytes]
    ignored: frozenset[bytes]

    @property
    def is_compared(self) -> bool:
        """Whether the content on both sides of the changes is there to be compared."""
        return self.changed_bytes <= MAX_COMPARED_BYTES

    async def raw_diff(self) -> bytes:
        """`git diff-tree --raw -z`: modes, blob ids, status and paths, renames detected."""
        return await self._diff("--raw", "-z", "--no-abbrev", *self._renames())

    async def strays(self, commit: str) -> list[bytes]:
        """Paths that `commit` holds otherwise than both the base and the worktree, sorted."""
        tree = await copy_trees(self.borrowing, self.git, commit)
        committed = _sides(await _diff_trees(self.git, self.base_tree, tree, *_PLAIN))
        submitted = self.sides
        return sorted(path for path, side in committed.items() if submitted.get(path) != side)

    @property
    def sides(self) -> dict[bytes, bytes]:
        """Mode and blob, after the change, of every path that the worktree changes from the base."""
        return _sides(self.plain_diff)

    async def states(self, paths: Collection[str]) -> dict[str, str]:
        """The blob of each path that the tree holds; IGNORED of those that the base ignores."""
        if not paths:
            return {}
        held = await _list_base(self.git, self.tree)
        found: dict[str, str] = {}
        for path in paths:
            name = path.encode("utf-8", "surrogateescape")
            if name in held:
                found[path] = held[name][1].decode("ascii")
            elif name in self.ignored:
                found[path] = IGNORED
        return found

    async def numbers(self) -> bytes:
        """`git diff-tree --numstat -z`, renames as deletion and addition."""
        return await self._diff("--numstat", "-z", "--no-renames")

    async def patch(self) -> bytes:
        """A binary-safe patch that turns the base into the worktree."""
        return await self._diff("--patch", "--binary", "--full-index", *self._renames())

    def _renames(self) -> tuple[str, ...]:
        return ("-M" if self.is_compared else "-M100%", f"-l{_RENAME_LIMIT}")

    async def _diff(self, *form: str) -> bytes:
        return await _diff_trees(self.git, self.base_tree, self.tree, *form)


async def take_snapshot(
    private: Path, git_folder: Path, worktree: Path, base_commit: str
) -> Snapshot:
    """Reads every file of `worktree` into a tree kept in the empty folder `private`.

    Raises InvalidStateError when the base commit's objects are missing or not what their ids say,
    or a file cannot be read; LimitExceededError, before any content is read, for changed files of
    more than MAX_FILE_BYTES each or MAX_CHANGED_BYTES together.
    """
    git, borrowing = await _make_private_git(private, git_folder, worktree)
    base_tree = await copy_trees(borrowing, git, base_commit)
    base = await _list_base(git, base_tree)
    submodules = {path: entry for path, entry in base.items() if entry[0] == _SUBMODULE}
    found = await asyncio.to_thread(list_worktree_files, worktree, frozenset(submodules))
    await _copy_rules(borrowing, git, base)
    ignored = await _ignored(private, git, base, [p for p in found.files if p not in base])
    kept = [path for path in found.files if path not in ignored]
    await _check_sizes(borrowing, base, kept, found)
    changed_modules = [p for p in submodules if _has_content(worktree, p)]
    present = {*kept, *(path for path in submodules if path in found.folders)}
    await git.check("read-tree", base_tree)
    await _remove(git, [path for path in base if path not in present])
    tree = await _write_tree(git, borrowing, kept)
    plain = await _diff_trees(git, base_tree, tree, *_PLAIN)
    return Snapshot(
        git,
        borrowing,
        base_tree,
        tree,
        await _copy_changed(borrowing, git, plain),
        plain,
        found.link_targets,
        frozenset(found.escaping_links),
        frozenset(found.shared),
        found.unstorable,
        changed_modules,
        ignored,
    )


async def _write_tree(git: Git, borrowing: Git, paths: list[bytes]) -> str:
    added = await borrowing.run(
        "update-index", "--add", "--replace", "-z", "--stdin", input_bytes=_joined(paths)
    )
    if added.status != 0:
        raise InvalidStateError(f"a file cannot be read: {added.errors[-500:].strip()}")
    # Without the borrowed objects every tree is written anew, whatever lies there under its id.
    return (await git.check("write-tree", "--missing-ok")).text


async def _copy_changed(borrowing: Git, git: Git, raw: bytes) -> int:
    """Make both sides of every change comparable; how many bytes they have together."""
    blobs = set()
    for header in raw.split(b"\0")[::2]:
        columns = header.removeprefix(b":").decode("ascii", "replace").split(" ")
        sides = zip(columns[:2], columns[2:4], strict=False)
        blobs |= {blob for mode, blob in sides if mode not in {"000000", "160000"}}
    sizes = await blob_sizes(borrowing, blobs)
    changed_bytes = sum(sizes.values())
    if changed_bytes <= MAX_COMPARED_BYTES:
        await copy_blobs(borrowing, git, blobs)
    return changed_bytes


async def _check_sizes(
    borrowing: Git, base: Entries, kept: list[bytes], found: WorktreeFiles
) -> None:
    """Refuse before git reads for minutes; files as large as at the base count as unchanged."""
    sizes = {path: found.sizes[path] for path in kept}
    if max(sizes.values(), default=0) > MAX_FILE_BYTES or sum(sizes.values()) > MAX_CHANGED_BYTES:
        at_base = await blob_sizes(
            borrowing, [blob.decode("ascii") for mode, blob in base.values() if mode != _SUBMODULE]
        )
        for path in kept:
            if path in base and at_base.get(base[path][1].decode("ascii")) == sizes[path]:
                del sizes[path]
    for path, size in sizes.items():
        if size > MAX_FILE_BYTES:
            raise LimitExceededError(
                f"{os.fsdecode(path)!r} has {size} bytes; the limit is {MAX_FILE_BYTES} bytes a "
                "changed file"
            )
    if sum(sizes.values()) > MAX_CHANGED_BYTES:
        raise LimitExceededError(
            f"the changed files have {sum(sizes.values())} bytes; the limit is "
            f"{MAX_CHANGED_BYTES} bytes together"
        )


def _sides(raw: bytes) -> dict[bytes, bytes]:
    fields = raw.split(b"\0")
    return {
        path: b" ".join(header.split(b" ")[1:4:2])
        for header, path in zip(fields[::2], fields[1::2], strict=False)
    }


async def _diff_trees(git: Git, base_tree: str, tree: str, *form: str) -> bytes:
    plain = ("-r", "--no-ext-diff", "--no-textconv", "--no-color")
    return (await git.check("diff-tree", *plain, *form, base_tree, tree)).output


async def _make_private_git(private: Path, git_folder: Path, worktree: Path) -> tuple[Git, Git]:
    """Git in a folder of its own, and the same git with the repository's objects besides."""
    form = await Git(git_folder).check("rev-parse", "--show-object-format")
    folder = private / "git"
    await Git(private).check(
        "init",
        "--quiet",
        "--bare",
        "--template=",
        f"--object-format={form.text}",
        "--",
        str(folder),
    )
    own = {"GIT_DIR": str(folder), "GIT_WORK_TREE": str(worktree)}
    borrowed = {**own, "GIT_ALTERNATE_OBJECT_DIRECTORIES": _quoted(git_folder / "objects")}
    settings = ("core.bare=false",)
    return Git(worktree, settings, own), Git(worktree, settings, borrowed)


def _quoted(path: Path) -> str:
    text = str(path)
    if ":" in text or text.startswith('"'):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text


async def _list_base(git: Git, base_tree: str) -> Entries:
    """Mode and object id of every path in the base commit."""
    listed = await git.check("ls-tree", "-r", "-z", "--full-tree", base_tree)
    base = {}
    for record in listed.output.split(b"\0"):
        header, tab, path = record.partition(b"\t")
        if tab:
            mode, _, identifier = header.split(b" ")
            base[path] = (mode, identifier)
    return base


async def _copy_rules(borrowing: Git, git: Git, base: Entries) -> None:
    rules = [entry[1].decode("ascii") for path, entry in base.items() if _is_rules(path, entry[0])]
    await copy_blobs(borrowing, git, rules)


def _is_rules(path: bytes, mode: bytes) -> bool:
    return mode in {b"100644", b"100755"} and os.path.basename(path) == b".gitignore"


async def _ignored(private: Path, git: Git, base: Entries, paths: list[bytes]) -> frozenset[bytes]:
    """The paths that the ignore files of the base commit, and no others, ignore."""
    if not paths:
        return frozenset()
    rules = private / "rules"
    rules.mkdir()
    for path, (mode, identifier) in base.items():
        if _is_rules(path, mode):
            blob = await git.check("cat-file", "blob", identifier.decode("ascii"))
            _write_rules(rules / os.fsdecode(path), blob.output)
    environment = {**git.environment, "GIT_WORK_TREE": str(rules)}
    checked = await Git(rules, git.settings, environment).run(
        "check-ignore", "--no-index", "-z", "--stdin", input_bytes=_joined(paths)
    )
    if checked.status not in {0, 1}:
        raise InvalidStateError(f"ignore rules cannot be read: {checked.errors[-500:].strip()}")
    return frozenset(checked.output.split(b"\0"))


def _write_rules(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


async def _remove(git: Git, paths: list[bytes]) -> None:
    zeros = b"0" * 40
    lines = b"".join(b"0 " + zeros + b"\t" + path + b"\0" for path in paths)
    await git.check("update-index", "-z", "--index-info", input_bytes=lines)


def _joined(paths: list[bytes]) -> bytes:
    return b"".join(path + b"\0" for path in paths)


def _has_content(worktree: Path, submodule: bytes) -> bool:
    """Whether a submodule was filled: nothing here fills one, so a worker did."""
    try:
        return bool(os.listdir(os.path.join(os.fsencode(worktree), submodule)))
    except (FileNotFoundError, NotADirectoryError):
        return False
