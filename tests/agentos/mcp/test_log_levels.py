"""`logging/setLevel` before 2026-07-28: what a call logs below the level is not sent."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import pytest
from mcp import Client, MCPDeprecationWarning
from pydantic import BaseModel

from agentos import Settings, Tool, ToolCall, authorizer, hookimpl, open_kernel, tool
from agentos.calls import Verdict
from agentos.mcp.log_levels import LogLevels
from agentos.retention import _sql, _sweep
from agentos.testing import serve_http

pytestmark = pytest.mark.anyio


class Said(BaseModel):
    text: str


@tool()
async def talk(call: ToolCall) -> Said:
    """Log at three levels."""
    await call.log("debug", "a detail")
    await call.log("info", "a step")
    await call.log("error", "a failure")
    return Said(text="done")


async def _allow(call: ToolCall) -> Verdict:
    return Verdict.allow("test")


def talking() -> ModuleType:
    module = ModuleType("talking")

    @hookimpl
    def register_tools() -> Sequence[Tool]:
        return [talk]

    @hookimpl
    def wrap_tool_call(tool: Tool) -> Any:
        return authorizer(_allow)

    module.__dict__.update(register_tools=register_tools, wrap_tool_call=wrap_tool_call)
    return module


async def test_a_client_hears_what_is_at_least_of_its_level_whichever_process_answers(
    settings: Settings,
) -> None:
    heard: list[str] = []

    async def take(params: Any) -> None:
        heard.append(params.level)

    async def step(progress: float, total: float | None, message: str | None) -> None:
        """Has the answer come as a stream, on which what is logged can be sent."""

    async with (
        open_kernel(settings, extra_plugins={"talking": talking()}) as kernel,
        serve_http(kernel) as url,
        Client(f"{url}/mcp", mode="legacy", logging_callback=take) as client,
        Client(f"{url}/mcp", mode="legacy", logging_callback=take) as other,
    ):
        await client.call_tool("talk", {}, progress_callback=step)
        assert heard == ["debug", "info", "error"], "no level asked for: everything"
        heard.clear()
        with pytest.warns(MCPDeprecationWarning):
            await client.set_logging_level("warning")
        await client.call_tool("talk", {}, progress_callback=step)
        assert heard == ["error"]
        heard.clear()
        with pytest.warns(MCPDeprecationWarning):
            await client.set_logging_level("info")
        await client.call_tool("talk", {}, progress_callback=step)
        assert heard == ["info", "error"]
        heard.clear()
        # The level is of that client alone, and kept where every process finds it.
        await other.call_tool("talk", {}, progress_callback=step)
        assert heard == ["debug", "info", "error"]
        assert await kernel.database.fetch_value("select count(*) from kernel.log_level") == 1
        assert await _sweep(kernel.database, _sql.forget_log_levels, kernel.clock.now()) == 1


async def test_the_one_client_of_a_stdio_server_has_its_level_too(settings: Settings) -> None:
    async with open_kernel(settings) as kernel:
        levels = LogLevels(kernel)
        assert len(await levels.wanted(None)) == 8
        await levels.set(None, "critical")
        assert await levels.wanted(None) == {"critical", "alert", "emergency"}
