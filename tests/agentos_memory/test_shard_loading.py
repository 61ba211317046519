"""The next generation's shard is made from the one before, and equals one made anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from agentos import Kernel
from agentos_memory.code_texts import code_scope
from agentos_memory.generations import Repository
from agentos_memory.memory import Memory
from agentos_memory.residents import Residents
from agentos_memory.shard_loading import Shards
from agentos_memory.vectors import Vector, Vectors
from tests.agentos_memory.repositories import call, write_files

pytestmark = pytest.mark.anyio

VOUCHERS = '''def redeem_voucher(code: str) -> int:
    """Cents that a voucher is worth to a customer."""
    return len(code)
'''


class RecordedVectors(Vectors):
    """Remembers which digests were read."""

    def __init__(self, kernel: Kernel) -> None:
        super().__init__(kernel.database, kernel.service(Memory).embedding_models)
        self.asked: list[str] = []

    async def read(self, digests: Sequence[str], model: str) -> dict[str, Vector]:
        self.asked += digests
        return await super().read(digests, model)


async def _indexed(kernel: Kernel, root: Path) -> Repository:
    """The repository after a run, with all its vectors."""
    await call(kernel, "index_repository", path=str(root))
    memory = kernel.service(Memory)
    (repository,) = await memory.catalog.repositories()
    assert (await memory.embedding_queue.wait(code_scope(repository.id))).is_complete
    return repository


@pytest.mark.parametrize("was_asked", [True, False], ids=["vectors read", "vectors not read"])
async def test_a_shard_of_a_changed_repository_scores_as_one_that_is_loaded_anew(
    kernel: Kernel, shop: Path, was_asked: bool
) -> None:
    vectors = RecordedVectors(kernel)
    memory = kernel.service(Memory)
    kept, anew = Shards(memory.catalog, vectors), Shards(memory.catalog, vectors)
    before = await kept.get(await _indexed(kernel, shop), with_vectors=True)
    (shop / "shop/checkout.py").unlink()
    prices = (shop / "shop/prices.py").read_text()
    write_files(shop, {"shop/a.py": VOUCHERS, "shop/prices.py": f"import decimal\n\n{prices}"})
    repository = await _indexed(kernel, shop)
    if not was_asked:
        await kept.get(repository, with_vectors=False)
        write_files(shop, {"shop/z.py": VOUCHERS.replace("redeem", "refuse")})
        repository = await _indexed(kernel, shop)
    vectors.asked.clear()
    next_one = await kept.get(repository, with_vectors=True)
    n_read = len(vectors.asked)
    other = await anew.get(repository, with_vectors=True)
    assert next_one is not before and len(next_one) == len(other)
    assert 0 < n_read < len(vectors.asked) - n_read
    for text in ("parse the price", "what is a voucher worth to the customer", "decimal"):
        vector = await vectors.embed_query(text, model=other.model)
        for query_vector in (None, vector):
            found = next_one.score(text, query_vector, "hybrid")
            expected = other.score(text, query_vector, "hybrid")
            assert found.arms == expected.arms
            np.testing.assert_array_equal(found.scores, expected.scores)


async def test_what_is_resident_is_bounded_by_weight_and_the_last_used_stays() -> None:
    residents: Residents[str, str] = Residents(10, weigh=len, max_weight=8)
    n_loads = 0

    async def get(key: str, value: str) -> str:
        async def load() -> tuple[int, str]:
            nonlocal n_loads
            n_loads += 1
            return 1, value

        return await residents.get(key, 1, load)

    await get("a", "xxxx")
    await get("b", "xxxx")
    await get("a", "xxxx")
    assert n_loads == 2
    # More than all may weigh: it takes the place of both.
    await get("c", "x" * 20)
    assert (residents.latest("a"), residents.latest("b")) == (None, None)
    assert await get("c", "x" * 20) == "x" * 20
    assert n_loads == 3
    await get("a", "xxxx")
    assert residents.latest("c") is None
