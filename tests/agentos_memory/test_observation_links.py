"""Links of observations to code: found again where it moved, marked where it changed (issue 4)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentos import Kernel
from tests.agentos_memory.repositories import (
    LIBRARY,
    call,
    commit_all,
    git,
    refusal,
    write_files,
)

pytestmark = pytest.mark.anyio

PRICES = "shop/prices.py"


async def _note(kernel: Kernel, title: str, **ref: Any) -> dict[str, Any]:
    made = await call(
        kernel, "create_observation", title=title, body="", kind="discovery", refs=[ref]
    )
    observation: dict[str, Any] = made["observation"]
    return observation


async def _ref(kernel: Kernel, query: str) -> dict[str, Any]:
    found = await call(kernel, "search_observations", query=query, mode="keyword")
    hit = found["hits"][0]
    assert hit["stale"] is bool(hit["refs"][0]["stale"])
    ref: dict[str, Any] = hit["refs"][0]
    return ref


async def test_lines_that_moved_are_found_again_and_are_not_stale(
    kernel: Kernel, shop: Path
) -> None:
    await call(kernel, "index_repository", path=str(shop))
    noted = await _note(kernel, "Cents", path=PRICES, start_line=4, end_line=7)
    assert noted["refs"][0]["symbol"] == "shop.prices.parse_price"
    write_files(shop, {PRICES: "# one\n# two\n" + LIBRARY[PRICES]})
    ref = await _ref(kernel, "cents")
    assert ref["stale"] is False and "begin at 6" in ref["why"]
    assert ref["found_at"] == {"path": PRICES, "start_line": 6, "end_line": 9}


async def test_a_changed_symbol_is_stale_and_shown_where_it_is_now(
    kernel: Kernel, shop: Path
) -> None:
    await call(kernel, "index_repository", path=str(shop))
    await _note(kernel, "Cents", path=PRICES, symbol="parse_price")
    changed = "# one\n" + LIBRARY[PRICES].replace("* 100", "* 1_000")
    write_files(shop, {PRICES: changed})
    ref = await _ref(kernel, "cents")
    assert ref["stale"] is True and "has changed" in ref["why"]
    assert (ref["found_at"]["start_line"], ref["found_at"]["end_line"]) == (5, 8)
    write_files(shop, {PRICES: '"""Nothing left."""\n'})
    gone = await _ref(kernel, "cents")
    assert gone["stale"] is True and "is gone" in gone["why"]


async def test_an_equal_line_of_another_symbol_is_not_taken_for_it(
    kernel: Kernel, shop: Path
) -> None:
    twice = "def a():\n    x = 1\n    return x\n\n\ndef b():\n    y = 2\n    return x\n"
    write_files(shop, {"twice.py": twice})
    await call(kernel, "index_repository", path=str(shop))
    await _note(kernel, "Returned", path="twice.py", start_line=3)
    write_files(shop, {"twice.py": twice.replace("    return x\n", "    return 1\n", 1)})
    ref = await _ref(kernel, "returned")
    assert ref["stale"] is True and ref["found_at"]["start_line"] == 1


async def test_a_renamed_file_keeps_its_observations(kernel: Kernel, shop: Path) -> None:
    await call(kernel, "index_repository", path=str(shop))
    await _note(kernel, "Cents", path=PRICES, symbol="parse_price")
    git(shop, "mv", PRICES, "shop/money.py")
    commit_all(shop)
    await call(kernel, "index_repository", path=str(shop))
    ref = await _ref(kernel, "cents")
    assert ref["stale"] is False and ref["found_at"]["path"] == "shop/money.py"
    assert "shop/money.py" in ref["why"]


async def test_a_symbol_that_is_not_there_is_refused(kernel: Kernel, shop: Path) -> None:
    await call(kernel, "index_repository", path=str(shop))
    error = await refusal(
        kernel, "create_observation", title="t", body="", kind="fix",
        refs=[{"path": PRICES, "symbol": "parse_weight"}],
    )  # fmt: skip
    assert error["code"] == "invalid_argument" and "parse_weight" in error["message"]


async def test_stale_hits_rank_behind_fresh_ones_that_match_as_well(
    kernel: Kernel, shop: Path
) -> None:
    await call(kernel, "index_repository", path=str(shop))
    await _note(kernel, "Price rounding trap", path="shop/basket.py")
    await _note(kernel, "Price rounding rule", path=PRICES)
    before = await call(kernel, "search_observations", query="price rounding", mode="keyword")
    assert before["hits"][0]["title"] == "Price rounding rule"
    write_files(shop, {PRICES: "X = 1\n"})
    after = await call(kernel, "search_observations", query="price rounding", mode="keyword")
    assert [(hit["title"], hit["stale"]) for hit in after["hits"]] == [
        ("Price rounding trap", False),
        ("Price rounding rule", True),
    ]


async def test_the_timeline_is_filtered_by_file_symbol_and_commit(
    kernel: Kernel, shop: Path
) -> None:
    run = await call(kernel, "index_repository", path=str(shop))
    await _note(kernel, "By symbol", path=PRICES, symbol="parse_price")
    await _note(kernel, "By commit", path="shop/basket.py", commit=run["commit"])

    async def titles(**about: str) -> list[str]:
        listed = await call(kernel, "list_observations", **about)
        return [each["title"] for each in listed["observations"]]

    assert await titles(path=PRICES) == ["By symbol"]
    assert await titles(symbol="parse_price") == ["By symbol"]
    assert await titles(commit=run["commit"]) == ["By commit"]
    assert await titles(path=PRICES, commit=run["commit"]) == []
