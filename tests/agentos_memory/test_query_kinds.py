"""Queries that are more than words: places, files, messages, regular expressions (issue 4)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from agentos import InvalidArgumentError, Kernel, LimitExceededError, sha256_hex
from agentos_memory import regex_search
from agentos_memory.literals import Message, find_quote
from agentos_memory.process_limits import peak_bytes
from agentos_memory.recognition import MAX_PATTERN_CHARS, Place, recognise
from agentos_memory.regex_search import MAX_MATCHES, find_lines
from agentos_memory.spans import cut_lines
from tests.agentos_memory.repositories import (
    LIBRARY,
    call,
    commit_all,
    make_repository,
    refusal,
    write_files,
)
from tests.alone import run_alone

pytestmark = pytest.mark.anyio

SHOP = {
    **LIBRARY,
    "shop/errors.py": '''def refuse(name: str, cents: int) -> None:
    """Say no."""
    if cents > 10:
        raise ValueError(f"voucher {name!r} is worth only {cents} cents")
    raise ValueError(
        "the voucher %s was already "
        "redeemed by another customer" % name
    )


def accept(name: str) -> None:
    """The voucher is worth its cents."""
''',
    "tests/test_prices.py": """from shop.prices import parse_price


def test_parse_price() -> None:
    assert parse_price("1.5") == 105
