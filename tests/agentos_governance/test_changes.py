"""Nothing a worker changes stays hidden from the diff against the base commit."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentos.errors import NotFoundError
from agentos_governance.contracts.model import Contract
from agentos_governance.workspace.changes import (
    Change,
    diff_against_base,
    diff_digest,
    diff_statistics,
    diff_workspace,
)
from agentos_governance.workspace.scope import findings_outside_roots
from agentos_governance.workspace.worktrees import Workspace, ensure_worktree
from tests.agentos_governance.repositories import apply_patch, git, make_repository

pytestmark = pytest.mark.anyio

SRC = Contract(allowed_roots=["src/"])


@pytest.fixture
async def workspace(tmp_path: Path) -> Workspace:
    repository = make_repository(tmp_path / "repo")
    head = git(repository, "rev-parse", "HEAD")
    return await ensure_worktree(repository, tmp_path / "work", "wo", head)


def statuses(changes: list[Change]) -> dict[str, str]:
    return {change.path: change.status for change in changes}


async def test_a_fresh_worktree_has_no_changes(workspace: Workspace) -> None:
    assert await diff_against_base(workspace) == []


async def test_committed_staged_unstaged_and_untracked_changes_all_show(
    workspace: Workspace,
) -> None:
    (workspace.path / "src" / "app.py").write_text("committed\n", encoding="utf-8")
    git(workspace.path, "commit", "--quiet", "-am", "Work")
    (workspace.path / "README.md").write_text("staged\n", encoding="utf-8")
    git(workspace.path, "add", "README.md")
    (workspace.path / ".gitignore").write_text("unstaged\n", encoding="utf-8")
    (workspace.path / "new.py").write_text("untracked\n", encoding="utf-8")
    (workspace.path / "added.py").write_text("added\n", encoding="utf-8")
    git(workspace.path, "add", "added.py")
    (workspace.path / "src" / "old.py").unlink()
    (workspace.path / "run.sh").chmod(0o755)
    assert statuses(await diff_against_base(workspace)) == {
        "src/app.py": "modified",
        "README.md": "modified",
        ".gitignore": "modified",
        "new.py": "untracked",
        "added.py": "added",
        "src/old.py": "deleted",
        "run.sh": "mode_changed",
    }


async def test_a_rename_is_judged_on_both_sides(workspace: Workspace) -> None:
    git(workspace.path, "mv", "src/old.py", "stolen.py")
    (change,) = await diff_against_base(workspace)
    assert (change.status, change.old_path, change.path) == ("renamed", "src/old.py", "stolen.py")
    assert findings_outside_roots([change], SRC)
    git(workspace.path, "mv", "stolen.py", "src/new.py")
    git(workspace.path, "mv", "README.md", "src/README.md")
    assert findings_outside_roots(await diff_against_base(workspace), SRC) == [
        "README.md: renamed (README.md to src/README.md) outside allowed_roots"
    ]


async def test_a_file_that_becomes_a_link_is_a_changed_type(workspace: Workspace) -> None:
    (workspace.path / "src" / "app.py").unlink()
    (workspace.path / "src" / "app.py").symlink_to("/etc/passwd")
    (change,) = await diff_against_base(workspace)
    assert (change.status, change.is_symlink, change.link_target, change.escapes) == (
        "type_changed",
        True,
        "/etc/passwd",
        True,
    )
    assert "leads out of the workspace" in findings_outside_roots([change], SRC)[0]


@pytest.mark.parametrize(
    ("target", "escapes"),
    [("app.py", False), ("../README.md", False), ("../../x", True), ("../.git", True)],
)
async def test_links_are_flagged_by_where_they_lead(
    workspace: Workspace, target: str, escapes: bool
) -> None:
    (workspace.path / "src" / "link").symlink_to(target)
    (change,) = await diff_against_base(workspace)
    assert (change.path, change.escapes) == ("src/link", escapes)


async def test_a_link_over_a_link_that_leads_out_is_flagged(workspace: Workspace) -> None:
    (workspace.path / "src" / "up").symlink_to("../..")
    (workspace.path / "src" / "through").symlink_to("up/elsewhere")
    assert all(change.escapes for change in await diff_against_base(workspace))


async def test_a_folder_replaced_by_a_link_deletes_what_was_in_it(
    workspace: Workspace, tmp_path: Path
) -> None:
    (workspace.path / "src").rename(tmp_path / "elsewhere")
    (workspace.path / "src").symlink_to(tmp_path / "elsewhere")
    changes = await diff_against_base(workspace)
    assert statuses(changes) == {
        "src": "untracked",
        "src/app.py": "deleted",
        "src/old.py": "deleted",
    }
    assert changes[0].escapes


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
async def test_index_flags_hide_nothing(workspace: Workspace, flag: str) -> None:
    git(workspace.path, "update-index", flag, "README.md")
    (workspace.path / "README.md").write_text("hidden\n", encoding="utf-8")
    assert git(workspace.path, "status", "--porcelain") == ""
    assert statuses(await diff_against_base(workspace)) == {"README.md": "modified"}


async def test_committing_amending_and_moving_branches_hide_nothing(workspace: Workspace) -> None:
    (workspace.path / "README.md").write_text("hidden\n", encoding="utf-8")
    git(workspace.path, "commit", "--quiet", "-a", "--amend", "-m", "First")
    git(workspace.repo_root, "update-ref", "refs/heads/other", "HEAD")
    git(workspace.path, "checkout", "--quiet", "--detach")
    assert statuses(await diff_against_base(workspace)) == {"README.md": "modified"}


async def test_a_replaced_base_commit_hides_nothing(workspace: Workspace) -> None:
    (workspace.path / "README.md").write_text("hidden\n", encoding="utf-8")
    git(workspace.path, "commit", "--quiet", "-am", "Work")
    git(workspace.path, "replace", workspace.base_commit, "HEAD")
    assert git(workspace.path, "diff", workspace.base_commit) == ""
    assert statuses(await diff_against_base(workspace)) == {"README.md": "modified"}


async def test_external_diffs_textconv_and_filters_neither_hide_nor_run(
    workspace: Workspace, tmp_path: Path
) -> None:
    evil = f"touch {tmp_path}/ran; true"
    for setting in ("diff.evil.textconv", "diff.evil.command", "diff.external"):
        git(workspace.path, "config", setting, evil)
    git(workspace.path, "config", "core.fsmonitor", evil)
    git(workspace.path, "config", "filter.evil.clean", f"touch {tmp_path}/ran; git show :README.md")
    (workspace.repo_root / ".git" / "info" / "attributes").write_text(
        "* filter=evil diff=evil\n", "utf-8"
    )
    (workspace.path / "src" / ".gitattributes").write_text("* filter=evil -diff\n", "utf-8")
    (workspace.path / "README.md").write_text("hidden\n", encoding="utf-8")
    (workspace.path / "src" / "app.py").write_text("hidden\n", encoding="utf-8")
    (tmp_path / "ran").unlink(missing_ok=True)
    diff = await diff_workspace(workspace)
    assert set(statuses(diff.changes)) == {"README.md", "src/app.py", "src/.gitattributes"}
    assert not (tmp_path / "ran").exists()


async def test_ignore_rules_of_the_worker_hide_nothing(workspace: Workspace) -> None:
    (workspace.path / ".gitignore").write_text("*\n", encoding="utf-8")
    (workspace.repo_root / ".git" / "info" / "exclude").write_text("*\n", encoding="utf-8")
    (workspace.path / "lib").mkdir()
    (workspace.path / "lib" / ".gitignore").write_text("*\n", encoding="utf-8")
    (workspace.path / "lib" / "hidden.py").write_text("x\n", encoding="utf-8")
    assert set(statuses(await diff_against_base(workspace))) == {
        ".gitignore",
        "lib/.gitignore",
        "lib/hidden.py",
    }


async def test_files_that_the_base_ignores_are_left_out(workspace: Workspace) -> None:
    (workspace.path / "build").mkdir()
    (workspace.path / "build" / "out").write_text("x", encoding="utf-8")
    (workspace.path / "src" / "app.pyc").write_bytes(b"x")
    assert await diff_against_base(workspace) == []


async def test_a_redirected_worktree_hides_nothing(workspace: Workspace, tmp_path: Path) -> None:
    (workspace.path / "README.md").write_text("hidden\n", encoding="utf-8")
    clean = tmp_path / "clean"
    git(tmp_path, "clone", "--quiet", str(workspace.repo_root), "clean")
    (workspace.path / ".git").write_text(f"gitdir: {clean}/.git\n", encoding="utf-8")
    git(workspace.repo_root, "config", "core.worktree", str(clean))
    assert statuses(await diff_against_base(workspace)) == {"README.md": "modified"}


async def test_names_that_are_not_utf8_are_shown_escaped(workspace: Workspace) -> None:
    for name in (b"caf\xe9", b"new\nline", b"tab\there", b"back\\slash"):
        (workspace.path / os.fsdecode(name)).write_bytes(b"x")
    assert set(statuses(await diff_against_base(workspace))) == {
        "caf\\xe9",
        "new\\x0aline",
        "tab\\x09here",
        "back\\\\slash",
    }


async def test_nested_repositories_hide_nothing(workspace: Workspace) -> None:
    git(workspace.path, "init", "--quiet", "src/nested")
    (workspace.path / "src" / "nested" / "file").write_text("x", encoding="utf-8")
    git(workspace.path, "init", "--quiet", "src")
    (workspace.path / "src" / "app.py").write_text("hidden\n", encoding="utf-8")
    changes = await diff_against_base(workspace)
    assert {"src/app.py", "src/nested/file", "src/.git", "src/nested/.git"} == set(
        statuses(changes)
    )
    assert any("git's own data" in finding for finding in findings_outside_roots(changes, SRC))


async def test_a_pipe_neither_stops_the_diff_nor_hides(workspace: Workspace) -> None:
    os.mkfifo(workspace.path / "pipe")
    assert statuses(await diff_against_base(workspace)) == {"pipe": "untracked"}


async def test_an_empty_submodule_is_unchanged_and_a_filled_one_is_a_change(
    tmp_path: Path,
) -> None:
    library = make_repository(tmp_path / "library")
    repository = make_repository(tmp_path / "repo")
    git(repository, "submodule", "--quiet", "add", str(library), "vendor/library")
    git(repository, "commit", "--quiet", "-m", "Vendor")
    head = git(repository, "rev-parse", "HEAD")
    workspace = await ensure_worktree(repository, tmp_path / "work", "wo", head)
    assert await diff_against_base(workspace) == []
    (workspace.path / "vendor" / "library" / "file").write_text("x", encoding="utf-8")
    assert statuses(await diff_against_base(workspace)) == {"vendor/library": "modified"}


async def test_line_ends_that_the_repository_converts_are_no_change(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "repo")
    (repository / ".gitattributes").write_text("*.bat text eol=crlf\n", encoding="utf-8")
    (repository / "go.bat").write_bytes(b"echo\r\n")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "Batch")
    head = git(repository, "rev-parse", "HEAD")
    workspace = await ensure_worktree(repository, tmp_path / "work", "wo", head)
    assert (workspace.path / "go.bat").read_bytes() == b"echo\r\n"
    assert await diff_against_base(workspace) == []


async def test_statistics_count_lines_and_files(workspace: Workspace) -> None:
    (workspace.path / "src" / "app.py").write_text("print('one')\n" * 21, encoding="utf-8")
    (workspace.path / "README.md").unlink()
    (workspace.path / "image").write_bytes(b"\0\1\2")
    statistics = await diff_statistics(workspace)
    assert (statistics.files, statistics.insertions, statistics.deletions) == (3, 1, 1)


async def test_the_digest_speaks_of_content_and_not_of_how_git_was_used(
    workspace: Workspace,
) -> None:
    empty = await diff_digest(workspace)
    (workspace.path / "new.py").write_text("x\n", encoding="utf-8")
    untracked = await diff_digest(workspace)
    git(workspace.path, "add", "new.py")
    assert await diff_digest(workspace) == untracked
    git(workspace.path, "commit", "--quiet", "-m", "Work")
    assert await diff_digest(workspace) == untracked
    (workspace.path / "new.py").write_text("y\n", encoding="utf-8")
    assert len({empty, untracked, await diff_digest(workspace)}) == 3


async def test_the_patch_turns_the_base_into_the_worktree(
    workspace: Workspace, tmp_path: Path
) -> None:
    (workspace.path / "src" / "app.py").write_text("new\n", encoding="utf-8")
    (workspace.path / "image").write_bytes(bytes(range(256)))
    patch = (await diff_workspace(workspace)).patch
    git(tmp_path, "clone", "--quiet", str(workspace.repo_root), "other")
    assert patch is not None
    apply_patch(tmp_path / "other", patch)
    assert (tmp_path / "other" / "image").read_bytes() == bytes(range(256))
    assert (tmp_path / "other" / "src" / "app.py").read_text(encoding="utf-8") == "new\n"


async def test_a_worktree_that_is_gone_is_named(workspace: Workspace, tmp_path: Path) -> None:
    gone = Workspace(workspace.repo_root, tmp_path / "gone", "wo", workspace.base_commit)
    with pytest.raises(NotFoundError, match="gone"):
        await diff_against_base(gone)


async def test_paths_that_a_rule_forbids_are_findings_inside_the_roots(
    workspace: Workspace,
) -> None:
    (workspace.path / "src" / "secret.py").write_text("x", encoding="utf-8")
    contract = Contract(allowed_roots=["."], forbidden_actions=["write:src/secret*"])
    assert findings_outside_roots(await diff_against_base(workspace), contract) == [
        "src/secret.py: untracked, which forbidden_actions[0] bars"
    ]


async def test_a_changed_file_with_another_name_outside_is_an_escape(
    workspace: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").write_text("not of this work\n", "utf-8")
    os.link(tmp_path / "elsewhere", workspace.path / "src" / "new.py")
    (workspace.path / "src" / "a.py").write_text("a\n", "utf-8")
    os.link(workspace.path / "src" / "a.py", workspace.path / "src" / "b.py")
    changes = await diff_against_base(workspace)
    assert {change.path for change in changes if change.escapes} == {"src/new.py"}
    assert statuses(changes).keys() == {"src/a.py", "src/b.py", "src/new.py"}
    [finding] = findings_outside_roots(changes, SRC)
    assert finding.startswith("src/new.py: a hard link to a file outside the workspace")


async def test_a_fresh_worktree_shares_no_file_with_the_repository_it_came_from(
    workspace: Workspace,
) -> None:
    files = [path for path in workspace.path.rglob("*") if path.is_file()]
    assert files and all(path.stat().st_nlink == 1 for path in files)
