"""What git says of a tree is of the tree's own repository, whatever was put there since (issue 4).

A worker may write everything in its working tree, `.git` too, and must not learn in this way what
another repository of the machine holds.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from agentos import Kernel, UnavailableError
from agentos_memory.code_texts import _recently_changed as recently_changed
from agentos_memory.current_files import CommittedFiles
from agentos_memory.git_files import WorkTree, list_files, open_work_tree, read_head
from agentos_memory.git_objects import read_committed
from agentos_memory.knowledge.builder import KnowledgeBase
from agentos_memory.knowledge.history import read_commits
from agentos_memory.memory import Memory
from agentos_memory.own_git import own_folders
from tests.agentos_memory.repositories import (
    LIBRARY,
    call,
    commit_all,
    git,
    make_repository,
    refusal,
    write_files,
)

pytestmark = pytest.mark.anyio

SECRET = {"merger.py": "def buy() -> None: ...\n", "plans/takeover.md": "# Takeover\n"}


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    """A repository that nobody here may see."""
    return make_repository(tmp_path / "vault", SECRET)


def _point_file(tree: Path, vault: Path) -> None:
    shutil.rmtree(tree / ".git")
    (tree / ".git").write_text(f"gitdir: {vault}/.git\n")


def _point_into_worktrees(tree: Path, vault: Path) -> None:
    git(vault, "worktree", "add", "--quiet", str(vault.parent / "vault-tree"))
    shutil.rmtree(tree / ".git")
    (tree / ".git").write_text(f"gitdir: {vault}/.git/worktrees/vault-tree\n")


def _link(tree: Path, vault: Path) -> None:
    shutil.rmtree(tree / ".git")
    (tree / ".git").symlink_to(vault / ".git")


def _share(tree: Path, vault: Path) -> None:
    (tree / ".git/commondir").write_text(f"{vault}/.git\n")
    (tree / ".git/HEAD").write_text((vault / ".git/HEAD").read_text())


def _link_parts(tree: Path, vault: Path) -> None:
    for name in ("refs", "objects"):
        shutil.rmtree(tree / ".git" / name)
        (tree / ".git" / name).symlink_to(vault / ".git" / name)


def _link_ref(tree: Path, vault: Path) -> None:
    (tree / ".git/objects/info").mkdir(exist_ok=True)
    (tree / ".git/objects/info/alternates").write_text(f"{vault}/.git/objects\n")
    branch = (tree / ".git/HEAD").read_text().removeprefix("ref: ").strip()
    (tree / ".git" / branch).unlink()
    (tree / ".git" / branch).symlink_to(vault / ".git" / branch)


def _link_root(tree: Path, vault: Path) -> None:
    tree.rename(tree.with_name("gone"))
    tree.symlink_to(vault)


SWAPS = [
    _point_file, _point_into_worktrees, _link, _share, _link_parts, _link_ref, _link_root,
]  # fmt: skip


@pytest.mark.parametrize("swap", SWAPS)
async def test_a_tree_that_points_elsewhere_tells_nothing_of_what_is_there(
    shop: Path, vault: Path, swap: Callable[[Path, Path], None]
) -> None:
    head = await read_head(vault)
    assert head is not None and await read_head(shop) is not None
    swap(shop, vault)
    assert own_folders(shop) is None
    assert await read_head(shop) is None
    assert await read_commits(shop) == []
    assert await recently_changed(shop) == {}
    assert await CommittedFiles().of(shop, head) == {}
    assert [each async for each in read_committed(shop, [(head, "merger.py")])] == []
    with pytest.raises(UnavailableError, match="not the working tree"):
        await list_files(WorkTree(shop, head))


@pytest.mark.parametrize("swap", [swap for swap in SWAPS if swap is not _link_root])
async def test_it_is_not_indexed_either(
    kernel: Kernel, shop: Path, vault: Path, swap: Callable[[Path, Path], None]
) -> None:
    swap(shop, vault)
    error = await refusal(kernel, "index_repository", path=str(shop))
    assert error["code"] == "invalid_argument" and "top folder" in error["message"]


async def test_a_tree_that_was_swapped_after_its_index_is_not_read_by_what_runs_later(
    kernel: Kernel, shop: Path, vault: Path
) -> None:
    await call(kernel, "index_repository", path=str(shop))
    memory = kernel.service(Memory)
    (repository,) = await memory.catalog.repositories()
    write_files(vault, LIBRARY)
    commit_all(vault, "What nobody may know")
    _link_root(shop, vault)
    with pytest.raises(UnavailableError):
        await kernel.service(KnowledgeBase).graph(repository)
    found = await call(kernel, "search_code", query="parse_price", mode="keyword")
    assert all(hit["sha256"] is None and hit["commit"] is None for hit in found["hits"])
    assert found["index"]["stale"]


async def test_trees_that_git_made_are_their_own(tmp_path: Path, shop: Path, vault: Path) -> None:
    linked = tmp_path / "linked"
    git(shop, "worktree", "add", "--quiet", str(linked))
    bare, of_bare = tmp_path / "bare.git", tmp_path / "of-bare"
    git(tmp_path, "clone", "--quiet", "--bare", str(shop), str(bare))
    git(bare, "worktree", "add", "--quiet", str(of_bare))
    git(shop, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(vault), "sub")
    inside = tmp_path / "inside"
    git(tmp_path, "clone", "--quiet", f"--separate-git-dir={inside}/.kept", str(shop), str(inside))
    for tree in (shop, linked, of_bare, shop / "sub", inside):
        opened = await open_work_tree(str(tree))
        assert opened.commit == git(tree, "rev-parse", "HEAD").strip()
        listing = await list_files(opened)
        wanted = set(SECRET) if tree.name == "sub" else set(LIBRARY)
        assert wanted <= set(listing.paths)
        assert len(await read_commits(tree)) == 1
    shared = own_folders(linked)
    assert shared is not None and shared.shared == shop / ".git"
    os.rename(linked, tmp_path / "moved")
    assert own_folders(tmp_path / "moved") is None
    git(tmp_path / "moved", "worktree", "repair")
    assert own_folders(tmp_path / "moved") is not None
