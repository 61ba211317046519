"""What admission uses up is stored with its record or not at all (`ToolCall.admissions`)."""

from __future__ import annotations

import asyncio

import pytest

from agentos import (
    CallRefusedError,
    EventType,
    NewEvent,
    Settings,
    ToolCall,
    Transaction,
    Verdict,
    authorizer,
    open_kernel,
)
from agentos.kernel import Kernel
from tests.agentos.notes import notes_plugin
from tests.agentos.plugin_factory import Plugin, call_tool

pytestmark = pytest.mark.anyio

USED = "select count(*) from kernel.event where type = 'slot.used'"


def _plugin(*, fails: bool = False, entered: asyncio.Event | None = None) -> Plugin:
    """A plugin that decides on the record and appends an event with every admission."""

    @authorizer
    async def decide(call: ToolCall) -> Verdict | None:
        call.decision = {"why": "a test"}

        async def use_slot(transaction: Transaction) -> None:
            event = NewEvent(call.stream, "slot.used", "test", call.now(), {"call": call.id})
            await transaction.append(event)
            if fails:
                raise CallRefusedError("no slot is left", rule="slots")
            if entered is not None:
                entered.set()

        call.admissions.append(use_slot)
        return Verdict.allow("slots")

    return Plugin(wrappers=[decide], event_types=[EventType("slot.used", "A slot was used.")])


async def _decision(kernel: Kernel, type: str) -> object:
    data = await kernel.database.fetch_value(
        "select data -> 'decision' from kernel.event where type = $1", type
    )
    return data


async def test_admission_and_what_it_uses_up_are_one_transaction(settings: Settings) -> None:
    plugins = {"notes": notes_plugin(), "slots": _plugin()}
    async with open_kernel(settings, extra_plugins=plugins) as kernel:
        result = await call_tool(kernel, "echo", {"text": "a"})
        assert not result.is_error, result.text
        assert await kernel.database.fetch_value(USED) == 1
        assert await _decision(kernel, "call.allowed") == {"why": "a test"}


async def test_a_call_refused_at_admission_uses_nothing_up(settings: Settings) -> None:
    plugins = {"notes": notes_plugin(), "slots": _plugin(fails=True)}
    async with open_kernel(settings, extra_plugins=plugins) as kernel:
        result = await call_tool(kernel, "echo", {"text": "a"})
        assert result.error_code == "call_refused"
        assert await kernel.database.fetch_value(USED) == 0
        assert await _decision(kernel, "call.refused") == {"why": "a test"}
        assert await _decision(kernel, "call.allowed") is None


async def test_a_caller_that_gives_up_during_admission_leaves_a_complete_record(
    settings: Settings,
) -> None:
    entered = asyncio.Event()
    plugins = {"notes": notes_plugin(), "slots": _plugin(entered=entered)}
    async with open_kernel(settings, extra_plugins=plugins) as kernel:
        task = asyncio.ensure_future(call_tool(kernel, "echo", {"text": "a"}))
        async with asyncio.timeout(60):
            await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        types = await kernel.database.fetch(
            "select type from kernel.event where type like 'call.%' order by position"
        )
        assert [row["type"] for row in types] == ["call.allowed", "call.finished"]
        assert await kernel.database.fetch_value(USED) == 1


async def test_a_stream_that_another_transaction_holds_delays_admission_without_a_connection(
    settings: Settings,
) -> None:
    plugins = {"notes": notes_plugin(), "slots": _plugin()}
    async with open_kernel(settings, extra_plugins=plugins) as kernel:
        await call_tool(kernel, "echo", {"text": "a"})
        holder = await kernel.open_transaction()
        await holder.append(NewEvent("principal/local", "slot.used", "t", kernel.clock.now(), {}))
        calls = [asyncio.ensure_future(call_tool(kernel, "echo", {"text": "b"})) for _ in range(20)]
        # Twenty callers wait, and the pool still has connections for whoever does the holding.
        async with asyncio.timeout(60):
            for _ in range(settings.database_pool_size):
                await kernel.database.fetch_value("select 1")
        assert not any(call.done() for call in calls)
        await holder.commit()
        async with asyncio.timeout(60):
            results = await asyncio.gather(*calls)
        assert not any(result.is_error for result in results)
        assert await kernel.database.fetch_value(USED) == 22
