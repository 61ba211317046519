"""Short reads store that they were admitted together with their outcome, before the answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from pydantic import BaseModel

from agentos import (
    Kernel,
    NotFoundError,
    PluginError,
    Settings,
    ToolCall,
    Transaction,
    Verdict,
    authorizer,
    open_kernel,
    tool,
    verify_events,
)
from agentos.middleware import Authorizer
from tests.agentos.plugin_factory import Plugin, call_tool, records_of

pytestmark = pytest.mark.anyio

N_RECORDS = "select count(*) from kernel.event where data ? 'call'"
N_COMMITS = "select count(distinct xmin::text) from kernel.event where data ->> 'call' = $1"
BREAK_LOG = """
create function public.refuse_event() returns trigger language plpgsql as $$
begin
    raise exception 'the disk is full';
end $$;
create trigger refuse_event before insert on kernel.event
    for each row when (new.type = 'call.finished') execute function public.refuse_event();
"""


class Reading(BaseModel):
    """What was read, and how many records the log had meanwhile."""

    text: str
    n_records: int


@tool(reads=["notes"], records_once=True)
async def read_note(call: ToolCall, text: str) -> Reading:
    """Read a note."""
    n_before = await call.kernel.database.fetch_value(N_RECORDS)
    if text == "missing":
        raise NotFoundError("there is no such note")
    return Reading(text=text, n_records=n_before)


@authorizer
async def allow(call: ToolCall) -> Verdict | None:
    return Verdict.deny("never", "not this") if "denied" in call.arguments_json.decode() else ALLOW


@authorizer
async def use_something_up(call: ToolCall) -> Verdict | None:
    async def use(transaction: Transaction) -> None:
        await transaction.fetch_value("select 1")

    call.admissions.append(use)
    return None


ALLOW = Verdict.allow("test")


def plugin(*wrappers: Authorizer) -> Plugin:
    return Plugin(tools=[read_note], wrappers=[allow, *wrappers])


@pytest.fixture
async def kernel(settings: Settings) -> AsyncIterator[Kernel]:
    async with open_kernel(settings, extra_plugins={"test": plugin()}) as kernel:
        yield kernel


async def test_admission_and_outcome_are_one_commit_before_the_answer(kernel: Kernel) -> None:
    result = await call_tool(kernel, "read_note", {"text": "x"})
    assert result.structured["n_records"] == 0, "nothing was stored before the body ran"
    assert await records_of(kernel, result.call_id) == ["call.allowed", "call.finished"]
    assert await kernel.database.fetch_value(N_COMMITS, result.call_id) == 1
    assert (await verify_events(kernel.database)).ok


async def test_nothing_is_answered_of_what_cannot_be_recorded(kernel: Kernel) -> None:
    async with kernel.database.connection() as connection:
        await connection.execute(BREAK_LOG)
    result = await call_tool(kernel, "read_note", {"text": "secret"})
    assert result.error_code == "unavailable" and "secret" not in result.text
    assert await kernel.database.fetch_value(N_RECORDS) == 0


async def test_a_refused_read_does_not_run_and_a_failed_one_says_so(kernel: Kernel) -> None:
    denied = await call_tool(kernel, "read_note", {"text": "denied"})
    assert await records_of(kernel, denied.call_id) == ["call.refused"]
    missing = await call_tool(kernel, "read_note", {"text": "missing"})
    assert missing.error_code == "not_found"
    assert await records_of(kernel, missing.call_id) == ["call.allowed", "call.finished"]


async def test_what_admission_uses_up_is_recorded_before_the_body(settings: Settings) -> None:
    extra = {"test": plugin(use_something_up)}
    async with open_kernel(settings, extra_plugins=extra) as kernel:
        result = await call_tool(kernel, "read_note", {"text": "x"})
        assert result.structured["n_records"] == 1
        assert await records_of(kernel, result.call_id) == ["call.allowed", "call.finished"]


async def body(call: ToolCall) -> Reading:
    """Read nothing."""
    return Reading(text="", n_records=0)


@pytest.mark.parametrize(
    "declaration",
    [
        tool(writes=["notes"], records_once=True),
        tool(max_cost_usd=Decimal(1), records_once=True),
        tool(converses=True, records_once=True),
    ],
)
def test_only_what_reads_at_no_cost_may_be_recorded_once(declaration: object) -> None:
    assert callable(declaration)
    with pytest.raises(PluginError, match="only reads"):
        declaration(body)
