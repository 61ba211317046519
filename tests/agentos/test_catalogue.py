"""What a plugin publishes while the server runs: as a whole, checked, authorized, told of."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import BaseModel

from agentos import (
    Contents,
    Messages,
    PluginError,
    Published,
    Settings,
    Tool,
    ToolCall,
    open_kernel,
    prompt,
    resource,
    tool,
)
from agentos.kernel import UnknownToolError
from tests.agentos.plugin_factory import Plugin, allow_everything, call_tool, records_of

pytestmark = pytest.mark.anyio


class Text(BaseModel):
    text: str


@tool()
async def fixed(call: ToolCall) -> Text:
    """Always there."""
    return Text(text="fixed")


@resource("notes://all")
async def notes(call: ToolCall) -> Contents:
    """All notes."""
    return Contents(text="notes")


@prompt()
async def begin(call: ToolCall) -> Messages:
    """How to begin."""
    return Messages.of("Begin.")


def tool_that_says(text: str) -> Tool:
    @tool()
    async def changing(call: ToolCall) -> Text:
        """Says something."""
        return Text(text=text)

    return changing


async def test_what_is_published_replaces_what_its_source_published_before(
    settings: Settings,
) -> None:
    plugin = Plugin(tools=[fixed], wrappers=[allow_everything])
    async with open_kernel(settings, extra_plugins={"p": plugin}) as kernel:
        before = kernel.tools
        published = Published(tools=[tool_that_says("one")], resources=[notes], prompts=[begin])
        kernel.publish("source", published)
        assert list(before) == ["fixed"]
        assert list(kernel.tools) == ["changing", "fixed"]
        assert set(kernel.functions) == {"begin", "changing", "fixed", "notes"}
        result = await call_tool(kernel, "changing", {})
        assert result.structured == {"text": "one"}
        assert await records_of(kernel, result.call_id) == ["call.allowed", "call.finished"]
        kernel.publish("source", Published(tools=[tool_that_says("two")]))
        assert (await call_tool(kernel, "changing", {})).structured == {"text": "two"}
        assert not kernel.resources and not kernel.prompts
        kernel.publish("source", Published())
        with pytest.raises(UnknownToolError):
            await call_tool(kernel, "changing", {})


async def test_a_name_that_is_taken_changes_nothing(settings: Settings) -> None:
    plugin = Plugin(tools=[fixed], wrappers=[allow_everything])
    async with open_kernel(settings, extra_plugins={"p": plugin}) as kernel:
        kernel.publish("one", Published(tools=[tool_that_says("one")], resources=[notes]))
        before = kernel.functions
        for taken in (
            Published(tools=[fixed]),
            Published(tools=[tool_that_says("two")]),
            Published(resources=[notes]),
        ):
            with pytest.raises(PluginError, match="two publishes what is taken"):
                kernel.publish("two", taken)
        assert kernel.functions is before
        assert (await call_tool(kernel, "changing", {})).structured == {"text": "one"}


async def test_published_tools_go_through_every_authorizer(settings: Settings) -> None:
    async with open_kernel(settings, extra_plugins={"p": Plugin()}) as kernel:
        kernel.publish("source", Published(tools=[tool_that_says("one")]))
        assert (await call_tool(kernel, "changing", {})).error_code == "call_refused"


async def test_a_call_ends_under_the_declaration_that_it_began_with(settings: Settings) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    @tool()
    async def changing(call: ToolCall) -> Text:
        """Waits."""
        entered.set()
        await leave.wait()
        return Text(text="the first")

    plugin = Plugin(wrappers=[allow_everything])
    async with open_kernel(settings, extra_plugins={"p": plugin}) as kernel:
        kernel.publish("source", Published(tools=[changing]))
        running = asyncio.create_task(call_tool(kernel, "changing", {}))
        async with asyncio.timeout(60):
            await entered.wait()
            kernel.publish("source", Published(tools=[tool_that_says("the second")]))
            leave.set()
            assert (await running).structured == {"text": "the first"}
        assert (await call_tool(kernel, "changing", {})).structured == {"text": "the second"}


async def test_listeners_hear_of_changes_until_they_leave(settings: Settings) -> None:
    heard: list[tuple[list[str], list[str]]] = []
    async with open_kernel(settings, extra_plugins={"p": Plugin(tools=[fixed])}) as kernel:
        assert not kernel.catalogue.may_change
        stop = kernel.catalogue.watch(
            lambda before, now: heard.append((list(before.tools), list(now.tools)))
        )
        kernel.publish("source", Published(tools=[tool_that_says("one")]))
        stop()
        kernel.publish("source", Published())
        assert heard == [(["fixed"], ["changing", "fixed"])]
        assert kernel.catalogue.may_change
