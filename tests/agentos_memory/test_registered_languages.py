"""`register_languages`: a plugin's language is indexed like a shipped one (issue 4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import agentos_memory.plugin
from agentos import ConfigurationError, Settings, hookimpl, open_kernel
from agentos.testing import AllowEverything
from agentos_memory.analysts import Analyst
from agentos_memory.file_contents import FileContent
from agentos_memory.languages import IN_USE, Language, find_language
from agentos_memory.memory import Memory
from agentos_memory.run_timing import RunTiming
from agentos_memory.versions import analyser_version
from agentos_memory.workers import Workers
from tests.agentos_memory.repositories import call, make_repository, write_files
from tests.agentos_memory.toy_language import RECIPES, RecipesPlugin

pytestmark = pytest.mark.anyio
BREAD = {"kitchen.recipes": '{"sourdough": {"hours": 24},\n "rye": 1}\n'}


@pytest.fixture(autouse=True)
def shipped_languages_afterwards() -> Iterator[None]:
    yield
    IN_USE.use(())


async def test_files_of_a_registered_language_are_found_by_their_symbols(
    settings: Settings, tmp_path: Path
) -> None:
    plugins = {
        "memory": agentos_memory.plugin, "allow": AllowEverything(), "recipes": RecipesPlugin(),
    }  # fmt: skip
    repository = make_repository(tmp_path / "kitchen", BREAD)
    async with open_kernel(settings, extra_plugins=plugins) as kernel:
        run = await call(kernel, "index_repository", path=str(repository))
        assert (run["files"], run["symbols"]) == (1, 3)
        found = await call(kernel, "search_code", query="sourdough", mode="keyword")
        assert [hit["symbol"] for hit in found["hits"]][:1] == ["kitchen.recipes:sourdough"]


async def test_a_process_that_analyses_knows_the_registered_languages(tmp_path: Path) -> None:
    IN_USE.use([RECIPES])
    write_files(tmp_path, BREAD)
    async with Workers().borrow(tmp_path) as worker:
        analyst = Analyst(worker, tmp_path, frozenset(), RunTiming())
        found = [each async for each in analyst.analyse(["kitchen.recipes"])]
    assert [type(each) for each in found] == [FileContent]


async def test_facts_are_made_again_when_a_registered_language_changes() -> None:
    versions = {analyser_version()}
    for languages in ([RECIPES], [replace(RECIPES, version="2")]):
        IN_USE.use(languages)
        versions.add(analyser_version())
    assert len(versions) == 3


@pytest.mark.parametrize(
    ("language", "message"),
    [
        (replace(RECIPES, suffixes=(".rs",)), "'rust' and 'recipes' both claim '.rs'"),
        (replace(RECIPES, name="rust"), "two languages are called 'rust'"),
        (replace(RECIPES, extract=lambda root, facts: None), "at its top level"),
    ],
)
async def test_a_language_that_cannot_be_had_is_refused_and_changes_nothing(
    language: Language, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        IN_USE.use([language])
    assert find_language("kitchen.recipes") is None


async def test_a_suffix_that_is_taken_stops_the_start(settings: Settings) -> None:
    class Greedy:
        @hookimpl
        def register_languages(self) -> list[Language]:
            return [replace(RECIPES, suffixes=(".py",))]

    plugins = {"memory": agentos_memory.plugin, "allow": AllowEverything(), "greedy": Greedy()}
    with pytest.raises(ConfigurationError, match=r"both claim '\.py'"):
        async with open_kernel(settings, extra_plugins=plugins) as kernel:
            kernel.service(Memory)
