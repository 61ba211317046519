"""A meeting, and kernels on one database whose tasks come soon; leases are short where some end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from agentos import Kernel, Settings, open_kernel
from tests.agentos.tasks.meeting import Meeting
from tests.agentos.tasks.plugin import tasks_plugin


@pytest.fixture
async def meeting() -> AsyncIterator[Meeting]:
    meeting = Meeting()
    server = await asyncio.start_server(meeting.serve, "127.0.0.1", 0)
    meeting.port = server.sockets[0].getsockname()[1]
    yield meeting
    server.close()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"task_after_s": 0.2})


@pytest.fixture
async def kernel(settings: Settings) -> AsyncIterator[Kernel]:
    async with open_kernel(settings, extra_plugins={"tasks": tasks_plugin()}) as kernel:
        yield kernel


@pytest.fixture
def late(kernel: Kernel) -> None:
    """No call becomes a task by taking long: what is slow is then the machine alone."""
    kernel.settings = kernel.settings.model_copy(update={"task_after_s": 60.0})


@pytest.fixture
async def other(settings: Settings, kernel: Kernel) -> AsyncIterator[Kernel]:
    """Another kernel on the same database, as in another process."""
    async with open_kernel(settings, extra_plugins={"tasks": tasks_plugin()}) as other:
        yield other
