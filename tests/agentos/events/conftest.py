"""A kernel that may append plain events."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from agentos import Kernel, Settings, open_kernel
from tests.agentos.notes import notes_plugin
from tests.agentos.plugin_factory import NOTED, Plugin


@pytest.fixture
async def kernel(settings: Settings) -> AsyncIterator[Kernel]:
    plugins = {"notes": notes_plugin(), "noted": Plugin(event_types=[NOTED])}
    async with open_kernel(settings, extra_plugins=plugins) as kernel:
        yield kernel
