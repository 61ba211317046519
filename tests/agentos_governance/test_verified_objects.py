"""A worker who overwrites the repository's objects hides nothing and proves nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentos import Git, InvalidStateError, Settings
from agentos_governance.workspace.changes import diff_workspace
from agentos_governance.workspace.verified_objects import read_file_at
from agentos_governance.workspace.worktrees import Workspace, ensure_worktree
from tests.agentos_governance.forgery import forge_tree, overwrite_object
from tests.agentos_governance.lifecycle import open_office, sample_repository
from tests.agentos_governance.repositories import git, make_repository

pytestmark = pytest.mark.anyio


@pytest.fixture
async def workspace(tmp_path: Path) -> Workspace:
    repository = make_repository(tmp_path / "repo")
    head = git(repository, "rev-parse", "HEAD")
    return await ensure_worktree(repository, tmp_path / "work", "wo", head)


def _forge_subtree(workspace: Workspace, blob: str) -> None:
    forge_tree(workspace.repo_root, "HEAD:src", "app.py", blob)


def _forge_root(workspace: Workspace, blob: str) -> None:
    source = git(workspace.repo_root, "rev-parse", "HEAD:src")
    root = git(workspace.repo_root, "rev-parse", "HEAD^{tree}")
    content = b"40000 src\0" + bytes.fromhex(source)
    overwrite_object(workspace.repo_root, root, "tree", content)


def _forge_commit(workspace: Workspace, blob: str) -> None:
    text = git(workspace.repo_root, "cat-file", "commit", "HEAD")
    tree = git(workspace.repo_root, "rev-parse", "HEAD:src")
    forged = f"tree {tree}\n" + text.partition("\n")[2] + "\n"
    overwrite_object(workspace.repo_root, workspace.base_commit, "commit", forged.encode())


def _forge_old_blob(workspace: Workspace, blob: str) -> None:
    old = git(workspace.repo_root, "rev-parse", "HEAD:src/app.py")
    overwrite_object(workspace.repo_root, old, "blob", b"print('backdoor')\n")


@pytest.mark.parametrize(
    "forge", [_forge_subtree, _forge_root, _forge_commit, _forge_old_blob], ids=lambda f: f.__name__
)
async def test_a_base_commit_with_a_forged_object_is_never_compared_with(
    workspace: Workspace, forge: Callable[[Workspace, str], None]
) -> None:
    (workspace.path / "src" / "app.py").write_text("print('backdoor')\n", "utf-8")
    honest = await diff_workspace(workspace)
    assert [change.path for change in honest.changes] == ["src/app.py"]
    blob = git(workspace.path, "hash-object", "-w", "src/app.py")
    forge(workspace, blob)
    with pytest.raises(InvalidStateError, match="objects of the base commit were changed"):
        await diff_workspace(workspace)


async def test_a_forged_object_under_the_id_of_new_content_does_not_change_the_patch(
    workspace: Workspace,
) -> None:
    (workspace.path / "src" / "app.py").write_text("print('backdoor')\n", "utf-8")
    blob = git(workspace.path, "hash-object", "-w", "src/app.py")
    overwrite_object(workspace.repo_root, blob, "blob", b"print('harmless')\n")
    with pytest.raises(InvalidStateError, match="not what their ids say"):
        await diff_workspace(workspace)


async def test_a_submission_against_a_forged_base_fails_its_gate(
    settings: Settings, tmp_path: Path
) -> None:
    async with open_office(settings) as office:
        repository = sample_repository(tmp_path)
        contract = {"allowed_roots": ["docs/"]}
        order = await office.create(repo=repository, contract=contract)
        workspace = Path((await office.claim("w1", order))["workspace"]["path"])
        (workspace / "src" / "app.py").write_text("print('backdoor')\n", "utf-8")
        forge_tree(
            repository, "HEAD:src", "app.py", git(workspace, "hash-object", "-w", "src/app.py")
        )
        answer = await office.submit("w1", order)
        assert answer["state"] == "active"
        [failed] = [gate for gate in answer["gates"] if not gate["passed"]]
        assert failed["name"] == "diff_in_allowed_roots"
        assert "objects of the base commit were changed" in failed["findings"][0]
        await office.assert_consistent()


async def test_a_claim_about_the_base_version_rests_on_its_true_content(
    settings: Settings, tmp_path: Path
) -> None:
    async with open_office(settings) as office:
        repository = sample_repository(tmp_path)
        order = await office.create(repo=repository)
        workspace = Path((await office.claim("w1", order))["workspace"]["path"])
        old = git(repository, "rev-parse", "HEAD:src/app.py")
        (workspace / "src" / "app.py").write_text("never there\n", "utf-8")
        fields: dict[str, Any] = {"kind": "note", "claim": "How it was", "path": "src/app.py"}
        await office.call("w1", "record_evidence", work_order=order, **fields)
        (workspace / "src" / "app.py").unlink()
        overwrite_object(repository, old, "blob", b"never there\n")
        gates = {gate["name"]: gate for gate in (await office.submit("w1", order))["gates"]}
        assert not gates["evidence_digests"]["passed"]


async def test_a_file_is_read_at_a_commit_where_it_is_a_regular_file_that_fits(
    workspace: Workspace,
) -> None:
    source, base = Git(workspace.repo_root), workspace.base_commit
    assert await read_file_at(source, base, "src/app.py", 10_000) == b"print('one')\n" * 20
    assert await read_file_at(source, base, "README.md", 8) == b"read me\n"
    for path, limit in (("README.md", 7), ("src", 100), ("none", 100), ("README.md/x", 100)):
        assert await read_file_at(source, base, path, limit) is None, path
