"""Another model takes over in one step, and the old one answers until then."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agentos import ConfigurationError, Kernel, Settings
from agentos_memory.memory import Memory
from agentos_memory.vector_matrix import VectorMatrix, open_matrix
from agentos_memory.vectors import Vectors
from tests.agentos_memory.embedders import DIMENSION, EmbedderPlugin, LetterEmbedder
from tests.agentos_memory.repositories import call, commit_all, write_files
from tests.agentos_memory.test_embedding_queue import (
    SERVICE,
    digests,
    embedded,
    n_missing,
    running,
)

pytestmark = pytest.mark.anyio


async def states(kernel: Kernel) -> dict[str, str]:
    rows = await kernel.database.fetch("select model_id, state from memory.embedding_model")
    return {row["model_id"].split("-")[0].split("@")[0]: row["state"] for row in rows}


async def matrix_of(kernel: Kernel) -> VectorMatrix:
    names, bodies = await digests(kernel)
    models = kernel.service(Memory).embedding_models
    return await open_matrix(Vectors(kernel.database, models), [*names, *bodies])


async def until(kernel: Kernel, condition: Any) -> None:
    queue = kernel.service(Memory).embedding_queue
    async with asyncio.timeout(60):
        while not await condition():
            queue.wake()
            await queue.moved()


async def test_a_new_model_is_built_while_the_old_one_answers_and_then_takes_over(
    settings: Settings, shop: Path
) -> None:
    async with running(settings) as kernel:
        await call(kernel, "index_repository", path=str(shop))
        await embedded(kernel)
        assert await states(kernel) == {"all": "serving"}
    letters = LetterEmbedder()
    letters.gate.clear()
    async with running(settings, EmbedderPlugin(letters), **SERVICE) as kernel:
        queue = kernel.service(Memory).embedding_queue
        queue.wake()
        async with asyncio.timeout(60):
            await letters.has_arrived.wait()
        assert await states(kernel) == {"all": "serving", "letters": "building"}
        matrix = await matrix_of(kernel)
        assert matrix.rows.shape[1] == 384 and matrix.is_filled.all()
        found = await call(kernel, "search_code", query="what a customer pays", mode="semantic")
        assert found["hits"]
        letters.gate.set()

        async def has_switched() -> bool:
            return await states(kernel) == {"letters": "serving"}

        await until(kernel, has_switched)
        rows = await matrix.refresh()
        assert (rows.model, rows.rows.shape[1]) == ("letters-1", DIMENSION)
        assert rows.is_filled.all()
        rest = await kernel.database.fetch("select distinct model_id from memory.embedding")
        assert [row["model_id"] for row in rest] == ["letters-1"]
        await call(kernel, "search_code", query="what a customer pays", mode="semantic")


async def test_changed_files_are_embedded_by_the_serving_model_while_another_is_built(
    settings: Settings, shop: Path
) -> None:
    async with running(settings) as kernel:
        await call(kernel, "index_repository", path=str(shop))
        await embedded(kernel)
    letters = LetterEmbedder()
    letters.gate.clear()
    async with running(settings, EmbedderPlugin(letters), **SERVICE) as kernel:
        write_files(shop, {"shop/tax.py": "def tax(cents: int) -> int:\n    return cents // 5\n"})
        commit_all(shop)
        await call(kernel, "index_repository", path=str(shop))
        assert (await embedded(kernel)).is_complete
        assert (await matrix_of(kernel)).is_filled.all()
        letters.gate.set()


async def test_a_process_without_settings_keeps_the_model_that_others_chose(
    settings: Settings, shop: Path
) -> None:
    letters = LetterEmbedder()
    async with running(settings, EmbedderPlugin(letters), **SERVICE) as kernel:
        await call(kernel, "index_repository", path=str(shop))
        await embedded(kernel)
    async with running(settings) as kernel:
        models = await kernel.service(Memory).embedding_models.current()
        assert models.serving is not None and models.serving.model_id == "letters-1"
        assert models.building is None
        # Without the plugin nothing can embed the query, which is then answered by keyword.
        found = await call(kernel, "search_code", query="parse price")
        assert found["hits"][0]["symbol"] == "shop.prices.parse_price"


async def test_a_choice_that_is_taken_back_leaves_the_old_vectors(
    settings: Settings, shop: Path
) -> None:
    async with running(settings) as kernel:
        await call(kernel, "index_repository", path=str(shop))
        await embedded(kernel)
    letters = LetterEmbedder()
    letters.gate.clear()
    async with running(settings, EmbedderPlugin(letters), **SERVICE) as kernel:
        kernel.service(Memory).embedding_queue.wake()
        async with asyncio.timeout(60):
            await letters.has_arrived.wait()
    async with running(settings, embedder={"kind": "minilm"}) as kernel:

        async def is_alone() -> bool:
            return await states(kernel) == {"all": "serving"}

        await until(kernel, is_alone)
        assert await n_missing(kernel) == 0


async def test_a_service_that_no_plugin_provides_stops_the_start(settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match=r"memory\.embedder\.kind"):
        async with running(settings, **SERVICE):
            pass


async def test_an_embedder_that_answers_another_dimension_is_named(
    settings: Settings, shop: Path
) -> None:
    class Liar(LetterEmbedder):
        dimension = DIMENSION + 1

    async with running(settings, EmbedderPlugin(Liar()), **SERVICE) as kernel:
        await call(kernel, "index_repository", path=str(shop))
        failure = (await embedded(kernel)).failure
        assert failure is not None and "its dimension is 9" in failure


async def test_a_process_with_nothing_to_do_waits_for_what_another_one_builds(
    settings: Settings, shop: Path
) -> None:
    async with running(settings) as kernel:
        await call(kernel, "index_repository", path=str(shop))
        await embedded(kernel)
    first, second = LetterEmbedder(), LetterEmbedder()
    first.gate.clear()
    async with running(settings, EmbedderPlugin(first), **SERVICE) as one:
        one.service(Memory).embedding_queue.wake()
        async with asyncio.timeout(60):
            await first.has_arrived.wait()
        async with running(settings, EmbedderPlugin(second), **SERVICE) as other:
            queue = other.service(Memory).embedding_queue

            async def has_looked_twice() -> bool:
                return queue.n_steps >= 2

            await until(other, has_looked_twice)
            assert await states(other) == {"all": "serving", "letters": "building"}
            first.gate.set()

            async def has_switched() -> bool:
                return (await states(other)).get("letters") == "serving"

            await until(other, has_switched)
    assert not second.embedded


async def test_vectors_of_texts_cut_elsewhere_answer_until_the_new_ones_are_there(
    settings: Settings, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr("agentos_memory.embedding.embedder.MAX_TOKENS", 64)
        async with running(settings) as kernel:
            await call(kernel, "index_repository", path=str(shop))
            await embedded(kernel)
    async with running(settings) as kernel:
        models = kernel.service(Memory).embedding_models
        current = await models.current()
        assert current.serving is not None and current.building is not None
        old = models.embedder(current.serving)
        assert old is not None and old.model_id == current.serving.model_id
        assert old.model_id.endswith("/64") and current.building.model_id.endswith("/128")
