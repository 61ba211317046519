"""`agentos index --watch`: what counts as a change of a working tree (issue 4, Memory)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from agentos_memory.watching import watch_tree
from tests.agentos_memory.repositories import commit_all, git, write_files

pytestmark = pytest.mark.anyio


async def _next_after_start(root: Path, changes: AsyncIterator[set[str]]) -> None:
    """One change at once after the watch is on, which must be told."""
    assert await anext(changes) == set()
    write_files(root, {"shop/poke.py": "x = 1\n"})
    assert "shop/poke.py" in await anext(changes)


async def _until(changes: AsyncIterator[set[str]], path: str) -> set[str]:
    """Every path told until `path` is, which is included."""
    told: set[str] = set()
    async for paths in changes:
        told |= paths
        if any(each.endswith(path) for each in told):
            return told
    raise AssertionError("the watch ended")


async def test_changed_sources_are_told_and_ignored_files_are_not(shop: Path) -> None:
    write_files(shop, {".gitignore": "build/\n*.gen.py\n"})
    async with asyncio.timeout(60), aclosing(watch_tree(shop)) as changes:
        await _next_after_start(shop, changes)
        write_files(
            shop, {"build/out.py": "x = 1\n", "shop/made.gen.py": "x = 1\n", "notes.xyz": "text\n"}
        )
        write_files(shop, {"shop/new.py": "x = 1\n"})
        told = await _until(changes, "shop/new.py")
        assert told <= {"shop/new.py", "shop/poke.py"}


async def test_a_change_of_branch_and_a_commit_are_told(shop: Path, tmp_path: Path) -> None:
    git(shop, "branch", "other")
    second = tmp_path / "second"
    git(shop, "worktree", "add", "--quiet", str(second), "other")
    for root in (shop, second):
        async with asyncio.timeout(60), aclosing(watch_tree(root)) as changes:
            await _next_after_start(root, changes)
            git(root, "checkout", "--quiet", "-b", f"new-{root.name}")
            await _until(changes, "HEAD")
            commit_all(root)
            await _until(changes, "logs/HEAD")