""",
}


@pytest.fixture
async def shop(kernel: Kernel, tmp_path: Path) -> Path:
    root = make_repository(tmp_path / "shop-repo", SHOP)
    await call(kernel, "index_repository", path=str(root))
    return root


async def search(kernel: Kernel, query: str, **options: Any) -> list[dict[str, Any]]:
    options.setdefault("mode", "keyword")
    hits: list[dict[str, Any]] = (await call(kernel, "search_code", query=query, **options))["hits"]
    return hits


@pytest.mark.parametrize("mode", ["hybrid", "keyword"])
@pytest.mark.parametrize(
    ("query", "symbol", "line"),
    [
        ("shop/basket.py:14", "shop.basket.Basket.add", 14),
        ("basket.py:7", "shop.basket.Basket", 7),
        ('File "/srv/app/shop/prices.py", line 7, in parse_price', None, None),
        ('  File "shop/prices.py", line 7, in parse', "shop.prices.parse_price", 7),
        ("why does prices.py:12 fail", "shop.prices.format_price", 12),
    ],
)
async def test_a_place_finds_the_innermost_symbol_there(
    kernel: Kernel, shop: Path, mode: str, query: str, symbol: str | None, line: int | None
) -> None:
    hit = (await search(kernel, query, mode=mode))[0]
    if symbol is not None:
        assert (hit["symbol"], hit["line"]) == (symbol, line)


@pytest.mark.parametrize("query", ["basket.py", "shop/basket.py", "./shop/basket.py"])
async def test_a_file_name_finds_what_is_in_the_file(
    kernel: Kernel, shop: Path, query: str
) -> None:
    hits = await search(kernel, query)
    assert {hit["path"] for hit in hits[:3]} == {"shop/basket.py"}


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("ValueError: voucher 'SUMMER' is worth only 250 cents", 4),
        ("the voucher ABC-1 was already redeemed by another customer", 6),
        ("was already redeemed by another customer.", 6),
    ],
)
async def test_a_printed_message_finds_the_line_that_prints_it(
    kernel: Kernel, shop: Path, message: str, line: int
) -> None:
    hit = (await search(kernel, message))[0]
    assert (hit["symbol"], hit["line"]) == ("shop.errors.refuse", line)


@pytest.mark.parametrize(
    ("literal", "message", "is_quoted"),
    [
        ('"cannot open %s: %d"', "cannot open /etc/x: 13", True),
        ("`no user ${id} here`", "no user 17 here", True),
        ('"""Usage:\n  run {name}"""', "usage: run everything", True),
        ('"%s"', "cannot open /etc/x", False),
        ('"short"', "a short message", False),
        ('"open the file before reading"', "reading before open the file", False),
        ('"before reading"', "open the file and all of its folders before reading", False),
        # Twice as long in lower case, and so more than a third of the message.
        ('"İİİİ İİİİ"', "İİİİ İİİİ" + " and 23 other characters", True),
    ],
)
def test_a_message_is_quoted_when_the_fixed_parts_are_there_in_order(
    literal: str, message: str, is_quoted: bool
) -> None:
    wanted, text = Message(message), f"x = {literal}"
    assert (find_quote(text, wanted) is not None) is is_quoted
    # The look that saves the reading must not lose a quote.
    assert wanted.may_be_in(text.encode()) or not is_quoted


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (r"/raise \w+Error\(/", [("shop.errors.refuse", 4)]),
        (r"regex: def (parse|format)_price", [("shop.prices.parse_price", 4)]),
        ("/PARSE_PRICE\\(text/i", [("shop.prices.parse_price", 4)]),
    ],
)
async def test_a_regular_expression_finds_the_chunks_with_matching_lines(
    kernel: Kernel, shop: Path, query: str, found: list[tuple[str, int]]
) -> None:
    answer = await call(kernel, "search_code", query=query)
    assert answer["arms"] == ["regex"]
    hits = [(hit["symbol"], hit["line"]) for hit in answer["hits"]]
    assert hits[: len(found)] == found


async def test_matches_in_tests_come_after_those_in_the_product_and_filters_hold(
    kernel: Kernel, shop: Path
) -> None:
    hits = await search(kernel, "regex: parse_price", limit=50)
    paths = [hit["path"] for hit in hits]
    assert paths[-1] == "tests/test_prices.py" and "shop/prices.py" in paths
    filtered = await search(kernel, "regex: parse_price", path="tests/", kind="function")
    assert [hit["symbol"] for hit in filtered] == ["tests.test_prices.test_parse_price"]
    cut = await call(kernel, "search_code", query="regex: price", limit=1)
    assert len(cut["hits"]) == 1 and cut["truncated"]


async def test_an_expression_that_explodes_is_refused_and_holds_nobody_up(
    kernel: Kernel, tmp_path: Path
) -> None:
    root = make_repository(tmp_path / "r", {"a.py": f"X = '{'a' * 60}'\n"})
    await call(kernel, "index_repository", path=str(root))
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    async with asyncio.timeout(120):
        error = await refusal(kernel, "search_code", query="/(a+)+$b/")
    ticking.cancel()
    assert error["code"] == "limit_exceeded" and "regular expression" in error["message"]
    # The loop went on while the expression ran.
    assert ticks > 2


async def test_a_killed_expression_leaves_no_process_behind() -> None:
    with pytest.raises(LimitExceededError):
        await find_lines("(a+)+$", _steps(b"a" * 60 + b"b"))
    command = ["ps", "-eo", "ppid=,args="]
    done = await anyio.run_process(command)
    listed = done.stdout.decode("utf-8", "replace").splitlines()
    own = [line for line in listed if "regex_scan.py" in line]
    assert not [line for line in own if line.split()[0] == str(os.getpid())]


@pytest.mark.parametrize("pattern", ["(", "a{99999999999}", "(?P<n>x)(?P<n>y)", "*"])
async def test_an_invalid_expression_is_refused_with_its_fault(pattern: str) -> None:
    with pytest.raises(InvalidArgumentError, match="not valid"):
        await find_lines(pattern, _steps(b"text"))


async def test_lines_of_matches_are_counted_once_and_in_order() -> None:
    texts = [b"one two\nthree\ntwo two\n", b"", b"\xff\xfetwo\n"]
    assert await find_lines("two", _steps(*texts)) == [(0, 1), (0, 3), (2, 1)]
    assert await find_lines("\ud800", _steps(*texts)) == []


def test_more_text_than_may_be_held_at_once_is_searched() -> None:
    found, grown = run_alone(_search_much)
    assert found == [(number, 2) for number in range(20, 30)]
    assert grown < 100 << 20


def _search_much() -> tuple[list[tuple[int, int]], int]:
    """What is found in 300 MiB, and by how many bytes this process has grown meanwhile."""

    async def many() -> AsyncIterator[list[bytes]]:
        for number in range(300):
            yield [b"x" * (1 << 20) + b"\nneedle %d\n" % number]

    # So much takes a good part of what an expression may take, and all of it on a slow machine.
    regex_search.TIME_LIMIT_S, regex_search.WALL_LIMIT_S = 120, 600.0
    before = peak_bytes()
    found = asyncio.run(find_lines("^needle 2[0-9]$", many()))
    return found, peak_bytes() - before


async def test_no_more_is_read_when_enough_lines_were_found() -> None:
    async def endless() -> AsyncIterator[list[bytes]]:
        while True:
            yield [b"needle\n" * 1_000]

    async with asyncio.timeout(60):
        assert len(await find_lines("needle", endless())) == MAX_MATCHES


async def _steps(*texts: bytes) -> AsyncIterator[list[bytes]]:
    for text in texts:
        yield [text]


def test_a_pattern_that_is_too_long_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match=str(MAX_PATTERN_CHARS)):
        recognise("/" + "x" * (MAX_PATTERN_CHARS + 1) + "/")


@pytest.mark.parametrize(
    ("query", "pattern", "places", "file_name"),
    [
        ("/a+/", "a+", (), None),
        ("/usr/lib/", None, (), None),
        ("src/app.py", None, (), "src/app.py"),
        ("app.py", None, (), "app.py"),
        ("a/b.ts:10:4", None, (Place("a/b.ts", 10),), None),
        ("Error in a\\b.py(12)", None, (Place("a/b.py", 12),), None),
        ("http client timeout", None, (), None),
        ("version 1.5:3 is odd", None, (), None),
    ],
)
def test_the_kind_of_a_query_is_recognised(
    query: str, pattern: str | None, places: tuple[Place, ...], file_name: str | None
) -> None:
    found = recognise(query)
    assert (found.pattern, found.places) == (pattern, places)
    assert found.file_name == file_name or file_name is None


async def test_the_lines_of_every_hit_hash_to_the_file_at_the_stated_commit(
    kernel: Kernel, shop: Path
) -> None:
    """Issue 4: 100 % of the hits; what is not committed states no commit."""
    write_files(shop, {"shop/new.py": "def uncommitted_price() -> int:\n    return 1\n"})
    await call(kernel, "index_repository", path=str(shop))
    n_committed = 0
    for query in ("price", "basket total", "regex: def ", "voucher cents", "test"):
        answer = await call(kernel, "search_code", query=query, mode="keyword", limit=100)
        for hit in answer["hits"]:
            span = hit["start_line"], hit["end_line"]
            here = cut_lines((shop / hit["path"]).read_bytes(), *span)
            assert isinstance(here, bytes) and sha256_hex(here) == hit["sha256"]
            if hit["path"] == "shop/new.py":
                assert hit["commit"] is None
                continue
            assert hit["commit"] == answer["index"]["commit"]
            shown = (
                await anyio.run_process(
                    ["git", "-C", str(shop), "show", f"{hit['commit']}:{hit['path']}"]
                )
            ).stdout
            there = cut_lines(shown, *span)
            assert isinstance(there, bytes) and sha256_hex(there) == hit["sha256"]
            n_committed += 1
    assert n_committed > 20


async def test_lines_are_found_again_in_a_file_that_changed(kernel: Kernel, shop: Path) -> None:
    moved = "# moved\n\n" + LIBRARY["shop/prices.py"]
    write_files(shop, {"shop/prices.py": moved})
    hit = (await search(kernel, "parse_price"))[0]
    assert hit["stale"] and hit["commit"] is None
    assert moved.splitlines()[hit["start_line"] - 1].startswith("def parse_price")
    lines = cut_lines(moved.encode(), hit["start_line"], hit["end_line"])
    assert isinstance(lines, bytes) and sha256_hex(lines) == hit["sha256"]
    assert hit["snippet"].startswith("def parse_price")


async def test_what_is_gone_from_its_file_states_no_lines(kernel: Kernel, shop: Path) -> None:
    write_files(shop, {"shop/prices.py": "X = 1\n"})
    (shop / "shop/basket.py").unlink()
    for query in ("parse_price", "Basket.add"):
        hit = (await search(kernel, query))[0]
        assert hit["stale"] and hit["sha256"] is None and hit["commit"] is None
        assert hit["snippet"].startswith("def ")


async def test_an_edit_that_was_committed_since_is_stale_until_the_next_run(
    kernel: Kernel, shop: Path
) -> None:
    write_files(shop, {"shop/prices.py": "# moved\n" + LIBRARY["shop/prices.py"]})
    commit = commit_all(shop)
    assert (await search(kernel, "parse_price"))[0]["stale"]
    await call(kernel, "index_repository", path=str(shop))
    hit = (await search(kernel, "parse_price"))[0]
    assert not hit["stale"] and hit["commit"] == commit


async def test_tests_come_after_what_they_test_unless_they_are_asked_for(
    kernel: Kernel, shop: Path
) -> None:
    plain = await search(kernel, "cents of a price")
    assert [hit["path"].startswith("tests/") for hit in plain][:2] == [False, False]
    asked = await search(kernel, "test for the parse price function")
    assert asked[0]["path"] == "tests/test_prices.py"
