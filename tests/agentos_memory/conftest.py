"""A kernel with the memory plugin, and a small repository to index."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

import agentos_memory.plugin
from agentos import Kernel, Settings, open_kernel
from agentos.database.migrations import MigrationSet
from agentos.testing import AllowEverything
from agentos.testing.databases import TestDatabases
from agentos_memory import embedding_queue, observation_search, refinement
from agentos_memory.knowledge import builder
from agentos_memory.references import model_summaries
from agentos_memory.references import search as reference_search
from tests.agentos_memory.repositories import LIBRARY, make_repository

MEMORY = MigrationSet("memory", "agentos_memory")
NEVER_S = 3_600.0
PATIENT_S = 120.0


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Background work begins when a test asks for it, and whoever needs it waits until it is done.

    On a slow machine it would begin by itself in the middle of a test, and answers would do without.
    """
    for module in (embedding_queue, refinement, builder):
        monkeypatch.setattr(module, "STARTS_AFTER_S", NEVER_S)
    monkeypatch.setattr(model_summaries, "POLL_EVERY_S", NEVER_S)
    waits_s = {"hybrid": PATIENT_S, "semantic": PATIENT_S}
    for search in (observation_search, reference_search):
        monkeypatch.setattr(search, "WAITS_FOR_VECTORS_S", waits_s)
    monkeypatch.setattr(observation_search, "EMBEDS_NEW_WITHIN_S", PATIENT_S)


@pytest.fixture(scope="session")
def migrations() -> Sequence[MigrationSet]:
    """The databases of these tests have the plugin's tables."""
    return (MEMORY,)


@pytest.fixture
async def kernel(settings: Settings) -> AsyncIterator[Kernel]:
    """A running kernel that admits every call."""
    plugins = {"memory": agentos_memory.plugin, "allow": AllowEverything()}
    async with open_kernel(settings, extra_plugins=plugins) as kernel:
        yield kernel


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A repository of four Python files."""
    return make_repository(tmp_path / "shop-repo", LIBRARY)


@pytest.fixture
async def other_settings(
    databases: TestDatabases, settings: Settings, tmp_path: Path
) -> AsyncIterator[Settings]:
    """Settings for another fresh database."""
    url = await databases.create((MEMORY,))
    yield settings.model_copy(update={"home": tmp_path / "other-home", "database_url": url})
    await databases.drop(url)
