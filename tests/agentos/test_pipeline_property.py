"""Issue 2: no tool body runs without a stored allow record, whatever everybody else does."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from agentos import (
    CallNext,
    CallRefusedError,
    ConflictError,
    Kernel,
    Layer,
    NotFoundError,
    Settings,
    ToolCall,
    ToolResult,
    Verdict,
    authorizer,
    middleware,
    open_kernel,
    tool,
)
from agentos.middleware import Authorizer, Middleware
from tests.agentos.notes import MIGRATIONS, NOTE_TAKEN, READ_MODEL, Note, store_note
from tests.agentos.plugin_factory import TERMINAL, Plugin, call_tool

pytestmark = pytest.mark.anyio

BREAKABLE_LOG = """
create table public.broken (type text primary key);
create function public.refuse_event() returns trigger language plpgsql as $$
begin
    if exists (select 1 from public.broken b where b.type = new.type) then
        raise exception 'the disk is full';
    end if;
    return new;
end $$;
create trigger refuse_event before insert on kernel.event
    for each row execute function public.refuse_event();
"""
STORED_ALLOWED = """
select count(*) from kernel.event where type = 'call.allowed' and data ->> 'call' = $1
"""
RECORDS_OF_PLAN = """
select data ->> 'call' as call, type from kernel.event
 where data ->> 'call' = any ($1) order by position
"""
NOTES_OF_PLAN = "select count(*) from notes.note where text = $1"

BREAK = "insert into public.broken select $1::text where $1::text is not null"

EDGES = ("mcp", "http", "stdio", "cli", "slack", "dashboard")
STOPS_BEFORE = {"raise_before", "refuse", "answer", "answer_error", "replace", "nothing"}


@dataclass
class Plan:
    """What everybody does during one call, and what the body saw."""

    verdicts: list[str]
    middlewares: dict[Layer, str]
    body: str
    writes: bool
    edge: str
    broken: str | None
    key: str | None
    calls: list[str] = field(default_factory=list)
    ran_with_allowed: list[int] = field(default_factory=list)
    entered: int = 0
    started: asyncio.Event = field(default_factory=asyncio.Event)


PLANS: dict[str, Plan] = {}


def plan_of(call: ToolCall) -> Plan:
    return PLANS[call.arguments["plan"]]


def voter(index: int) -> Authorizer:
    @authorizer
    async def vote(call: ToolCall) -> Verdict | None:
        plan = plan_of(call)
        if call.id not in plan.calls:
            plan.calls.append(call.id)
        match plan.verdicts[index]:
            case "allow":
                return Verdict.allow(f"allow_{index}")
            case "deny":
                return Verdict.deny(f"deny_{index}", "no")
            case "ask":
                return Verdict.ask(f"ask_{index}", "ask a person")
            case "raise":
                raise RuntimeError("the authorizer is broken")
            case "nonsense":
                return "yes"  # type: ignore[return-value]
        return None

    return vote


def wrapper(layer: Layer) -> Middleware:
    @middleware(layer)
    async def wrap(call: ToolCall, call_next: CallNext) -> ToolResult:
        behaviour = plan_of(call).middlewares[layer]
        match behaviour:
            case "raise_before":
                raise RuntimeError("the middleware is broken")
            case "refuse":
                raise CallRefusedError("not now", rule="test")
            case "answer":
                return ToolResult({"call": "", "text": "from a cache"}, "cached", call_id=call.id)
            case "answer_error":
                return ToolResult.from_error(NotFoundError("gone"), call.id)
            case "replace":
                return await call_next(ToolCall(**{f: getattr(call, f) for f in FIELDS}))
            case "nothing":
                return None  # type: ignore[return-value]
        try:
            result = await call_next(call)
        except Exception:
            if behaviour != "swallow":
                raise
            return ToolResult({"call": "", "text": "instead"}, "instead", call_id=call.id)
        if behaviour == "raise_after":
            raise RuntimeError("the middleware is broken")
        if behaviour == "fail_after":
            return ToolResult.from_error(ConflictError("changed its mind"), call.id)
        if behaviour == "twice":
            return await call_next(call)
        return result

    return wrap


FIELDS = [
    "id",
    "tool",
    "arguments",
    "parameters",
    "arguments_sha256",
    "principal",
    "edge",
    "kernel",
    "work_order",
    "stream",
    "guards",
]


async def act(call: ToolCall) -> Note:
    plan = plan_of(call)
    plan.entered += 1
    if plan.body != "timeout":
        plan.ran_with_allowed.append(
            await call.kernel.database.fetch_value(STORED_ALLOWED, call.id)
        )
    note = Note(call=call.id, text=call.arguments["plan"])
    if plan.writes:
        note = await store_note(call, call.arguments["plan"])
    plan.started.set()
    match plan.body:
        case "tool_error":
            raise ConflictError("taken")
        case "exception":
            raise KeyError("bug")
        case "wrong_result":
            return None  # type: ignore[return-value]
        case "timeout" | "cancelled":
            await asyncio.Event().wait()
    return note


@tool(reads=["notes"])
async def look(call: ToolCall, plan: str) -> Note:
    """Read."""
    return await act(call)


@tool(writes=["notes"])
async def change(call: ToolCall, plan: str) -> Note:
    """Write."""
    return await act(call)


@tool(reads=["notes"], timeout_s=0.03)
async def look_briefly(call: ToolCall, plan: str) -> Note:
    """Read, in too little time."""
    return await act(call)


@tool(writes=["notes"], timeout_s=0.03)
async def change_briefly(call: ToolCall, plan: str) -> Note:
    """Write, in too little time."""
    return await act(call)


PLUGIN = Plugin(
    tools=[look, change, look_briefly, change_briefly],
    wrappers=[*(voter(i) for i in range(3)), *(wrapper(layer) for layer in Layer)],
    event_types=[NOTE_TAKEN],
    migrations=[MIGRATIONS],
    read_models=[READ_MODEL],
)

# Weighted towards the quiet case, so that every combination is reached.
VERDICTS = st.sampled_from(["allow"] * 9 + ["none", "none", "deny", "ask", "raise", "nonsense"])
BEHAVIOURS = st.sampled_from(
    ["pass"] * 8
    + ["raise_before", "raise_after", "refuse", "answer", "answer_error", "replace", "nothing"]
    + ["swallow", "swallow", "swallow", "fail_after", "twice"]
)
BODIES = ["ok", "ok", "tool_error", "exception", "wrong_result", "timeout", "cancelled"]
FAULTS = [None, None, None, "call.allowed", "call.finished", "call.refused", "note.taken"]
PLAN = st.builds(
    lambda verdicts, layers, body, writes, edge, broken, has_key: Plan(
        verdicts, dict(zip(Layer, layers, strict=True)), body, writes, edge, broken,
        "key" if has_key else None,
    ),
    st.lists(VERDICTS, min_size=3, max_size=3),
    st.lists(BEHAVIOURS, min_size=3, max_size=3),
    st.sampled_from(BODIES),
    st.booleans(),
    st.sampled_from(EDGES),
    st.sampled_from(FAULTS),
    st.booleans(),
)  # fmt: skip


async def play(kernel: Kernel, name: str, plan: Plan) -> ToolResult | None:
    """The call's result, or None where the caller gave up."""
    PLANS[name] = plan
    tool_name = ("change" if plan.writes else "look") + (
        "_briefly" if plan.body == "timeout" else ""
    )
    key = f"{plan.key}-{name}" if plan.key else None
    task = asyncio.ensure_future(
        call_tool(kernel, tool_name, {"plan": name}, edge=plan.edge, key=key)
    )
    if plan.body != "cancelled":
        return await task
    started = asyncio.ensure_future(plan.started.wait())
    await asyncio.wait([task, started], return_when=asyncio.FIRST_COMPLETED)
    started.cancel()
    task.cancel()
    await asyncio.wait([task])
    return None if task.cancelled() else task.result()


