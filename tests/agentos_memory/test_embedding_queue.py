"""Vectors are made in the background: in order, once, and to the end, whoever is killed."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import agentos_memory.plugin
from agentos import Kernel, Settings, open_kernel
from agentos.testing import AllowEverything
from agentos_memory import embedding_queue
from agentos_memory.chunk_records import decode_chunks
from agentos_memory.code_texts import code_scope
from agentos_memory.embedding import EmbedderSettings
from agentos_memory.embedding.onnx_embedder import MODEL_DIR
from agentos_memory.embedding_queue import EmbeddingProgress
from agentos_memory.memory import Memory
from agentos_memory.text_sources import TextSource, WantedText
from agentos_memory.vector_matrix import open_matrix
from agentos_memory.vectors import Vectors
from tests.agentos_memory.embedders import EmbedderPlugin, LetterEmbedder
from tests.agentos_memory.repositories import (
    LIBRARY,
    call,
    commit_all,
    make_repository,
    refusal,
    write_files,
)

pytestmark = pytest.mark.anyio

SERVICE = {"embedder": {"kind": "service", "batch": 8, "parallel": 1}}


@asynccontextmanager
async def running(settings: Settings, *plugins: object, **memory: Any) -> AsyncIterator[Kernel]:
    named = {f"extra{n}": plugin for n, plugin in enumerate(plugins)}
    enabled = {"memory": agentos_memory.plugin, "allow": AllowEverything(), **named}
    chosen = settings.model_copy(update={"memory": memory})
    async with open_kernel(chosen, extra_plugins=enabled) as kernel:
        yield kernel


async def embedded(kernel: Kernel) -> EmbeddingProgress:
    """Wait until the one repository has its vectors, or cannot get them."""
    repository = await kernel.database.fetch_value("select id from memory.repository")
    # Its threads give way to everything else that the machine does.
    async with asyncio.timeout(600):
        return await kernel.service(Memory).embedding_queue.wait(code_scope(repository))


async def digests(kernel: Kernel) -> tuple[list[str], list[str]]:
    """Digests of the names and of the bodies of every stored chunk."""
    rows = await kernel.database.fetch(
        "select f.path, c.chunks from memory.file f join memory.content c on c.id = f.content_id"
    )
    stored = [decode_chunks(row["path"], row["chunks"]) for row in rows]
    names = [digest for part in stored for digest in part.name_digests]
    return names, [digest for part in stored for digest in part.digests]


async def n_missing(kernel: Kernel) -> int:
    names, bodies = await digests(kernel)
    return len({*names, *bodies} - (await positions(kernel)).keys())


async def positions(kernel: Kernel) -> dict[str, int]:
    rows = await kernel.database.fetch("select digest, position from memory.embedding")
    return {row["digest"]: row["position"] for row in rows}


def many_functions(n_files: int, n_functions: int) -> dict[str, str | bytes]:
    """Files of functions that all differ."""
    return {
        f"part_{file}.py": "".join(
            f"def compute_{file}_{n}(price, amount):\n"
            f'    """Rebate number {n} of table {file}."""\n'
            f"    return price * {n} + amount * {file}\n\n\n"
            for n in range(n_functions)
        )
        for file in range(n_files)
    }


async def test_after_an_index_run_every_name_and_body_gets_a_vector(
    kernel: Kernel, shop: Path
) -> None:
    await call(kernel, "index_repository", path=str(shop))
    progress = await embedded(kernel)
    assert progress.is_complete
    assert progress.n_waiting == progress.n_unreadable == await n_missing(kernel) == 0
    assert progress.names_done == progress.names_total > 0
    found = await call(kernel, "search_code", query="what the customer owes", mode="semantic")
    assert {hit["symbol"] for hit in found["hits"][:3]} & {
        "shop.basket.Basket.total",
        "shop.checkout.pay",
    }


async def test_names_get_their_vectors_before_bodies_do(kernel: Kernel, shop: Path) -> None:
    await call(kernel, "index_repository", path=str(shop))
    await embedded(kernel)
    at = await positions(kernel)
    names, bodies = await digests(kernel)
    assert max(at[digest] for digest in names) < min(at[digest] for digest in bodies)


async def test_files_of_the_last_commit_come_first(settings: Settings, shop: Path) -> None:
    write_files(shop, {"shop/tax.py": "def tax(cents: int) -> int:\n    return cents // 5\n"})
    commit_all(shop)
    letters = LetterEmbedder()
    async with running(settings, EmbedderPlugin(letters), **SERVICE) as kernel:
        await call(kernel, "index_repository", path=str(shop))
        await embedded(kernel)
        (source,) = await kernel.service(Memory).code_sources(
            kernel.service(Memory).embedding_models.settings
        )
        assert next(each.place for each in await source.wanted()) == "shop/tax.py"


async def test_a_killed_process_loses_one_step_and_its_successor_goes_on(
    settings: Settings, tmp_path: Path
) -> None:
    repository = make_repository(tmp_path / "many", many_functions(8, 150))
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.agentos_memory.embedding_process",
        settings.database_url or "",
        str(settings.home),
        str(repository),
        stdout=asyncio.subprocess.PIPE,
    )
    assert program.stdout is not None
    async with asyncio.timeout(600):
        # It says so after each step.
        assert (await program.stdout.readline()).startswith(b"embedded")
    os.kill(program.pid, signal.SIGKILL)
    await program.wait()
    async with running(settings) as kernel:
        before = await positions(kernel)
        assert before and await n_missing(kernel) > 0
        progress = await embedded(kernel)
        after = await positions(kernel)
    assert progress.is_complete
    assert progress.n_unreadable == 0
    assert len(after) == progress.names_total + progress.bodies_total
    assert {digest: after[digest] for digest in before} == before


async def test_a_server_makes_vectors_that_are_missing_without_being_asked(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_repository(tmp_path / "many", many_functions(2, 5))
    async with running(settings, embedder={"kind": "none"}) as kernel:
        await call(kernel, "index_repository", path=str(tmp_path / "many"))
    monkeypatch.setattr(embedding_queue, "STARTS_AFTER_S", 0.05)
    letters = LetterEmbedder()
    async with running(settings, EmbedderPlugin(letters), **SERVICE) as kernel:
        async with asyncio.timeout(60):
            while not letters.embedded:
                await kernel.service(Memory).embedding_queue.moved()


async def test_two_processes_never_embed_the_same_text(settings: Settings, tmp_path: Path) -> None:
    make_repository(tmp_path / "many", many_functions(3, 20))
    first, second = LetterEmbedder(), LetterEmbedder()
    first.gate.clear()
    async with (
        running(settings, EmbedderPlugin(first), **SERVICE) as one,
        running(settings, EmbedderPlugin(second), **SERVICE) as other,
    ):
        await call(one, "index_repository", path=str(tmp_path / "many"))
        async with asyncio.timeout(60):
            await first.has_arrived.wait()
        # The first holds the repository in the middle of its work; the other looks for work, too.
        queue = other.service(Memory).embedding_queue
        queue.wake()
        async with asyncio.timeout(60):
            while not queue.n_steps:
                await queue.moved()
        assert not second.embedded
        first.gate.set()
        assert (await embedded(other)).is_complete
        assert await n_missing(one) == 0
    assert not second.embedded
    assert set(first.embedded.values()) == {1}


async def test_vectors_reach_a_resident_matrix_without_reading_it_anew(
    settings: Settings, shop: Path
) -> None:
    letters = LetterEmbedder()
    letters.gate.clear()
    async with running(settings, EmbedderPlugin(letters), **SERVICE) as kernel:
        await call(kernel, "index_repository", path=str(shop))
        _, bodies = await digests(kernel)
        memory = kernel.service(Memory)
        matrix = await open_matrix(Vectors(kernel.database, memory.embedding_models), bodies)
        empty = await matrix.refresh()
        assert (empty.n_filled, empty.rows.shape) == (0, (len(bodies), 8))
        letters.gate.set()
        assert (await embedded(kernel)).is_complete
        # The database may tell so before the queue has, which what it knows of the models goes by.
        memory.embedding_models.expire()
        filled = await matrix.refresh()
        assert filled is empty
        assert filled.n_filled == len(bodies)


async def test_a_failing_embedder_is_asked_again(settings: Settings, shop: Path) -> None:
    class Moody(LetterEmbedder):
        is_broken = True

        async def embed(self, texts: Any, *, purpose: Any) -> Any:
            if self.is_broken:
                raise RuntimeError("not today")
            return await super().embed(texts, purpose=purpose)

    moody = Moody()
    async with running(settings, EmbedderPlugin(moody), **SERVICE) as kernel:
        await call(kernel, "index_repository", path=str(shop))
        broken = await embedded(kernel)
        assert (broken.is_complete, broken.failure) == (False, "RuntimeError")
        moody.is_broken = False
        queue = kernel.service(Memory).embedding_queue
        async with asyncio.timeout(60):
            while not (await embedded(kernel)).is_complete:
                await queue.moved()


class Notebook:
    """A source of one short text, which cannot be read while it is torn."""

    scope = "notebook"
    version = 1

    def __init__(self) -> None:
        self.is_torn = True
        self.n_asked = 0

    async def wanted(self) -> list[WantedText]:
        return [WantedText("0" * 64, "body", "page 1")]

    async def texts(self, wanted: Sequence[WantedText]) -> dict[str, str]:
        self.n_asked += 1
        if self.is_torn:
            raise RuntimeError("a page is missing")
        return {each.digest: "what was noted" for each in wanted}


async def test_a_failing_source_holds_up_no_other_and_is_tried_again(
    settings: Settings, shop: Path
) -> None:
    async with running(settings, EmbedderPlugin(LetterEmbedder()), **SERVICE) as kernel:
        queue, notebook = kernel.service(Memory).embedding_queue, Notebook()

        async def provide(settings: EmbedderSettings) -> list[TextSource]:
            return [notebook]

        async def fail(settings: EmbedderSettings) -> list[TextSource]:
            raise RuntimeError("no sources")

        queue.add_provider(provide)
        queue.add_provider(fail)
        torn = await queue.wait("notebook")
        assert (torn.is_complete, torn.failure) == (False, "RuntimeError")
        n_asked, began = notebook.n_asked, asyncio.get_running_loop().time()
        await call(kernel, "index_repository", path=str(shop))
        assert (await embedded(kernel)).is_complete
        # Ever less often: 2 s after the first failure, 4 s after the second.
        elapsed_s = asyncio.get_running_loop().time() - began
        assert notebook.n_asked - n_asked <= 1 + elapsed_s / 2
        notebook.is_torn = False
        async with asyncio.timeout(60):
            while not (await queue.wait("notebook")).is_complete:
                await queue.moved()


async def test_a_damaged_model_leaves_search_by_keyword_and_is_named(
    settings: Settings, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(MODEL_DIR, folder)
    (folder / "vocab.txt").write_bytes(b"nothing")
    monkeypatch.setattr("agentos_memory.embedding.embedder.MODEL_DIR", folder)
    async with running(settings) as kernel:
        await call(kernel, "index_repository", path=str(shop))
        progress = await embedded(kernel)
        assert progress.failure is not None and "vocab.txt" in progress.failure
        found = await call(kernel, "search_code", query="parse price")
        assert found["hits"][0]["symbol"] == "shop.prices.parse_price"
        error = await refusal(kernel, "search_code", query="parse price", mode="semantic")
        assert error["code"] == "unavailable"
        assert "vocab.txt" in error["message"] and "keyword" in error["remedy"]


async def test_without_an_embedder_search_goes_by_keyword(settings: Settings, shop: Path) -> None:
    async with running(settings, embedder={"kind": "none"}) as kernel:
        await call(kernel, "index_repository", path=str(shop))
        assert "none" in ((await embedded(kernel)).failure or "")
        found = await call(kernel, "search_code", query="parse price")
        assert found["hits"][0]["symbol"] == "shop.prices.parse_price"
        await call(
            kernel, "create_observation", title="Prices", body="Are cents.", kind="discovery"
        )
        noted = await call(kernel, "search_observations", query="prices")
        assert noted["hits"] and noted["arms"] == ["keyword"]
        assert "none" in noted["missing"]
        assert await kernel.database.fetch_value("select count(*) from memory.embedding") == 0


async def test_progress_shows_in_the_metrics(kernel: Kernel, shop: Path) -> None:
    await call(kernel, "index_repository", path=str(shop))
    await embedded(kernel)
    text = kernel.metrics.render().decode()
    assert 'agentos_memory_embedded_texts_total{tier="name"}' in text
    # The queue tells it with its next look, after the step that made the last vector.
    queue = kernel.service(Memory).embedding_queue
    async with asyncio.timeout(60):
        while "agentos_memory_embedding_waiting_texts 0.0" not in text:
            await queue.moved()
            text = kernel.metrics.render().decode()


async def test_vectors_of_texts_that_are_gone_are_deleted_after_a_day(
    kernel: Kernel, shop: Path
) -> None:
    await call(kernel, "index_repository", path=str(shop))
    await embedded(kernel)
    write_files(shop, {name: "" for name in LIBRARY if name == "shop/checkout.py"})
    await call(kernel, "index_repository", path=str(shop))
    await embedded(kernel)
    sweep = kernel.service(Memory).embedding_queue.sweep
    assert await sweep.forget_unused(kernel.clock.now()) == 0
    await kernel.database.fetch(
        "update memory.embedding set created_at = created_at - interval '2 days'"
    )
    before = len(await positions(kernel))
    n_gone = await sweep.forget_unused(kernel.clock.now())
    assert n_gone > 0
    assert len(await positions(kernel)) == before - n_gone
    assert await n_missing(kernel) == 0
