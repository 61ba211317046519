"""A kernel with the memory plugin, and a small repository to index."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

import agentos_memory.plugin
from agentos import Kernel, Settings, open_kernel
from agentos.testing import AllowEverything
from tests.agentos_memory.repositories import LIBRARY, make_repository


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
async def other_settings(settings: Settings, tmp_path: Path) -> AsyncIterator[Settings]:
    """Settings for another fresh database."""
    url = urlsplit(settings.database_url or "")
    other = f"{url.path.lstrip('/')}_other"
    connection = await asyncpg.connect(settings.database_url)
    try:
        await connection.execute(f'drop database if exists "{other}"')
        await connection.execute(f'create database "{other}"')
        yield settings.model_copy(
            update={
                "home": tmp_path / "other-home",
                "database_url": url._replace(path=f"/{other}").geturl(),
            }
        )
        await connection.execute(f'drop database "{other}" with (force)')
    finally:
        await connection.close()
