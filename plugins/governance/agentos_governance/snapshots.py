"""A worktree as a git tree, built in a private git folder that no worker can reach.

Above: changes. Below: git, worktree_files. The private folder borrows the repository's objects
(content-addressed, so they cannot lie) and has no configuration, hooks, filters, exclude files or
replacement refs of its own.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from agentos import InvalidStateError
from agentos_governance.git import Git
from agentos_governance.worktree_files import list_worktree_files

_SUBMODULE = b"160000"
_RENAME_LIMIT = "2000"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The worktree's content as `tree`, comparable with `base_commit` while `git` exists.

    `unstorable` are paths a tree cannot hold, `modules` submodules that differ; both are changes.
    """

    git: Git
    base_commit: str
    tree: str
    link_targets: dict[bytes, bytes]
    escaping_links: frozenset[bytes]
    unstorable: list[bytes]
    modules: list[bytes]

    async def raw_diff(self) -> bytes:
        """`git diff-tree --raw -z`: modes, blob ids, status and paths, renames detected."""
        return await self._diff("--raw", "-z", "--no-abbrev")

    async def numbers(self) -> bytes:
        """`git diff-tree --numstat -z`, renames as deletion and addition."""
        return await self._diff("--numstat", "-z", "--no-renames")

    async def patch(self) -> bytes:
        """A binary-safe patch that turns the base into the worktree."""
        return await self._diff("--patch", "--binary", "--full-index")

    async def _diff(self, *form: str) -> bytes:
        renames = () if "--no-renames" in form else ("-M", f"-l{_RENAME_LIMIT}")
        result = await self.git.check(
            "diff-tree",
            "-r",
            "--no-ext-diff",
            "--no-textconv",
            "--no-color",
            *renames,
            *form,
            self.base_commit,
            self.tree,
        )
        return result.output


async def take_snapshot(
    private: Path, git_folder: Path, worktree: Path, base_commit: str
) -> Snapshot:
    """Reads every file of `worktree` into a tree kept in the empty folder `private`.

    Raises InvalidStateError when the base commit is missing or a file cannot be read.
    """
    git = await _make_private_git(private, git_folder, worktree)
    base = await _list_base(git, base_commit)
    submodules = {path: entry for path, entry in base.items() if entry[0] == _SUBMODULE}
    found = await asyncio.to_thread(list_worktree_files, worktree, frozenset(submodules))
    await git.check("read-tree", base_commit)
    ignored = await _ignored(private, git, base, [p for p in found.files if p not in base])
    kept = [path for path in found.files if path not in ignored]
    changed_modules = [p for p in submodules if _has_content(worktree, p)]
    present = {*kept, *(path for path in submodules if path in found.folders)}
    await _remove(git, [path for path in base if path not in present])
    added = await git.run(
        "update-index", "--add", "--replace", "-z", "--stdin", input_bytes=_joined(kept)
    )
    if added.status != 0:
        raise InvalidStateError(f"a file cannot be read: {added.errors[-500:].strip()}")
    tree = (await git.check("write-tree")).text
    return Snapshot(
        git,
        base_commit,
        tree,
        found.link_targets,
        frozenset(found.escaping_links),
        found.unstorable,
        changed_modules,
    )


async def _make_private_git(private: Path, git_folder: Path, worktree: Path) -> Git:
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
    environment = {
        "GIT_DIR": str(folder),
        "GIT_WORK_TREE": str(worktree),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": _quoted(git_folder / "objects"),
    }
    return Git(worktree, ("core.bare=false",), environment)


def _quoted(path: Path) -> str:
    text = str(path)
    if ":" in text or text.startswith('"'):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text


async def _list_base(git: Git, base_commit: str) -> dict[bytes, tuple[bytes, bytes]]:
    """Mode and object id of every path in the base commit."""
    listed = await git.check("ls-tree", "-r", "-z", "--full-tree", base_commit)
    base = {}
    for record in listed.output.split(b"\0"):
        header, tab, path = record.partition(b"\t")
        if tab:
            mode, _, identifier = header.split(b" ")
            base[path] = (mode, identifier)
    return base


async def _ignored(
    private: Path, git: Git, base: dict[bytes, tuple[bytes, bytes]], paths: list[bytes]
) -> frozenset[bytes]:
    """The paths that the ignore files of the base commit, and no others, ignore."""
    if not paths:
        return frozenset()
    rules = private / "rules"
    rules.mkdir()
    for path, (mode, identifier) in base.items():
        is_file = mode in {b"100644", b"100755"}
        if is_file and os.path.basename(path) == b".gitignore":
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
