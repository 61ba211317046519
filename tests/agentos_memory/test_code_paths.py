"""Code of every hop, and prose of a model whose every citation resolves (issue 4)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import agentos_memory.plugin
from agentos import Kernel, Settings, UnavailableError, open_kernel
from agentos.testing import AllowEverything
from agentos_memory.cited_prose import Span, keep_cited
from tests.agentos_memory.completers import Writer
from tests.agentos_memory.repositories import LIBRARY, call, write_files

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def _explained(
    settings: Settings, shop: Path, writer: Writer
) -> AsyncIterator[dict[str, Any]]:
    plugins = {"memory": agentos_memory.plugin, "allow": AllowEverything(), "writer": writer}
    async with open_kernel(settings, extra_plugins=plugins) as kernel:
        await call(kernel, "index_repository", path=str(shop))
        yield await call(kernel, "explain_code_path", from_symbol="pay", to_symbol="parse_price")


async def test_every_step_has_the_code_that_leads_to_it(kernel: Kernel, shop: Path) -> None:
    await call(kernel, "index_repository", path=str(shop))
    path = await call(kernel, "explain_code_path", from_symbol="pay", to_symbol="parse_price")
    codes = [step["code"] for step in path["steps"]]
    for code in codes:
        lines = LIBRARY[code["path"]].splitlines()
        assert code["text"] == "\n".join(lines[code["start_line"] - 1 : code["end_line"]])
    assert codes[0]["text"].startswith("def pay(") and "basket.add(price)" in codes[1]["text"]
    assert "parse_price(price)" in codes[2]["text"] and "parse_price(price)" in path["explanation"]
    again = await call(kernel, "explain_code_path", from_symbol="pay", to_symbol="parse_price")
    assert again == path and path["model"] is None


async def test_code_of_a_file_that_changed_since_is_not_shown(kernel: Kernel, shop: Path) -> None:
    await call(kernel, "index_repository", path=str(shop))
    write_files(shop, {"shop/basket.py": "# new\n" + LIBRARY["shop/basket.py"]})
    path = await call(kernel, "explain_code_path", from_symbol="pay", to_symbol="parse_price")
    assert [step["code"] is None for step in path["steps"]] == [False, False, True]


async def test_prose_keeps_only_sentences_whose_citations_resolve(
    settings: Settings, shop: Path
) -> None:
    writer = Writer(
        lambda prompt: (
            "pay puts each price into a basket [shop/checkout.py:10]. "
            "Then it mails the king [shop/mail.py:3]. The basket parses it [shop/basket.py:12-14]. "
            "A line beyond is no proof [shop/basket.py:900]."
        )
    )
    async with _explained(settings, shop, writer) as path:
        assert path["model"] == "writer-1" and path["n_rejected_citations"] == 2
        assert path["explanation"] == (
            "pay puts each price into a basket [shop/checkout.py:10]. "
            "The basket parses it [shop/basket.py:12-14]."
        )
        assert {"shop/checkout.py:10", "shop/basket.py:12-14"} <= set(path["citations"])
    assert "basket.add(price)" in writer.prompts[0]


def _fail(prompt: str) -> str:
    raise UnavailableError("the model is asleep")


@pytest.mark.parametrize(
    "answer",
    [_fail, lambda prompt: "It just works.", lambda prompt: "See [a.py:1].", lambda prompt: ""],
    ids=["failing", "without citations", "only false ones", "empty"],
)
async def test_prose_that_proves_nothing_gives_way_to_the_facts(
    settings: Settings, shop: Path, answer: Callable[[str], str]
) -> None:
    async with _explained(settings, shop, Writer(answer)) as path:
        assert path["model"] is None and "in 2 steps" in path["explanation"]
        assert len(path["citations"]) == 2


async def test_what_looks_like_a_time_is_no_citation() -> None:
    text = "It runs at 12:30 [a/b.py:2]. See a/b.py:9 and a/b.py:3-2."
    assert keep_cited(text, [Span("a/b.py", 1, 5)]) == (
        "It runs at 12:30 [a/b.py:2].", ["a/b.py:2"], 2,
    )  # fmt: skip
