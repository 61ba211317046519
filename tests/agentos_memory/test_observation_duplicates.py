"""What is noted twice is stored once, within one work order or repository (issue 4)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agentos import Kernel
from agentos_memory.memory import Memory
from agentos_memory.observation_texts import SCOPE
from tests.agentos_memory.repositories import LIBRARY, call, make_repository

pytestmark = pytest.mark.anyio

NOTE: dict[str, Any] = {
    "title": "The connection pool leaks after a timeout",
    "body": "A cancelled query keeps its connection, so that the pool is empty in the end.",
    "kind": "discovery",
}


async def _note(kernel: Kernel, *, under: str | None = None, **changes: Any) -> dict[str, Any]:
    return await call(kernel, "create_observation", under=under, **(NOTE | changes))


async def _count(kernel: Kernel) -> int:
    return int(await kernel.database.fetch_value("select count(*) from memory.observation"))


async def test_the_same_text_is_answered_with_the_observation_that_exists(kernel: Kernel) -> None:
    first = await _note(kernel)
    assert first["duplicate_of"] is None
    second = await _note(kernel)
    assert second["duplicate_of"] == first["observation"]["id"] == second["observation"]["id"]
    assert second["similarity"] == 1.0 and await _count(kernel) == 1
    forced = await _note(kernel, force=True)
    assert forced["duplicate_of"] is None and await _count(kernel) == 2
    superseding = await _note(kernel, supersedes=first["observation"]["id"])
    assert superseding["duplicate_of"] is None


async def test_two_at_once_store_one(kernel: Kernel) -> None:
    answers = await asyncio.gather(*(_note(kernel) for _ in range(4)))
    assert await _count(kernel) == 1
    assert sum(answer["duplicate_of"] is None for answer in answers) == 1


async def test_nearly_the_same_words_are_a_duplicate_once_there_are_vectors(kernel: Kernel) -> None:
    first = await _note(kernel)
    await kernel.service(Memory).embedding_queue.wait(SCOPE)
    near = await _note(kernel, title="The connection pool leaks after timeout")
    assert near["duplicate_of"] == first["observation"]["id"]
    assert 0.95 < near["similarity"] <= 1
    other = await _note(kernel, title="The login page", body="It needs a cookie.")
    assert other["duplicate_of"] is None


async def test_another_number_or_a_negation_is_another_finding(kernel: Kernel) -> None:
    await _note(kernel, title="The timeout is 10 s", body="Seen in the settings of the server.")
    await kernel.service(Memory).embedding_queue.wait(SCOPE)
    for title in ("The timeout is 30 s", "The timeout is not 10 s"):
        other = await _note(kernel, title=title, body="Seen in the settings of the server.")
        assert other["duplicate_of"] is None, title


async def test_another_work_order_or_repository_may_find_the_same(
    kernel: Kernel, shop: Path, tmp_path: Path
) -> None:
    other = make_repository(tmp_path / "other", LIBRARY)
    for root in (shop, other):
        await call(kernel, "index_repository", path=str(root))
    await _note(kernel, under="WO-1")
    assert (await _note(kernel, under="WO-1"))["duplicate_of"] is not None
    assert (await _note(kernel, under="WO-2"))["duplicate_of"] is None

    def at(repo: str) -> list[dict[str, str]]:
        return [{"path": "shop/prices.py", "repo": repo}]

    here = await _note(kernel, under="WO-3", refs=at("shop-repo"))
    again = await _note(kernel, under="WO-4", refs=at("shop-repo"))
    assert again["duplicate_of"] == here["observation"]["id"]
    assert (await _note(kernel, under="WO-5", refs=at("other")))["duplicate_of"] is None