def is_admitted(plan: Plan) -> bool:
    return "allow" in plan.verdicts and not {"deny", "ask", "raise", "nonsense"} & {*plan.verdicts}


def is_run(plan: Plan) -> bool:
    stops = STOPS_BEFORE & {*plan.middlewares.values()}
    return is_admitted(plan) and not stops and plan.broken != "call.allowed"


async def check(kernel: Kernel, name: str, plan: Plan) -> None:
    async with kernel.database.connection() as connection:
        await connection.execute(BREAK, plan.broken)
    result = await play(kernel, name, plan)
    async with kernel.database.connection() as connection:
        await connection.execute("delete from public.broken")

    rows = await kernel.database.fetch(RECORDS_OF_PLAN, plan.calls)
    types = [row["type"] for row in rows]
    n_notes = await kernel.database.fetch_value(NOTES_OF_PLAN, name)
    is_done = result is not None and not result.is_error

    assert len(plan.calls) == 1, "every call is authorized once"
    assert plan.entered == (1 if is_run(plan) else 0), "the body ran if, and only if, admitted"
    assert plan.ran_with_allowed in ([], [1]), "the allow record was stored before the body ran"
    if plan.entered:
        assert "call.allowed" in types
    if not is_admitted(plan) or plan.broken == "call.allowed":
        assert not is_done
    n_terminal = sum(type in TERMINAL for type in types)
    if plan.broken is None or plan.broken == "note.taken":
        assert n_terminal == 1
    elif not is_done:
        assert n_terminal <= 1
    if is_done:
        assert types.count("call.finished") == 1, "what is answered as done is recorded as done"
        assert types.count("call.allowed") == 1
    if not is_done:
        assert n_notes == 0, "nothing of a call that failed is left"
    is_written = is_done and plan.writes and plan.entered and plan.body == "ok"
    assert n_notes == (1 if is_written and plan.broken != "note.taken" else 0)


async def test_no_body_runs_without_a_stored_allow_record(settings: Settings) -> None:
    loop = asyncio.get_running_loop()
    async with open_kernel(settings, extra_plugins={"test": PLUGIN}) as kernel:
        async with kernel.database.connection() as connection:
            await connection.execute(BREAKABLE_LOG)
        numbers = iter(range(100_000))

        @hypothesis_settings(
            max_examples=350, deadline=None, suppress_health_check=list(HealthCheck), database=None
        )
        @given(PLAN)
        def every_plan_holds(plan: Plan) -> None:
            checking = check(kernel, f"plan{next(numbers)}", plan)
            asyncio.run_coroutine_threadsafe(checking, loop).result(timeout=60)

        # Rendering every traceback would take longer than everything else.
        with capture_logs():
            await asyncio.to_thread(every_plan_holds)
