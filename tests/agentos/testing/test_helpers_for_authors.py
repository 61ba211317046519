"""`agentos.testing`: what an author of a plugin asserts with is right itself (issue 5)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from agentos import (
    EventType,
    Kernel,
    NewEvent,
    Role,
    Settings,
    Tool,
    ToolCall,
    open_kernel,
    tool,
)
from agentos.testing import (
    AllowEverything,
    Caller,
    Era,
    FakeClock,
    HttpDouble,
    assert_event,
    assert_no_event,
    caller_as,
    connect_client,
    events_of,
    wait_for_event,
)
from tests.agentos.notes import Note
from tests.agentos.plugin_factory import Plugin

pytestmark = pytest.mark.anyio


@tool(writes=["notes"])
async def keep_note(call: ToolCall, text: str) -> Note:
    """Keep a note under its text."""
    transaction = await call.begin()
    data = {"text": text, "size": len(text)}
    await transaction.append(
        NewEvent(f"note/{text}", "note.kept", call.principal.name, call.now(), data)
    )
    return Note(call=call.id, text=text)


@tool(writes=["notes"])
async def keep_twice(call: ToolCall, text: str, late: bool = False) -> Note:
    """Keep a note by way of another tool."""
    if late:
        await call.begin()
    kept = await call.call_tool("keep_note", {"text": text}, idempotency_key=f"twice/{text}")
    if kept.error is not None:
        raise kept.error
    return Note(call=str(kept.call_id), text=call.principal.name)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def kernel(settings: Settings, clock: FakeClock) -> AsyncIterator[Kernel]:
    tools: Sequence[Tool] = [keep_note, keep_twice]
    notes = Plugin(tools=tools, event_types=[EventType("note.kept", "A note.")])
    plugins = {"allow": AllowEverything(), "notes": notes}
    async with open_kernel(settings, clock=clock, extra_plugins=plugins) as kernel:
        yield kernel


async def test_an_event_that_is_there_is_found_and_given(kernel: Kernel, clock: FakeClock) -> None:
    clock.advance(timedelta(hours=1))
    await Caller(kernel).ok("keep_note", text="milk")
    event = await assert_event(kernel, "note.kept", {"text": "milk"}, stream="note/milk")
    assert event.at == datetime(2026, 1, 5, 10, tzinfo=UTC)
    assert await wait_for_event(kernel, "note.kept", {"size": 4}) == event
    assert await assert_event(kernel, "note.kept") == event
    await assert_no_event(kernel, "note.kept", after=event.position)
    assert len(await events_of(kernel, stream="note/milk")) == 1


async def test_a_missing_event_shows_what_is_there_instead(kernel: Kernel) -> None:
    caller = Caller(kernel)
    await caller.ok("keep_note", text="milk")
    with pytest.raises(AssertionError) as other:
        await assert_event(kernel, "note.kept", {"text": "tea", "kind": "x"}, actor="ada")
    said = str(other.value)
    assert 'data.text: "milk", not "tea"' in said
    assert "data has no 'kind'; it has: size, text" in said or "it has: text, size" in said
    assert 'actor: "local", not "ada"' in said
    with pytest.raises(AssertionError, match=r"there are: call\.allowed, call\.finished, note"):
        await assert_event(kernel, "note.lost")
    with pytest.raises(AssertionError, match=r"1 events of type 'note\.kept':\n.*milk"):
        await assert_no_event(kernel, "note.kept")
    with pytest.raises(AssertionError, match="no event of type"):
        await wait_for_event(kernel, "note.lost", timeout_s=0.05)


async def test_callers_say_what_went_otherwise_than_expected(kernel: Kernel) -> None:
    caller = Caller(kernel)
    with pytest.raises(AssertionError, match=r"keep_note failed: invalid_argument: .*text"):
        await caller.ok("keep_note")
    with pytest.raises(AssertionError, match="was expected to be refused and answered"):
        await caller.refused("keep_note", text="milk")
    assert (await caller.refused("keep_note"))["code"] == "invalid_argument"


async def test_a_caller_has_the_role_name_and_person_it_was_made_with(kernel: Kernel) -> None:
    caller = await caller_as(kernel, Role.REVIEWER, name="ada", person="Ada Lovelace")
    await caller.ok("keep_note", text="milk")
    await assert_event(kernel, "call.allowed", {"role": "reviewer"}, actor="ada")


@pytest.mark.parametrize("era", ["2026-07-28", "2025-11-25"])
async def test_a_real_client_of_either_era_calls_in_memory(kernel: Kernel, era: Era) -> None:
    issued = await kernel.tokens.create("ada", Role.WORKER, now=kernel.clock.now())
    async with connect_client(kernel, era=era, token=issued.secret) as client:
        assert client.protocol_version == era
        assert {tool.name for tool in (await client.list_tools()).tools} == {
            "keep_note",
            "keep_twice",
        }
        result = await client.call_tool("keep_note", {"text": "milk"})
        assert result.structured_content is not None
        assert result.structured_content["text"] == "milk"
    await assert_event(kernel, "note.kept", actor="ada")


async def test_a_tool_calls_another_as_the_same_principal_and_once(kernel: Kernel) -> None:
    caller = await caller_as(kernel, Role.WORKER, name="ada")
    first = await caller.ok("keep_twice", text="milk")
    again = await caller.ok("keep_twice", text="milk")
    assert first["text"] == "ada" and first["call"] == again["call"]
    [kept] = await events_of(kernel, "note.kept")
    assert kept.actor == "ada"
    await assert_event(kernel, "call.allowed", {"tool": "keep_note", "edge": "plugin"})


async def test_a_tool_that_has_begun_to_write_calls_nobody(kernel: Kernel) -> None:
    error = await Caller(kernel).refused("keep_twice", text="milk", late=True)
    assert error["rule"] == "fail_closed"
    await assert_no_event(kernel, "note.kept")


def test_a_fake_clock_goes_where_a_test_says_and_never_back_by_itself() -> None:
    clock = FakeClock()
    clock.set(datetime(2030, 1, 1, tzinfo=UTC))
    assert clock.now().year == 2030
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance(timedelta(seconds=-1))
    with pytest.raises(ValueError, match="has no timezone"):
        clock.set(datetime(2030, 1, 1))


async def test_the_http_double_answers_in_order_and_remembers_what_it_got() -> None:
    async with (
        HttpDouble() as double,
        httpx2.AsyncClient(base_url=double.url, timeout=60) as client,
    ):
        double.answer("POST", "/issues", status=503)
        double.answer("POST", "/issues", status=201, json={"key": "OPS-1"})
        statuses = [
            (await client.post("/issues?dry=1", json={"n": n})).status_code for n in range(3)
        ]
        assert statuses == [503, 201, 201]
        assert (await client.get("/other")).status_code == 404
        first = double.requests[0]
        assert (first.method, first.path, first.query) == ("POST", "/issues", "dry=1")
        assert first.json() == {"n": 0} and "content-type" in first.headers


async def test_the_http_double_can_be_slow_and_can_hang_up() -> None:
    async with (
        HttpDouble() as double,
        httpx2.AsyncClient(base_url=double.url, timeout=60) as client,
    ):
        double.answer("GET", "/gone", drops=True)
        with pytest.raises(httpx2.RemoteProtocolError):
            await client.get("/gone")
        double.answer("GET", "/slow", delay_s=30)
        with pytest.raises(httpx2.ReadTimeout):
            await client.get("/slow", timeout=httpx2.Timeout(60, read=0.05))
