"""What is approved is what was submitted, however its worktree is read again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentos import Settings
from agentos_governance.orders import get_order
from agentos_governance.review.worktree import is_proven, workspace_of
from tests.agentos_governance.lifecycle import Office, sample_repository
from tests.agentos_governance.repositories import git
from tests.agentos_governance.review.rounds import review_office, write

pytestmark = pytest.mark.anyio


async def in_review(office: Office, repo: Path) -> tuple[str, str]:
    """A work order whose worktree was changed and submitted, and its packet."""
    order = await office.create(repo=repo, contract={"allowed_roots": ["."]})
    await office.claim("w1", order)
    write(office, order, "src/new.py", "NEW = 1\n")
    answer = await office.submit("w1", order)
    assert answer["state"] == "in_review", answer
    return order, answer["packet_sha256"]


async def proven(office: Office, order: str, **changes: Any) -> bool:
    (event,) = await office.events(f"work_order/{order}", "work_order.submitted")
    workspace = workspace_of(await get_order(office.kernel.database, order))
    assert workspace is not None
    return await is_proven(workspace, {**event["data"], **changes})


async def test_an_unchanged_worktree_is_proven_and_approved(
    settings: Settings, tmp_path: Path
) -> None:
    async with review_office(settings) as office:
        order, packet = await in_review(office, sample_repository(tmp_path))
        write(office, order, "build/product", "the base ignores it\n")
        assert await proven(office, order)
        assert not await proven(office, order, worktree_sha256=None)
        assert await office.vote("anna", order, packet) == "completed"


def _touch_product(work: Path) -> None:
    (work / "src" / "app.py").write_text("print('two')\n", "utf-8")


def _commit_something_else(work: Path) -> None:
    (work / "src" / "app.py").write_text("print('two')\n", "utf-8")
    git(work, "commit", "--quiet", "-am", "Work")
    (work / "src" / "app.py").write_text("print('one')\n" * 20, "utf-8")


@pytest.mark.parametrize("change", [_touch_product, _commit_something_else])
async def test_a_worktree_that_moved_is_neither_proven_nor_approved(
    settings: Settings, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    async with review_office(settings) as office:
        order, packet = await in_review(office, sample_repository(tmp_path))
        change(settings.home / "worktrees" / order)
        assert not await proven(office, order)
        vote = {"work_order": order, "packet_sha256": packet, "verdict": "approve"}
        error = await office.refuse("anna", "review_work_order", **vote, reason="I looked")
        assert (error["code"], "has changed since" in error["message"]) == ("conflict", True)


async def test_what_cannot_be_proven_is_compared_as_a_whole(
    settings: Settings, tmp_path: Path
) -> None:
    repo = sample_repository(tmp_path)
    (repo / ".gitattributes").write_text("*.md text eol=crlf\n", "utf-8")
    git(repo, "add", ".")
    git(repo, "commit", "--quiet", "-m", "Line ends")
    async with review_office(settings) as office:
        order, packet = await in_review(office, repo)
        assert not await proven(office, order)
        assert await office.vote("anna", order, packet) == "completed"
