"""Worktrees: made once, reused, cleared after an interrupted making."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from pathlib import Path

import pytest

from agentos.errors import ConflictError, InvalidArgumentError, InvalidStateError, NotFoundError
from agentos_governance.workspace.worktrees import (
    ensure_worktree,
    inspect_repository,
    remove_worktree,
)
from tests.agentos_governance.repositories import git, make_repository, start_git

pytestmark = pytest.mark.anyio


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "repo")


async def test_a_repository_is_described_from_any_folder_inside_it(repository: Path) -> None:
    found = await inspect_repository(repository / "src")
    assert found.root == repository
    assert found.head_commit == git(repository, "rev-parse", "HEAD")
    assert (found.branch, found.is_bare) == ("main", False)


async def test_a_folder_that_is_not_git_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="is not a git repository"):
        await inspect_repository(tmp_path)
    with pytest.raises(NotFoundError):
        await inspect_repository(tmp_path / "missing")
    with pytest.raises(NotFoundError):
        await inspect_repository(Path("nul\0"))


async def test_an_empty_repository_has_no_head_and_says_so(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "empty")
    found = await inspect_repository(tmp_path / "empty")
    assert found.head_commit is None
    with pytest.raises(InvalidStateError, match="no commit yet"):
        found.require_head()


async def test_a_detached_head_has_no_branch(repository: Path) -> None:
    git(repository, "checkout", "--quiet", "--detach")
    assert (await inspect_repository(repository)).branch is None


async def test_a_bare_repository_gives_worktrees(repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(repository), "bare.git")
    bare = await inspect_repository(tmp_path / "bare.git")
    assert bare.is_bare
    workspace = await ensure_worktree(
        bare.root, tmp_path / "work", "agentos/WO-1", bare.require_head()
    )
    assert (workspace.path / "src" / "app.py").is_file()


async def test_a_worktree_is_made_on_its_branch_at_the_base(
    repository: Path, tmp_path: Path
) -> None:
    head = git(repository, "rev-parse", "HEAD")
    workspace = await ensure_worktree(repository, tmp_path / "work", "agentos/WO-1", head)
    assert git(workspace.path, "rev-parse", "HEAD") == head
    assert git(workspace.path, "branch", "--show-current") == "agentos/WO-1"
    assert git(workspace.path, "status", "--porcelain") == ""


async def test_asking_again_keeps_the_workers_files(repository: Path, tmp_path: Path) -> None:
    head = git(repository, "rev-parse", "HEAD")
    first = await ensure_worktree(repository, tmp_path / "work", "wo", head)
    (first.path / "src" / "app.py").write_text("changed\n", encoding="utf-8")
    git(first.path, "commit", "--quiet", "-am", "Work")
    assert await ensure_worktree(repository, tmp_path / "work", "wo", head) == first
    assert (first.path / "src" / "app.py").read_text(encoding="utf-8") == "changed\n"


async def test_two_askers_at_once_get_one_worktree(repository: Path, tmp_path: Path) -> None:
    head = git(repository, "rev-parse", "HEAD")
    made = await asyncio.gather(
        *(ensure_worktree(repository, tmp_path / "work", "wo", head) for _ in range(4))
    )
    assert len(set(made)) == 1
    assert git(repository, "worktree", "list").count("work") == 1


async def test_a_making_killed_half_way_is_cleared_and_repeated(
    repository: Path, tmp_path: Path
) -> None:
    head = git(repository, "rev-parse", "HEAD")
    work = tmp_path / "work"
    # A filter that never ends holds the checkout where a kill -9 can meet it.
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    git(repository, "config", "filter.slow.smudge", f"echo > {begun}; sleep 60")
    (repository / ".git" / "info" / "attributes").write_text("src/app.py filter=slow\n", "utf-8")
    maker = start_git(repository, "worktree", "add", "-b", "wo", str(work), head)
    async with asyncio.timeout(60):
        await asyncio.to_thread(begun.read_text, "utf-8")
    os.killpg(maker.pid, signal.SIGKILL)
    maker.wait()
    assert work.exists() and not (work / "src" / "app.py").exists()
    workspace = await ensure_worktree(repository, work, "wo", head)
    assert (workspace.path / "src" / "app.py").is_file()
    assert git(workspace.path, "rev-parse", "HEAD") == head


async def test_a_deleted_worktree_folder_is_made_again_on_the_same_branch(
    repository: Path, tmp_path: Path
) -> None:
    head = git(repository, "rev-parse", "HEAD")
    first = await ensure_worktree(repository, tmp_path / "work", "wo", head)
    (first.path / "src" / "app.py").write_text("kept\n", encoding="utf-8")
    git(first.path, "commit", "--quiet", "-am", "Work")
    shutil.rmtree(first.path)
    again = await ensure_worktree(repository, tmp_path / "work", "wo", head)
    assert (again.path / "src" / "app.py").read_text(encoding="utf-8") == "kept\n"


async def test_a_folder_with_other_files_is_left_alone(repository: Path, tmp_path: Path) -> None:
    head = git(repository, "rev-parse", "HEAD")
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "precious").write_text("mine", encoding="utf-8")
    with pytest.raises(ConflictError, match="is not this work order's worktree"):
        await ensure_worktree(repository, tmp_path / "work", "wo", head)
    await remove_worktree(repository, tmp_path / "work")
    assert (tmp_path / "work" / "precious").exists()


async def test_a_branch_that_is_in_use_elsewhere_is_a_conflict(
    repository: Path, tmp_path: Path
) -> None:
    head = git(repository, "rev-parse", "HEAD")
    with pytest.raises(ConflictError):
        await ensure_worktree(repository, tmp_path / "work", "main", head)


async def test_a_branch_that_did_not_begin_at_the_base_is_a_conflict(
    repository: Path, tmp_path: Path
) -> None:
    git(repository, "branch", "wo")
    (repository / "new").write_text("x", encoding="utf-8")
    git(repository, "add", "new")
    git(repository, "commit", "--quiet", "-m", "Second")
    with pytest.raises(ConflictError, match="did not begin"):
        head = git(repository, "rev-parse", "HEAD")
        await ensure_worktree(repository, tmp_path / "work", "wo", head)


@pytest.mark.parametrize(
    "branch",
    ["--upload-pack=x", "-b", "a..b", "a b", "a.lock", "/a", "a/", "a//b", "a\0b", "", "@"],
)
async def test_a_branch_that_could_be_an_option_is_refused(
    repository: Path, tmp_path: Path, branch: str
) -> None:
    head = git(repository, "rev-parse", "HEAD")
    with pytest.raises(InvalidArgumentError):
        await ensure_worktree(repository, tmp_path / "work", branch, head)


@pytest.mark.parametrize("commit", ["HEAD", "--upload-pack=x", "0" * 40, "abc", "main\0"])
async def test_a_base_that_is_no_commit_id_of_the_repository_is_refused(
    repository: Path, tmp_path: Path, commit: str
) -> None:
    with pytest.raises(InvalidArgumentError):
        await ensure_worktree(repository, tmp_path / "work", "wo", commit)


async def test_no_hook_or_filter_of_the_repository_runs(repository: Path, tmp_path: Path) -> None:
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/hooked\n", encoding="utf-8")
    hook.chmod(0o755)
    git(repository, "config", "filter.evil.smudge", f"touch {tmp_path}/smudged; cat")
    git(repository, "config", "core.fsmonitor", f"touch {tmp_path}/monitored")
    (repository / ".git" / "info" / "attributes").write_text("*.py filter=evil\n", "utf-8")
    head = git(repository, "rev-parse", "HEAD")
    (tmp_path / "monitored").unlink(missing_ok=True)
    await ensure_worktree(repository, tmp_path / "work", "wo", head)
    assert not [name for name in ("hooked", "smudged", "monitored") if (tmp_path / name).exists()]


async def test_a_removed_worktree_is_gone_and_removing_again_is_nothing(
    repository: Path, tmp_path: Path
) -> None:
    head = git(repository, "rev-parse", "HEAD")
    workspace = await ensure_worktree(repository, tmp_path / "work", "wo", head)
    (workspace.path / "untracked").write_text("x", encoding="utf-8")
    await remove_worktree(repository, workspace.path)
    await remove_worktree(repository, workspace.path)
    assert not workspace.path.exists()
    assert git(repository, "branch", "--list", "wo").strip() == "wo"


async def test_a_branch_that_somebody_made_before_the_first_claim_is_put_aside(
    repository: Path, tmp_path: Path
) -> None:
    """Whoever holds another work order of the repository may make any branch there."""
    head = git(repository, "rev-parse", "HEAD")
    git(repository, "worktree", "add", "--quiet", "-b", "agentos/WO-1", str(tmp_path / "mine"))
    (tmp_path / "mine" / "src" / "app.py").write_text("planted\n", encoding="utf-8")
    git(tmp_path / "mine", "commit", "--quiet", "-am", "Planted")
    planted = git(tmp_path / "mine", "rev-parse", "HEAD")
    work = await ensure_worktree(repository, tmp_path / "w", "agentos/WO-1", head, is_first=True)
    assert git(work.path, "rev-parse", "HEAD") == head
    assert git(work.path, "branch", "--show-current") == "agentos/WO-1"
    aside = git(tmp_path / "mine", "branch", "--show-current")
    assert aside.startswith("agentos/WO-1-aside-")
    assert git(repository, "rev-parse", aside) == planted


async def test_a_branch_that_is_at_the_base_yet_in_use_elsewhere_is_put_aside(
    repository: Path, tmp_path: Path
) -> None:
    head = git(repository, "rev-parse", "HEAD")
    git(repository, "worktree", "add", "--quiet", "-b", "wo", str(tmp_path / "mine"))
    work = await ensure_worktree(repository, tmp_path / "w", "wo", head, is_first=True)
    assert git(work.path, "branch", "--show-current") == "wo"


async def test_a_branch_that_only_points_to_another_gets_no_work(
    repository: Path, tmp_path: Path
) -> None:
    head = git(repository, "rev-parse", "HEAD")
    git(repository, "symbolic-ref", "refs/heads/wo", "refs/heads/main")
    work = await ensure_worktree(repository, tmp_path / "w", "wo", head, is_first=True)
    (work.path / "src" / "app.py").write_text("changed\n", encoding="utf-8")
    git(work.path, "commit", "--quiet", "-am", "Work")
    assert git(repository, "rev-parse", "main") == head


async def test_the_branch_of_a_first_making_that_was_killed_is_used(
    repository: Path, tmp_path: Path
) -> None:
    head = git(repository, "rev-parse", "HEAD")
    git(repository, "branch", "wo")
    await ensure_worktree(repository, tmp_path / "w", "wo", head, is_first=True)
    again = await ensure_worktree(repository, tmp_path / "w", "wo", head, is_first=True)
    assert git(again.path, "rev-parse", "HEAD") == head
    assert "aside" not in git(repository, "branch", "--list")
