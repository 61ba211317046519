"""A kernel with the memory plugin, and a small repository to index."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

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
