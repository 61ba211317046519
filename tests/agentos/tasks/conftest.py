"""A meeting, and kernels on one database whose tasks come soon; leases are short where some end."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from agentos import Kernel, Settings, open_kernel
from tests.agentos.tasks.fixtures import late, meeting
from tests.agentos.tasks.plugin import tasks_plugin

__all__ = ["late", "meeting"]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"task_after_s": 0.2})


@pytest.fixture
async def kernel(settings: Settings) -> AsyncIterator[Kernel]:
    async with open_kernel(settings, extra_plugins={"tasks": tasks_plugin()}) as kernel:
        yield kernel


@pytest.fixture
async def other(settings: Settings, kernel: Kernel) -> AsyncIterator[Kernel]:
    """Another kernel on the same database, as in another process."""
    async with open_kernel(settings, extra_plugins={"tasks": tasks_plugin()}) as other:
        yield other
