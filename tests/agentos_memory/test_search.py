"""`search_code`: ranking, filters, limits, and honesty about age (issue 2, Memory)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from agentos import CallRequest, Credentials, Kernel, Settings, open_kernel
from agentos.testing import AllowEverything
from agentos_memory import plugin
from agentos_memory.chunk_records import decode_chunks, encode_chunks
from agentos_memory.chunks import Chunk
from agentos_memory.generations import Repository
from agentos_memory.measured import SearchMode
from agentos_memory.path_filters import path_filter
from agentos_memory.ranked import Asked, CodeQuery, rank, rank_all
from agentos_memory.recognition import recognise
from agentos_memory.shards import FileEntry, Shard
from tests.agentos_memory.repositories import (
    LIBRARY,
    call,
    commit_all,
    make_repository,
    refusal,
    write_files,
)
from tests.agentos_memory.test_embedding_queue import embedded

pytestmark = pytest.mark.anyio


async def test_nothing_indexed_names_the_remedy(kernel: Kernel) -> None:
    error = await refusal(kernel, "search_code", query="anything")
    assert error["code"] == "not_found" and "index_repository" in error["remedy"]


@pytest.mark.parametrize("mode", ["hybrid", "semantic", "keyword"])
async def test_a_description_finds_the_function(kernel: Kernel, shop: Path, mode: str) -> None:
    await call(kernel, "index_repository", path=str(shop))
    await embedded(kernel)
    found = await call(
        kernel, "search_code", query="format the cents as a price text", mode=mode, limit=2
    )
    assert "shop.prices.format_price" in [hit["symbol"] for hit in found["hits"]]


@pytest.mark.parametrize("mode", ["hybrid", "keyword"])
@pytest.mark.parametrize(
    ("query", "symbol"),
    [
        ("parse_price", "shop.prices.parse_price"),
        ("Basket", "shop.basket.Basket"),
        ("Basket.total", "shop.basket.Basket.total"),
        ("shop.basket.Basket.add", "shop.basket.Basket.add"),
        ("who uses parse_price when prices are added", "shop.prices.parse_price"),
    ],
)
async def test_a_symbol_that_the_query_names_comes_first(
    kernel: Kernel, shop: Path, mode: str, query: str, symbol: str
) -> None:
    await call(kernel, "index_repository", path=str(shop))
    hits = (await call(kernel, "search_code", query=query, mode=mode))["hits"]
    assert hits[0]["symbol"] == symbol
    assert [hit["score"] for hit in hits] == sorted((h["score"] for h in hits), reverse=True)


@dataclass(frozen=True)
class FixedRows:
    """Vectors as a test wants them."""

    rows: NDArray[np.float32]
    is_filled: NDArray[np.bool_]
    model: str | None = "fixed"

    @property
    def current(self) -> FixedRows:
        return self


def shard_of(
    called: Sequence[str], *, names: FixedRows | None = None, bodies: FixedRows | None = None
) -> Shard:
    """A shard of one file with functions that have nothing but names."""
    chunks = [
        Chunk("a.py", n, n, f"a.{name}", name, "function", "", "", (), "")
        for n, name in enumerate(called, start=1)
    ]
    files = [FileEntry("a.py", "python", "0" * 64)]
    repository = Repository(1, "a", Path("/a"), None, 1)
    return Shard(
        repository,
        files,
        [decode_chunks("a.py", encode_chunks(chunks))],
        names=names,
        bodies=bodies,
    )


def test_a_name_of_like_meaning_counts_where_words_and_bodies_say_nothing() -> None:
    names = FixedRows(np.eye(2, 8, dtype=np.float32), np.ones(2, bool))
    bodies = FixedRows(np.zeros((2, 8), np.float32), np.ones(2, bool))
    shard = shard_of(["erase", "paint"], names=names, bodies=bodies)
    for position in (0, 1):
        scored = shard.score("remove", names.rows[position], "hybrid")
        assert scored.scores.argmax() == position
        assert scored.arms == ("keyword", "names", "bodies")


@pytest.mark.parametrize("mode", ["hybrid", "keyword", "semantic"])
def test_what_words_say_is_the_same_before_the_vector_is_there(mode: SearchMode) -> None:
    rows = FixedRows(np.eye(3, 8, dtype=np.float32), np.ones(3, bool))
    shard = shard_of(["erase", "paint", "erase_paint"], names=rows, bodies=rows)
    vector, text = rows.rows[1], "erase what is drawn"
    at_once = shard.measure(text, vector, mode)
    before = shard.measure(text, vector, mode, shard.worded(text, mode))
    assert before.arms == at_once.arms
    for said, expected in (
        (before.scores, at_once.scores),
        (before.of_files, at_once.of_files),
    ):
        assert list(said) == list(expected)
        for name in expected:
            np.testing.assert_array_equal(said[name], expected[name])


def test_the_best_of_a_repository_about_something_else_does_not_come_first() -> None:
    def asked(called: Sequence[str], cosines: Sequence[float]) -> Shard:
        names = FixedRows(np.zeros((len(called), 8), np.float32), np.ones(len(called), bool))
        names.rows[:, 0] = cosines
        return shard_of(called, names=names)

    # Each has one that stands out among its own; on a scale of its own it would be as good.
    other = asked(["paint", "draw", "fill", "blend"], [0.14, 0.10, 0.10, 0.10])
    meant = asked(["erase", "drop", "wipe", "clear"], [0.9, 0.6, 0.6, 0.6])
    query = CodeQuery("remove it", "semantic")
    vector = np.eye(1, 8, dtype=np.float32)[0]
    found = rank_all([Asked(other, vector), Asked(meant, vector)], query, recognise(query.text))
    (of_other, of_meant) = ([each.score for each in hits] for _, hits in found)
    assert min(of_meant) > max(of_other)


async def test_the_first_search_in_a_repository_says_what_takes_so_long(
    kernel: Kernel, shop: Path
) -> None:
    await call(kernel, "index_repository", path=str(shop))
    for expected in (["loading the index of shop-repo"], []):
        told: list[tuple[float, str]] = []

        async def report(done: float, total: float | None, message: str) -> None:
            told.append((done, message))  # noqa: B023 - ends within the round

        request = CallRequest(
            "search_code",
            {"query": "parse_price", "mode": "keyword"},
            Credentials(is_local=True),
            "test",
            progress=report,
        )
        assert not (await kernel.dispatch(request)).is_error
        assert [message for _, message in told] == expected


def test_an_arm_without_vectors_is_not_among_those_that_answered() -> None:
    names = FixedRows(np.eye(2, 8, dtype=np.float32), np.array([True, False]))
    bodies = FixedRows(np.zeros((2, 8), np.float32), np.zeros(2, bool))
    shard = shard_of(["erase", "paint"], names=names, bodies=bodies)
    scored = shard.score("paint", names.rows[0], "hybrid")
    assert scored.arms == ("keyword", "names")
    assert shard.progress == {"names": (1, 2), "bodies": (0, 2)}
    # A function that has no vector yet is found by its words.
    assert scored.scores.argmax() == 1


def test_a_hit_almost_as_good_in_another_file_comes_before_a_second_of_one_file() -> None:
    called = {"a.py": ["erase", "drop", "paint"], "b.py": ["wipe"]}
    names = FixedRows(np.zeros((4, 8), np.float32), np.ones(4, bool))
    names.rows[:, 0] = (1.0, 0.99, 0.0, 0.98)
    stored = [
        decode_chunks(
            path,
            encode_chunks(
                [
                    Chunk(path, n, n, f"{path[0]}.{name}", name, "function", "", "", (), "")
                    for n, name in enumerate(of_file, start=1)
                ]
            ),
        )
        for path, of_file in called.items()
    ]
    files = [FileEntry(path, "python", "0" * 64) for path in called]
    shard = Shard(Repository(1, "a", Path("/a"), None, 1), files, stored, names=names)
    vector = np.eye(8, dtype=np.float32)[0]
    _, found = rank(shard, CodeQuery("remove", "semantic"), recognise("remove"), vector)
    assert [shard.chunk(each.position).name for each in found] == ["erase", "wipe", "drop", "paint"]
    assert [each.score for each in found] == sorted((f.score for f in found), reverse=True)


async def test_a_hit_says_where_and_what(kernel: Kernel, shop: Path) -> None:
    await call(kernel, "index_repository", path=str(shop))
    hit = (await call(kernel, "search_code", query="parse_price"))["hits"][0]
    assert (hit["repo"], hit["path"], hit["kind"], hit["language"]) == (
        "shop-repo",
        "shop/prices.py",
        "function",
        "python",
    )
    lines = LIBRARY["shop/prices.py"].splitlines()
    assert lines[hit["start_line"] - 1].startswith("def parse_price")
    assert "def parse_price(text: str) -> int:" in hit["snippet"]


async def test_filters_narrow_the_hits(kernel: Kernel, shop: Path) -> None:
    write_files(shop, {"web/cart.ts": "export function parsePrice(text: string) { return 1 }\n"})
    await call(kernel, "index_repository", path=str(shop))

    async def paths(**filters: Any) -> set[str]:
        found = await call(kernel, "search_code", query="parse price", limit=50, **filters)
        return {hit["path"] for hit in found["hits"]}

    assert await paths(path="web/") == {"web/cart.ts"}
    assert await paths(path="shop/*sket.py") == {"shop/basket.py"}
    assert await paths(language="typescript") == {"web/cart.ts"}
    found = await call(kernel, "search_code", query="price", kind="class")
    assert [hit["symbol"] for hit in found["hits"]] == ["shop.basket.Basket"]
    error = await refusal(kernel, "search_code", query="price", repo="nowhere")
    assert error["code"] == "not_found" and "shop-repo" in error["message"]


async def test_limits_cut_and_say_so(kernel: Kernel, shop: Path) -> None:
    await call(kernel, "index_repository", path=str(shop))
    found = await call(kernel, "search_code", query="price", limit=1)
    assert len(found["hits"]) == 1 and found["truncated"]
    for limit in (0, 101):
        error = await refusal(kernel, "search_code", query="price", limit=limit)
        assert error["code"] == "invalid_argument"
    long = await refusal(kernel, "search_code", query="x" * 10_000)
    assert long["code"] == "invalid_argument" and "query" in long["message"]


async def test_words_that_occur_nowhere_find_nothing_by_keyword(kernel: Kernel, shop: Path) -> None:
    await call(kernel, "index_repository", path=str(shop))
    assert (await call(kernel, "search_code", query="xylophone", mode="keyword"))["hits"] == []


async def test_equal_queries_give_equal_answers(kernel: Kernel, shop: Path) -> None:
    await call(kernel, "index_repository", path=str(shop))
    await embedded(kernel)
    first = await call(kernel, "search_code", query="basket total")
    assert await call(kernel, "search_code", query="basket total") == first


async def test_an_index_behind_head_is_stale_until_it_is_refreshed(
    kernel: Kernel, shop: Path
) -> None:
    run = await call(kernel, "index_repository", path=str(shop))
    fresh = await call(kernel, "search_code", query="parse_price")
    index = fresh["index"]
    assert (index["repo"], index["commit"]) == ("shop-repo", run["commit"])
    assert (index["generation"], index["stale"]) == (1, False)
    commit_all(shop, "empty")
    assert (await call(kernel, "search_code", query="parse_price"))["index"]["stale"]
    await call(kernel, "index_repository", path=str(shop))
    assert not (await call(kernel, "search_code", query="parse_price"))["index"]["stale"]


async def test_a_hit_in_an_edited_file_is_marked(kernel: Kernel, shop: Path) -> None:
    await call(kernel, "index_repository", path=str(shop))
    write_files(shop, {"shop/prices.py": "# moved\n" + LIBRARY["shop/prices.py"]})
    found = await call(kernel, "search_code", query="parse_price", limit=20)
    stale = {hit["path"] for hit in found["hits"] if hit["stale"]}
    assert stale == {"shop/prices.py"} and found["index"]["stale"]


async def test_a_folder_that_becomes_a_link_leads_no_search_out_of_the_repository(
    kernel: Kernel, shop: Path, tmp_path: Path
) -> None:
    await call(kernel, "index_repository", path=str(shop))
    found = await call(kernel, "search_code", query="parse_price", mode="keyword")
    assert not found["hits"][0]["stale"]
    outside = tmp_path / "outside"
    (shop / "shop").rename(outside)
    head = "def parse_price(text: str) -> int:\n"
    source = (outside / "prices.py").read_text()
    assert head in source
    (outside / "prices.py").write_text(source.replace(head, f"{head}    # stolen\n"))
    (shop / "shop").symlink_to(outside)
    for query in ("parse_price", "/parse_price/"):
        found = await call(kernel, "search_code", query=query, mode="keyword")
        assert "stolen" not in str(found)
        assert all(
            hit["sha256"] is None for hit in found["hits"] if hit["path"].startswith("shop/")
        )


async def test_a_new_generation_is_searched_at_once(kernel: Kernel, shop: Path) -> None:
    await call(kernel, "index_repository", path=str(shop))
    await call(kernel, "search_code", query="voucher")
    write_files(shop, {"shop/vouchers.py": "def redeem_voucher() -> None: ...\n"})
    await call(kernel, "index_repository", path=str(shop))
    found = await call(kernel, "search_code", query="redeem_voucher")
    assert found["hits"][0]["symbol"] == "shop.vouchers.redeem_voucher"
    assert found["index"]["generation"] == 2


async def test_a_generation_written_by_another_process_is_searched_at_once(
    kernel: Kernel, settings: Settings, shop: Path
) -> None:
    plugins = {"memory": plugin, "allow": AllowEverything()}
    await call(kernel, "index_repository", path=str(shop))
    await call(kernel, "search_code", query="voucher")
    write_files(shop, {"shop/vouchers.py": "def redeem_voucher() -> None: ...\n"})
    async with open_kernel(settings, extra_plugins=plugins) as other:
        await call(other, "index_repository", path=str(shop))
    found = await call(kernel, "search_code", query="redeem_voucher")
    assert found["hits"][0]["symbol"] == "shop.vouchers.redeem_voucher"


async def test_all_repositories_are_searched_unless_one_is_named(
    kernel: Kernel, shop: Path, tmp_path: Path
) -> None:
    tools = make_repository(tmp_path / "tools", {"saw.py": "def saw_wood() -> None: ...\n"})
    await call(kernel, "index_repository", path=str(shop))
    await call(kernel, "index_repository", path=str(tools))
    found = await call(kernel, "search_code", query="saw_wood")
    assert (found["hits"][0]["repo"], found["index"]["repo"]) == ("tools", "tools")
    assert [index["repo"] for index in found["indexes"]] == ["shop-repo", "tools"]
    only = await call(kernel, "search_code", query="saw_wood", repo="shop-repo", limit=50)
    assert {hit["repo"] for hit in only["hits"]} == {"shop-repo"}


async def test_a_long_function_is_one_hit(kernel: Kernel, tmp_path: Path) -> None:
    body = "".join(f"    zebra_{n} = {n}\n" for n in range(400))
    root = make_repository(tmp_path / "r", {"a.py": f"def zebra() -> None:\n{body}"})
    run = await call(kernel, "index_repository", path=str(root))
    assert run["chunks"] > 1
    found = await call(kernel, "search_code", query="zebra", limit=50)
    assert [hit["symbol"] for hit in found["hits"]] == ["a.zebra"]
    assert len(found["hits"][0]["snippet"].splitlines()) < 20


@pytest.mark.parametrize(
    ("text", "path", "is_chosen"),
    [
        ("src/", "src/a.py", True),
        ("./src/a", "src/a.py", True),
        ("a.py", "src/a.py", False),
        ("src/*.py", "src/a.py", True),
        ("src/*.py", "src/deep/a.py", False),
        ("src/**/*.py", "src/a.py", True),
        ("src/**/*.py", "src/deep/er/a.py", True),
        ("**/a.py", "a.py", True),
        ("src/**", "src/deep/a.py", True),
        ("src/**", "srcx/a.py", False),
        ("s?c/[ab].py", "src/b.py", True),
        ("**/" * 60 + "x", "a/" * 300 + "a", False),
    ],
)
def test_paths_are_chosen_by_prefix_or_glob(text: str, path: str, is_chosen: bool) -> None:
    assert path_filter(text)(path) is is_chosen
