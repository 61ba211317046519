"""`current_call`: a service learns for which call it answers, and never for one that is over."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic import BaseModel

from agentos import Tool, ToolCall, current_call, hookimpl, tool
from agentos.testing import AllowEverything, caller_as, open_test_kernel

pytestmark = pytest.mark.anyio


class Seen(BaseModel):
    """Names of tools, as a service saw them."""

    names: list[str | None]


def _name() -> str | None:
    call = current_call()
    return None if call is None else call.tool.name


class Looking:
    """Tools that look who calls, and a task that outlives its body."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.later: asyncio.Task[str | None] | None = None

    @hookimpl
    def register_tools(self) -> Sequence[Tool]:
        @tool()
        async def look(call: ToolCall) -> Seen:
            """Look."""
            return Seen(names=[_name()])

        @tool()
        async def look_around(call: ToolCall) -> Seen:
            """Look here, in a thread, in a task and in a call of another tool."""
            threaded = await asyncio.to_thread(_name)
            inner = await call.call_tool("look", {})
            self.later = asyncio.create_task(self._wait())
            return Seen(names=[threaded, *inner.structured["names"], _name()])

        return [look, look_around]

    async def _wait(self) -> str | None:
        await self.go_on.wait()
        return _name()


async def test_a_service_sees_the_call_whose_body_runs_and_no_other(
    tmp_path: Path, database_url: str
) -> None:
    plugin = Looking()
    extra = {"looking": plugin, "authority": AllowEverything()}
    async with open_test_kernel(
        tmp_path / "home", extra_plugins=extra, database_url=database_url
    ) as kernel:
        worker = await caller_as(kernel, "worker")
        seen = await worker.ok("look_around")
        assert seen["names"] == ["look_around", "look", "look_around"]
        plugin.go_on.set()
        assert plugin.later is not None and await plugin.later is None
        assert _name() is None
