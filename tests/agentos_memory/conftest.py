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
from tests.agentos_memory.repositories import LIBRARY, make_repository

MEMORY = MigrationSet("memory", "agentos_memory")


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
