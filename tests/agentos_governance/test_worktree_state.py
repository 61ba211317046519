"""The short way of reading a worktree says just what the whole comparison says, or nothing."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from agentos import InvalidStateError
from agentos_governance.workspace import worktree_state
from agentos_governance.workspace.changes import WorkspaceDiff, diff_workspace
from agentos_governance.workspace.verified_trees import TreeCache
from agentos_governance.workspace.worktree_state import WorktreeState, read_state
from agentos_governance.workspace.worktrees import Workspace, ensure_worktree
from tests.agentos_governance.repositories import git, make_repository

pytestmark = pytest.mark.anyio

Change = Callable[[Path], None]


@pytest.fixture(autouse=True)
def fresh_cache(monkeypatch: pytest.MonkeyPatch) -> TreeCache:
    cache = TreeCache()
    monkeypatch.setattr(worktree_state, "_TREES", cache)
    return cache


@pytest.fixture
async def workspace(tmp_path: Path) -> Workspace:
    repository = make_repository(tmp_path / "repo")
    (repository / "docs" / "deep" / "er").mkdir(parents=True)
    (repository / "docs" / "deep" / "er" / "a.md").write_text("a\n", "utf-8")
    (repository / "docs" / ".gitignore").write_text("*.tmp\n!kept.tmp\n", "utf-8")
    os.symlink("app.py", repository / "src" / "link.py")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "Second")
    head = git(repository, "rev-parse", "HEAD")
    return await ensure_worktree(repository, tmp_path / "work", "wo", head)


def nothing(work: Path) -> None:
    """Nothing."""


def edit(work: Path) -> None:
    (work / "src" / "app.py").write_text("print('two')\n", "utf-8")


def add(work: Path) -> None:
    (work / "new").mkdir()
    (work / "new" / "b.py").write_text("b = 1\n", "utf-8")


def delete(work: Path) -> None:
    (work / "docs" / "deep" / "er" / "a.md").unlink()


def make_executable(work: Path) -> None:
    (work / "run.sh").chmod(0o755)


def rename(work: Path) -> None:
    (work / "src" / "old.py").rename(work / "src" / "newer.py")


def link_inside(work: Path) -> None:
    os.symlink("src/app.py", work / "inside.py")


def link_outside(work: Path) -> None:
    os.symlink("/etc/hostname", work / "outside")


def move_link(work: Path) -> None:
    (work / "src" / "link.py").unlink()
    os.symlink("old.py", work / "src" / "link.py")


def file_for_link(work: Path) -> None:
    (work / "src" / "link.py").unlink()
    (work / "src" / "link.py").write_text("app.py", "utf-8")


def file_for_folder(work: Path) -> None:
    delete(work)
    (work / "docs" / "deep" / "er").rmdir()
    (work / "docs" / "deep" / "er").write_text("a file now\n", "utf-8")


def folder_for_file(work: Path) -> None:
    (work / "README.md").unlink()
    (work / "README.md").mkdir()
    (work / "README.md" / "a").write_text("a\n", "utf-8")


def leave_products(work: Path) -> None:
    (work / "build").mkdir()
    (work / "build" / "out").write_text("built\n", "utf-8")
    (work / "src" / "app.pyc").write_bytes(b"\0")
    (work / "docs" / "a.tmp").write_text("left\n", "utf-8")
    (work / "docs" / "kept.tmp").write_text("kept\n", "utf-8")


def ignore_more(work: Path) -> None:
    (work / ".gitignore").write_text("*\n", "utf-8")
    add(work)


def odd_names(work: Path) -> None:
    for name in (b"a\\b", b"new\nline", b"\xff\xfe", "gr\u00fcn".encode()):
        Path(os.fsdecode(os.fsencode(work) + b"/" + name)).write_text("x\n", "utf-8")


def hard_link(work: Path) -> None:
    (work.parent / "elsewhere").write_text("shared\n", "utf-8")
    os.link(work.parent / "elsewhere", work / "src" / "shared.py")


def pipe(work: Path) -> None:
    os.mkfifo(work / "pipe")


def nested_repository(work: Path) -> None:
    (work / "nested").mkdir()
    git(work / "nested", "init", "--quiet")
    (work / "nested" / "a").write_text("a\n", "utf-8")


def commit(work: Path) -> None:
    edit(work)
    add(work)
    git(work, "add", ".")
    git(work, "commit", "--quiet", "-m", "Work")


def commit_and_take_back(work: Path) -> None:
    commit(work)
    (work / "src" / "app.py").write_text("print('one')\n" * 20, "utf-8")


def commit_a_deletion_and_take_it_back(work: Path) -> None:
    git(work, "rm", "--quiet", "README.md")
    git(work, "commit", "--quiet", "-m", "Work")
    (work / "README.md").write_text("read me\n", "utf-8")


def commit_and_pack(work: Path) -> None:
    commit_and_take_back(work)
    git(work, "pack-refs", "--all")


def lose_the_branch(work: Path) -> None:
    git(work, "checkout", "--quiet", "--detach")
    git(work, "branch", "-D", "wo")


def at_once(work: Path) -> None:
    """What does not exclude each other."""
    for change in (
        edit, add, delete, make_executable, rename, link_inside, link_outside, leave_products,
        odd_names, hard_link, pipe, nested_repository,
    ):  # fmt: skip
        change(work)


CHANGES: list[Change] = [
    nothing, at_once, move_link, file_for_link, file_for_folder, folder_for_file, ignore_more,
    commit, commit_and_take_back, commit_a_deletion_and_take_it_back, lose_the_branch,
    commit_and_pack,
]  # fmt: skip


def said(diff: WorkspaceDiff) -> WorktreeState:
    assert diff.state_digest is not None
    return WorktreeState(diff.state_digest, bool(diff.strays))


@pytest.mark.parametrize("change", CHANGES)
async def test_both_ways_say_the_same_of_a_worktree(workspace: Workspace, change: Change) -> None:
    change(workspace.path)
    diff = await diff_workspace(workspace)
    state = await read_state(workspace, frozenset(each.path for each in diff.changes))
    assert state == said(diff)
    assert await read_state(workspace, frozenset()) == state


@pytest.mark.parametrize("change", [edit, leave_products, link_inside, commit_and_take_back])
async def test_whatever_is_changed_after_a_submission_is_another_state(
    workspace: Workspace, change: Change
) -> None:
    (workspace.path / "src" / "submitted.py").write_text("submitted = 1\n", "utf-8")
    diff = await diff_workspace(workspace)
    known = frozenset(each.path for each in diff.changes)
    before = said(diff)
    change(workspace.path)
    after = await diff_workspace(workspace)
    assert await read_state(workspace, known) == said(after)
    assert (said(after) == before) == (
        after.digest == diff.digest and bool(after.strays) == bool(diff.strays)
    )


async def test_times_and_sizes_that_are_set_back_prove_nothing(workspace: Workspace) -> None:
    before = await read_state(workspace, frozenset())
    file = workspace.path / "src" / "app.py"
    status = file.stat()
    text = file.read_text("utf-8")
    with file.open("r+", encoding="utf-8") as opened:
        opened.write(text.replace("one", "two"))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    after = await read_state(workspace, frozenset())
    assert before is not None and after is not None and before.digest != after.digest


async def test_content_that_is_stored_otherwise_than_it_lies_there_is_not_told(
    tmp_path: Path,
) -> None:
    """Then the whole comparison decides, as git converts line ends."""
    repository = make_repository(tmp_path / "repo")
    (repository / ".gitattributes").write_text("*.txt text eol=crlf\n", "utf-8")
    (repository / "a.txt").write_text("a\nb\n", "utf-8")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "Second")
    head = git(repository, "rev-parse", "HEAD")
    workspace = await ensure_worktree(repository, tmp_path / "work", "wo", head)
    assert (workspace.path / "a.txt").read_bytes() == b"a\r\nb\r\n"
    diff = await diff_workspace(workspace)
    assert diff.changes == []
    assert await read_state(workspace, frozenset()) != said(diff)


async def test_trees_that_were_forged_are_not_believed(workspace: Workspace) -> None:
    repository = workspace.repo_root
    for name in ("HEAD:docs", "HEAD:src", "HEAD^{tree}"):
        forge(repository, git(repository, "rev-parse", name), b"tree", b"")
        with pytest.raises(InvalidStateError):
            await read_state(workspace, frozenset())


async def test_ignore_rules_that_were_forged_are_not_believed(workspace: Workspace) -> None:
    blob = git(workspace.repo_root, "rev-parse", "HEAD:.gitignore")
    forge(workspace.repo_root, blob, b"blob", b"*\n")
    add(workspace.path)
    with pytest.raises(InvalidStateError):
        await read_state(workspace, frozenset())


async def test_a_base_commit_that_was_forged_is_not_believed(workspace: Workspace) -> None:
    empty = git(workspace.repo_root, "hash-object", "-t", "tree", "-w", "/dev/null")
    content = f"tree {empty}\nauthor A <a> 0 +0000\ncommitter A <a> 0 +0000\n\nx\n"
    forge(workspace.repo_root, workspace.base_commit, b"commit", content.encode())
    with pytest.raises(InvalidStateError):
        await read_state(workspace, frozenset())


async def test_trees_are_read_once_and_the_oldest_are_forgotten(
    workspace: Workspace, fresh_cache: TreeCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    await read_state(workspace, frozenset())
    root = git(workspace.repo_root, "rev-parse", "HEAD^{tree}")
    assert fresh_cache.find(root) is not None
    monkeypatch.setattr("agentos_governance.workspace.verified_trees.MAX_KEPT_ENTRIES", 5)
    commit(workspace.path)
    assert await read_state(workspace, frozenset()) is not None
    assert fresh_cache.find(root) is None


async def test_a_very_large_worktree_is_left_to_the_whole_comparison(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worktree_state, "MAX_FILES", 3)
    assert await read_state(workspace, frozenset()) is None


@pytest.mark.parametrize(
    ("name", "content"),
    [("config", "[extensions]\n\trefStorage = reftable\n"), ("commondir", "../other\n")],
)
async def test_a_branch_is_not_read_from_a_file_that_git_would_not_read(
    workspace: Workspace, name: str, content: str
) -> None:
    assert worktree_state._loose_tip(workspace) == workspace.base_commit
    with (workspace.repo_root / ".git" / name).open("a", encoding="utf-8") as file:
        file.write(content)
    assert worktree_state._loose_tip(workspace) is None


def forge(repository: Path, identifier: str, kind: bytes, content: bytes) -> None:
    """Put another content under the id of an object, as anybody can who writes to the store."""
    path = repository / ".git" / "objects" / identifier[:2] / identifier[2:]
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(zlib.compress(b"%s %d\0%s" % (kind, len(content), content)))
