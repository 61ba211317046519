"""Summaries by a model beside the extractive ones, every sentence with its lines (issue 4)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import agentos_memory.plugin
from agentos import Kernel, Settings, UnavailableError, open_kernel
from agentos.testing import AllowEverything
from agentos_memory.memory import Memory
from agentos_memory.references.model_summaries import keep_cited
from tests.agentos_memory.completers import Writer
from tests.agentos_memory.repositories import call

pytestmark = pytest.mark.anyio

LONG = "\n".join(f"Rule {n}: a lease of kind {n} ends after {n} minutes." for n in range(40))
PAGE = f"# Leases\n\n{LONG}\n\n## Short\n\nNothing more.\n"


@asynccontextmanager
async def _kernel(settings: Settings, writer: Writer) -> AsyncIterator[Kernel]:
    plugins = {"memory": agentos_memory.plugin, "allow": AllowEverything(), "writer": writer}
    async with open_kernel(settings, extra_plugins=plugins) as kernel:
        yield kernel


async def _summarise(kernel: Kernel, writer: Writer) -> None:
    while await kernel.service(Memory).model_summaries.step(writer):
        pass


async def _get(kernel: Kernel, anchor: str) -> dict[str, Any]:
    return await call(kernel, "get_reference", anchor=anchor)


async def test_a_model_s_summary_stands_beside_the_extractive_one_with_lines_and_model(
    settings: Settings, tmp_path: Path
) -> None:
    page = tmp_path / "leases.md"
    page.write_text(PAGE)
    writer = Writer(
        lambda prompt: (
            "Leases end after as many minutes as their kind says [3-5]. "
            "The moon is made of cheese. Nobody renews them [900]. Kind 7 takes seven [10]."
        )
    )
    async with _kernel(settings, writer) as kernel:
        await call(kernel, "add_reference", path=str(page))
        before = await _get(kernel, "leases.md#leases")
        await _summarise(kernel, writer)
        section = await _get(kernel, "leases.md#leases")
        assert section["summary"] == before["summary"] != ""
        assert section["summary_model"] == "writer-1"
        assert section["model_summary"] == (
            "Leases end after as many minutes as their kind says [3-5]. Kind 7 takes seven [10]."
        )
        assert section["text"].split("\n")[9].startswith("Rule 7")
        assert "\n[10] Rule 7" in writer.prompts[0]
        found = await call(kernel, "search_references", query="renews lease", mode="keyword")
        hit = next(each for each in found["hits"] if each["anchor"] == "leases.md#leases")
        assert hit["model_summary"] == section["model_summary"]
        # A short section says all of it itself, and nothing is asked twice.
        assert (await _get(kernel, "leases.md#leases/short"))["model_summary"] is None
        asked = len(writer.prompts)
        page.write_text(PAGE.replace("Nothing more", "Something more"))
        await call(kernel, "add_reference", path=str(page))
        await _summarise(kernel, writer)
        assert len(writer.prompts) == asked
        assert (await _get(kernel, "leases.md#leases"))["model_summary"] is not None
        # A section that changed loses what was said of its old text.
        page.write_text(PAGE.replace("Rule 7:", "Rule seven:"))
        await call(kernel, "add_reference", path=str(page))
        assert (await _get(kernel, "leases.md#leases"))["model_summary"] is None
        assert await kernel.database.fetch_value("select count(*) from memory.section_summary") == 0


async def test_a_model_that_fails_leaves_the_extractive_summary(
    settings: Settings, tmp_path: Path
) -> None:
    def fail(prompt: str) -> str:
        raise UnavailableError("the model is away")

    page = tmp_path / "leases.md"
    page.write_text(PAGE)
    writer = Writer(fail)
    async with _kernel(settings, writer) as kernel:
        await call(kernel, "add_reference", path=str(page))
        with pytest.raises(ExceptionGroup):
            await _summarise(kernel, writer)
        section = await _get(kernel, "leases.md#leases")
        assert section["summary"] and section["model_summary"] is None


async def test_secrets_reach_no_model_and_do_not_come_back(
    settings: Settings, tmp_path: Path
) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2"
    page = tmp_path / "leases.md"
    page.write_text(PAGE.replace("Rule 3:", f"Rule 3 {secret}:"))
    writer = Writer(lambda prompt: f"The token is {secret} [3].")
    async with _kernel(settings, writer) as kernel:
        await call(kernel, "add_reference", path=str(page))
        await _summarise(kernel, writer)
        section = await _get(kernel, "leases.md#leases")
        assert secret not in str(section) and secret not in str(writer.prompts)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("It ends [1].", "It ends [1]."),
        ("It ends [1]. It starts.", "It ends [1]."),
        ("It ends. [1]", "It ends. [1]"),
        ("It ends [2].", ""),
        ("It ends [0]. It ends [3-1]. It ends [1-9].", ""),
        ("It ends [1, 3] and [3].", "It ends [1, 3] and [3]."),
        ("", ""),
    ],
)
def test_only_sentences_that_cite_lines_of_the_section_are_kept(said: str, kept: str) -> None:
    assert keep_cited(said, ["one", " ", "three"]) == kept
