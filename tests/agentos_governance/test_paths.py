"""Paths are judged where they lead."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentos.errors import CallRefusedError, InvalidArgumentError
from agentos_governance.workspace.paths import is_git_internal, normalise_path, resolve_path


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    root = tmp_path / "work"
    (root / "src" / "deep").mkdir(parents=True)
    (root / "src" / "app.py").touch()
    (tmp_path / "outside").mkdir()
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "alias").symlink_to("src")
    (root / "loop").symlink_to("loop")
    (root / "dangling").symlink_to("../outside/new")
    return root


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        ("src/app.py", "src/app.py"),
        ("./src//app.py", "src/app.py"),
        ("src/deep/../app.py", "src/app.py"),
        ("alias/app.py", "src/app.py"),
        ("alias/new/file", "src/new/file"),
        ("new", "new"),
        (".", "."),
        ("src/..", "."),
        ("café/ü", "café/ü"),
    ],
)
def test_a_path_is_named_by_where_it_leads(workspace: Path, path: str, leads_to: str) -> None:
    assert resolve_path(workspace, path, for_write=True) == leads_to


def test_an_absolute_path_inside_is_made_relative(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(workspace)
    for base in (workspace, tmp_path / "link"):
        path = str(base / "src" / "app.py")
        assert resolve_path(workspace, path, for_write=True) == "src/app.py"
        assert resolve_path(tmp_path / "link", path, for_write=True) == "src/app.py"


def test_a_relative_path_starts_at_the_working_folder(workspace: Path) -> None:
    assert resolve_path(workspace, "app.py", for_write=True, cwd="src") == "src/app.py"
    assert resolve_path(workspace, "../new", for_write=True, cwd="src") == "new"
    with pytest.raises(CallRefusedError):
        resolve_path(workspace, "x", for_write=True, cwd="..")


@pytest.mark.parametrize(
    "path",
    [
        "..",
        "../work2/x",
        "src/../../x",
        "/etc/passwd",
        "/",
        "out/x",
        "out",
        "dangling",
        "loop",
        "loop/x",
        "~/x",
        "~root/x",
        "alias/../out/x",
    ],
)
@pytest.mark.parametrize("for_write", [True, False])
def test_a_path_that_leads_out_is_refused(workspace: Path, path: str, for_write: bool) -> None:
    with pytest.raises(CallRefusedError) as refusal:
        resolve_path(workspace, path, for_write=for_write)
    assert refusal.value.rule == "workspace"


def test_a_sibling_with_the_same_beginning_is_outside(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "work-other").mkdir()
    with pytest.raises(CallRefusedError):
        resolve_path(workspace, str(tmp_path / "work-other" / "x"), for_write=False)


@pytest.mark.parametrize("path", ["", "a\0b", "\ud800", "x" * 5000])
def test_text_that_is_no_path_is_an_invalid_argument(workspace: Path, path: str) -> None:
    with pytest.raises(InvalidArgumentError):
        resolve_path(workspace, path, for_write=False)
    with pytest.raises(InvalidArgumentError):
        normalise_path(path)


@pytest.mark.parametrize(
    "path",
    [
        ".git",
        ".git/hooks/pre-commit",
        ".GIT/config",
        ".Git",
        "vendor/.git/config",
        ".git /x",
        ".git./x",
        "GIT~1/config",
        ".g\u200cit/config",
        ".git::$INDEX_ALLOCATION/x",
        "src/../.git/config",
    ],
)
def test_writing_below_git_is_refused_in_every_spelling(workspace: Path, path: str) -> None:
    with pytest.raises(CallRefusedError) as refusal:
        resolve_path(workspace, path, for_write=True)
    assert refusal.value.rule == "git_internals"


def test_a_link_into_git_is_git(workspace: Path) -> None:
    (workspace / ".git").mkdir()
    (workspace / "innocent").symlink_to(".git")
    with pytest.raises(CallRefusedError):
        resolve_path(workspace, "innocent/hooks/x", for_write=True)


def test_a_workspace_below_a_git_folder_is_still_writable(tmp_path: Path) -> None:
    root = tmp_path / ".git" / "worktrees" / "work"
    root.mkdir(parents=True)
    assert resolve_path(root, str(root / "a"), for_write=True) == "a"


def test_names_that_only_look_like_git_are_ordinary() -> None:
    assert not any(map(is_git_internal, (".gitignore", ".github/x", "git", "a.git", ".gitmodules")))


def test_text_alone_is_normalised_without_a_workspace() -> None:
    assert normalise_path("a/./b/../c") == "a/c"
    for path in ("..", "../x", "/etc", "~/x", "a/../../b"):
        with pytest.raises(CallRefusedError):
            normalise_path(path)


def test_a_file_with_several_names_is_not_written_to(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "outside" / "precious").touch()
    os.link(tmp_path / "outside" / "precious", workspace / "src" / "mine.py")
    with pytest.raises(CallRefusedError, match="hard link") as refused:
        resolve_path(workspace, "alias/mine.py", for_write=True)
    assert refused.value.rule == "workspace"
    assert resolve_path(workspace, "src/mine.py", for_write=False) == "src/mine.py"


def test_a_workspace_that_is_put_elsewhere_behind_a_link_is_resolved_anew(tmp_path: Path) -> None:
    """What is remembered of a folder is not believed once another folder is in its place."""
    for name in ("one", "two"):
        (tmp_path / name / "src").mkdir(parents=True)
    (tmp_path / "two" / "src" / "out").symlink_to("/etc")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "one")
    assert resolve_path(link, "src/out/x", for_write=False) == "src/out/x"
    link.unlink()
    link.symlink_to(tmp_path / "two")
    with pytest.raises(CallRefusedError):
        resolve_path(link, "src/out/x", for_write=False)
    assert resolve_path(link, str(tmp_path / "two" / "src"), for_write=False) == "src"


def test_a_workspace_that_was_moved_away_from_where_it_is_remembered_is_resolved_anew(
    tmp_path: Path,
) -> None:
    (tmp_path / "disk-1" / "work" / "src").mkdir(parents=True)
    link = tmp_path / "data"
    link.symlink_to(tmp_path / "disk-1")
    assert resolve_path(link / "work", "src/a", for_write=True) == "src/a"
    (tmp_path / "disk-2").mkdir()
    (tmp_path / "disk-1" / "work").rename(tmp_path / "disk-2" / "work")
    link.unlink()
    link.symlink_to(tmp_path / "disk-2")
    (tmp_path / "disk-2" / "work" / "out").symlink_to("/etc")
    with pytest.raises(CallRefusedError):
        resolve_path(link / "work", "out/x", for_write=True)


def test_a_folder_that_becomes_a_link_after_it_was_remembered_is_resolved_anew(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    assert resolve_path(folder, "a", for_write=True) == "a"
    folder.rename(tmp_path / "moved")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a").symlink_to("/etc/passwd")
    folder.symlink_to(tmp_path / "other")
    with pytest.raises(CallRefusedError):
        resolve_path(folder, "a", for_write=False)
