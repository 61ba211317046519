"""Fixtures of all tests of tasks, here and over HTTP; they need a fixture `kernel`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from agentos import Kernel
from tests.agentos.tasks.meeting import Meeting


@pytest.fixture
async def meeting() -> AsyncIterator[Meeting]:
    meeting = Meeting()
    server = await asyncio.start_server(meeting.serve, "127.0.0.1", 0)
    meeting.port = server.sockets[0].getsockname()[1]
    yield meeting
    server.close()


@pytest.fixture
def late(kernel: Kernel) -> None:
    """No call becomes a task by taking long: what is slow is then the machine alone."""
    kernel.settings = kernel.settings.model_copy(update={"task_after_s": 60.0})
