"""How verdicts combine, in which order middlewares stand, and that a call is one unit of work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from agentos import (
    CallNext,
    CallRequest,
    ConflictError,
    Credentials,
    Event,
    Kernel,
    Layer,
    NewEvent,
    NotFoundError,
    RequestError,
    Role,
    Settings,
    ToolCall,
    ToolResult,
    Transaction,
    Verdict,
    authorizer,
    middleware,
    open_kernel,
    tool,
    verify_events,
)
from agentos.events.writer import EventWriter
from agentos.kernel import UnknownToolError
from agentos.middleware import Authorizer, Middleware
from tests.agentos.notes import Note, notes_plugin, store_note
from tests.agentos.plugin_factory import TERMINAL, Plugin, call_tool, records_of

pytestmark = pytest.mark.anyio

COUNT_NOTES = "select count(*) from notes.note where text = $1"
LAST_REFUSAL = "select data from kernel.event where type = 'call.refused' order by position desc"
N_EVENTS = "select count(*) from kernel.event"


@pytest.fixture
async def kernel(settings: Settings) -> AsyncIterator[Kernel]:
    async with open_kernel(settings, extra_plugins={"notes": notes_plugin()}) as kernel:
        yield kernel


def saying(verdict: Verdict | None) -> Authorizer:
    @authorizer
    async def say(call: ToolCall) -> Verdict | None:
        return verdict

    return say


ALLOW = Verdict.allow("allow_rule", contract_version="3")
ASK = Verdict.ask("ask_rule", "a person decides", review_id="RV-1", remedy="wait")
DENY = Verdict.deny("deny_rule", "never", remedy="stop", contract_version="7")


@pytest.mark.parametrize(
    ("verdicts", "code", "rule"),
    [
        ([ALLOW], None, None),
        ([None, ALLOW, None], None, None),
        ([ALLOW, ASK], "approval_required", "ask_rule"),
        ([ASK, ALLOW], "approval_required", "ask_rule"),
        ([ALLOW, ASK, DENY], "call_refused", "deny_rule"),
        ([DENY, ASK, ALLOW], "call_refused", "deny_rule"),
        ([ALLOW, DENY], "call_refused", "deny_rule"),
        ([None], "call_refused", "default_deny"),
        ([], "call_refused", "default_deny"),
    ],
)
async def test_deny_overrides_ask_overrides_allow_and_nobody_means_no(
    settings: Settings, verdicts: list[Verdict | None], code: str | None, rule: str | None
) -> None:
    plugin = notes_plugin()
    plugin.wrappers = [saying(verdict) for verdict in verdicts]
    async with open_kernel(settings, extra_plugins={"notes": plugin}) as kernel:
        result = await call_tool(kernel, "echo", {"text": "hello"})
        records = await records_of(kernel, result.call_id)
        refusal = await kernel.database.fetch_value(LAST_REFUSAL)
    assert result.error_code == code
    if code is None:
        assert records == ["call.allowed", "call.finished"]
    else:
        assert records == ["call.refused"]
        assert result.structured["error"]["rule"] == rule
        assert refusal["error"] == result.structured["error"]


async def test_a_verdict_without_a_known_effect_admits_nothing(settings: Settings) -> None:
    plugin = notes_plugin()
    plugin.wrappers = [saying(Verdict("perhaps", "rule"))]  # type: ignore[arg-type]
    async with open_kernel(settings, extra_plugins={"notes": plugin}) as kernel:
        with capture_logs():
            result = await call_tool(kernel, "echo", {"text": "hello"})
    assert result.error_code == "call_refused"


def noting(log: list[str], name: str, layer: Layer) -> Middleware:
    @middleware(layer)
    async def note(call: ToolCall, call_next: CallNext) -> ToolResult:
        log.append(f"{name}>")
        result = await call_next(call)
        log.append(f"<{name}")
        return result

    return note


async def test_middlewares_stand_by_layer_and_then_by_the_plugins_names(settings: Settings) -> None:
    log: list[str] = []
    plugins = {
        name: Plugin(
            wrappers=[
                noting(log, f"{name}.{layer.name}", layer)
                for layer in (Layer.OBSERVE, Layer.RESERVE, Layer.TRANSFORM)
            ]
        )
        for name in ("zebra", "ant", "mole")
    }
    async with open_kernel(settings, extra_plugins={**plugins, "notes": notes_plugin()}) as kernel:
        await call_tool(kernel, "echo", {"text": "hello"})
    inwards = [
        f"{name}.{layer}"
        for layer in ("RESERVE", "TRANSFORM", "OBSERVE")
        for name in ("ant", "mole", "zebra")
    ]
    assert log == [f"{n}>" for n in inwards] + [f"<{n}" for n in reversed(inwards)]


async def test_rows_events_outcome_and_remembered_result_share_one_transaction(
    kernel: Kernel,
) -> None:
    result = await call_tool(kernel, "take_note", {"text": "one"}, key="k")
    transactions = await kernel.database.fetch(
        """
        select xmin::text from notes.note where call = $1
        union select xmin::text from kernel.event
               where data ->> 'call' = $1 and type in ('note.taken', 'call.finished')
        union select xmin::text from kernel.idempotency where call = $1
        """,
        result.call_id,
    )
    assert len(transactions) == 1
    assert await records_of(kernel, result.call_id) == [
        "call.allowed",
        "note.taken",
        "call.finished",
    ]


async def test_an_exception_after_writing_leaves_nothing_but_its_record(settings: Settings) -> None:
    @tool(writes=["notes"])
    async def take_and_fail(call: ToolCall, text: str) -> Note:
        """Write, then fail."""
        await store_note(call, text)
        raise ConflictError("no")

    plugin = notes_plugin()
    plugin.tools = [take_and_fail]
    async with open_kernel(settings, extra_plugins={"notes": plugin}) as kernel:
        result = await call_tool(kernel, "take_and_fail", {"text": "gone"}, key="k")
        assert result.error_code == "conflict"
        assert await kernel.database.fetch_value(COUNT_NOTES, "gone") == 0
        assert await kernel.database.fetch_value("select count(*) from kernel.idempotency") == 0
        assert await records_of(kernel, result.call_id) == ["call.allowed", "call.finished"]
        assert (await verify_events(kernel.database)).ok


async def test_the_same_key_twice_has_one_effect_and_one_result(kernel: Kernel) -> None:
    first = await call_tool(kernel, "take_note", {"text": "one"}, key="k")
    second = await call_tool(kernel, "take_note", {"text": "one"}, key="k")
    assert (second.structured, second.text) == (first.structured, first.text)
    assert await kernel.database.fetch_value(COUNT_NOTES, "one") == 1


async def test_twenty_calls_at_once_under_one_key_have_one_effect_and_one_result(
    kernel: Kernel,
) -> None:
    results = await asyncio.gather(
        *(call_tool(kernel, "take_note", {"text": "one"}, key="k") for _ in range(20))
    )
    assert [r.error_code for r in results] == [None] * 20
    assert len({r.structured["call"] for r in results}) == 1
    assert await kernel.database.fetch_value(COUNT_NOTES, "one") == 1
    terminal = await kernel.database.fetch(
        "select data ->> 'call' as call, count(*) as n from kernel.event"
        " where type in ('call.finished', 'call.refused', 'call.replayed') group by 1"
    )
    assert [row["n"] for row in terminal] == [1] * 20


async def test_a_key_used_for_other_arguments_or_another_tool_is_a_conflict(
    settings: Settings,
) -> None:
    @tool(writes=["notes"])
    async def take_other_note(call: ToolCall, text: str) -> Note:
        """Another tool with the same arguments."""
        return await store_note(call, text)

    plugin = notes_plugin()
    plugin.tools = [*plugin.tools, take_other_note]
    async with open_kernel(settings, extra_plugins={"notes": plugin}) as kernel:
        await call_tool(kernel, "take_note", {"text": "one"}, key="k")
        other_text = await call_tool(kernel, "take_note", {"text": "two"}, key="k")
        other_tool = await call_tool(kernel, "take_other_note", {"text": "one"}, key="k")
        assert other_text.error_code == other_tool.error_code == "conflict"
        assert await records_of(kernel, other_text.call_id) == ["call.refused"]
        assert await kernel.database.fetch_value("select count(*) from notes.note") == 1


async def test_a_key_of_another_principal_is_independent(kernel: Kernel) -> None:
    now = kernel.clock.now()
    tokens = [await kernel.tokens.create(name, Role.WORKER, now=now) for name in ("ann", "bob")]
    results = [
        await call_tool(kernel, "take_note", {"text": "one"}, key="k", token=token.secret)
        for token in tokens
    ]
    assert results[0].structured["call"] != results[1].structured["call"]
    assert await kernel.database.fetch_value(COUNT_NOTES, "one") == 2


async def test_a_result_is_not_replayed_to_the_same_name_in_another_role(kernel: Kernel) -> None:
    now = kernel.clock.now()
    admin = await kernel.tokens.create("ann", Role.ADMIN, now=now)
    worker = await kernel.tokens.create("ann", Role.WORKER, now=now)
    first = await call_tool(kernel, "take_note", {"text": "one"}, key="k", token=admin.secret)
    again = await call_tool(kernel, "take_note", {"text": "one"}, key="k", token=worker.secret)
    assert not first.is_error
    assert again.error_code == "conflict"


async def test_a_key_on_a_read_only_tool_that_reads_in_a_transaction_changes_nothing(
    settings: Settings,
) -> None:
    @tool(reads=["notes"])
    async def look(call: ToolCall) -> Note:
        """Read in the call's transaction."""
        transaction = await call.begin()
        return Note(call=call.id, text=str(await transaction.fetch_value("select 1")))

    plugin = notes_plugin()
    plugin.tools = [look]
    async with open_kernel(settings, extra_plugins={"notes": plugin}) as kernel:
        results = [await call_tool(kernel, "look", {}, key="k") for _ in range(3)]
    assert [r.error_code for r in results] == [None] * 3


async def test_a_write_that_needed_no_transaction_is_remembered_too(settings: Settings) -> None:
    effects: list[str] = []

    @tool(writes=["disk"])
    async def write_file(call: ToolCall) -> Note:
        """An effect outside the database."""
        effects.append(call.id)
        return Note(call=call.id, text="")

    plugin = notes_plugin()
    plugin.tools = [write_file]
    async with open_kernel(settings, extra_plugins={"notes": plugin}) as kernel:
        for _ in range(2):
            result = await call_tool(kernel, "write_file", {}, key="k")
            assert result.structured["call"] == effects[0]
    assert len(effects) == 1


async def test_an_error_that_a_middleware_answers_rolls_back_and_is_not_remembered(
    settings: Settings,
) -> None:
    @middleware(Layer.TRANSFORM)
    async def object_afterwards(call: ToolCall, call_next: CallNext) -> ToolResult:
        await call_next(call)
        return ToolResult.from_error(NotFoundError("gone"), call.id)

    plugin = notes_plugin()
    plugin.wrappers = [*plugin.wrappers, object_afterwards]
    async with open_kernel(settings, extra_plugins={"notes": plugin}) as kernel:
        for _ in range(2):
            result = await call_tool(kernel, "take_note", {"text": "one"}, key="k")
            assert result.error_code == "not_found"
        assert await kernel.database.fetch_value(COUNT_NOTES, "one") == 0


async def test_what_a_failed_body_wrote_is_gone_though_a_middleware_answers_for_it(
    settings: Settings,
) -> None:
    @middleware(Layer.TRANSFORM)
    async def answer_instead(call: ToolCall, call_next: CallNext) -> ToolResult:
        try:
            return await call_next(call)
        except ConflictError:
            return ToolResult({"call": call.id, "text": "instead"}, "instead", call_id=call.id)

    @tool(writes=["notes"])
    async def take_and_fail(call: ToolCall) -> Note:
        """Write, then fail."""
        await store_note(call, "gone")
        raise ConflictError("no")

    plugin = notes_plugin()
    plugin.tools, plugin.wrappers = [take_and_fail], [*plugin.wrappers, answer_instead]
    async with open_kernel(settings, extra_plugins={"notes": plugin}) as kernel:
        result = await call_tool(kernel, "take_and_fail", {})
        assert result.text == "instead"
        assert await kernel.database.fetch_value(COUNT_NOTES, "gone") == 0
        assert await records_of(kernel, result.call_id) == ["call.allowed", "call.finished"]


async def test_guards_are_repeated_when_a_body_begins_again_after_one_refused(
    settings: Settings,
) -> None:
    @authorizer
    async def fence(call: ToolCall) -> Verdict | None:
        async def refuse(transaction: object) -> None:
            raise ConflictError("the lease is gone")

        call.guards.append(refuse)
        return Verdict.allow("fence")

    @tool(writes=["notes"])
    async def insist(call: ToolCall) -> Note:
        """Try to write in spite of the guard."""
        try:
            await call.begin()
        except ConflictError:
            return await store_note(call, "slipped through")
        raise AssertionError

    plugin = notes_plugin()
    plugin.tools, plugin.wrappers = [insist], [fence]
    async with open_kernel(settings, extra_plugins={"notes": plugin}) as kernel:
        result = await call_tool(kernel, "insist", {})
        assert result.error_code == "conflict"
        assert await kernel.database.fetch_value("select count(*) from notes.note") == 0


async def test_transactions_begun_at_once_are_one_and_no_connection_leaks(
    settings: Settings,
) -> None:
    @tool(writes=["notes"])
    async def begin_twice(call: ToolCall) -> Note:
        """Begin concurrently."""
        first, second = await asyncio.gather(call.begin(), call.begin())
        assert first is second
        return Note(call=call.id, text="")

    plugin = notes_plugin()
    plugin.tools = [begin_twice]
    few = settings.model_copy(update={"database_pool_size": 3})
    async with open_kernel(few, extra_plugins={"notes": plugin}) as kernel:
        for _ in range(6):
            assert not (await call_tool(kernel, "begin_twice", {})).is_error


@pytest.mark.parametrize(
    "claims",
    [
        {"model": "x\x00y"},
        {"model": "\ud800"},
        {"cost": float("nan")},
        {"huge": "x" * 100_000},
        {"deep": [[[[[1]]]]], "big": 2**70},
    ],
)
async def test_no_claim_of_a_client_keeps_its_call_out_of_the_record(
    kernel: Kernel, claims: dict[str, object]
) -> None:
    result = await call_tool(kernel, "echo", {"text": "hello"}, claims=claims)
    assert not result.is_error
    assert await records_of(kernel, result.call_id) == ["call.allowed", "call.finished"]


async def test_an_error_message_with_unstorable_text_is_recorded_and_answered(
    settings: Settings,
) -> None:
    @tool(reads=["files"])
    async def read_strange(call: ToolCall) -> Note:
        """Fail with a file name that is not Unicode."""
        raise NotFoundError("no file named \udcff\x00", remedy="rename \udcff")

    plugin = notes_plugin()
    plugin.tools = [read_strange]
    async with open_kernel(settings, extra_plugins={"notes": plugin}) as kernel:
        result = await call_tool(kernel, "read_strange", {})
        assert result.structured["error"]["message"] == "no file named ??"
        result.text.encode()
        assert await records_of(kernel, result.call_id) == ["call.allowed", "call.finished"]


async def test_an_unknown_tool_and_an_unknown_caller_are_raised_to_the_edge(kernel: Kernel) -> None:
    with pytest.raises(UnknownToolError, match="no tool is named 'x'"):
        await call_tool(kernel, "x", {})
    refusal = await kernel.database.fetch_value(LAST_REFUSAL)
    assert refusal["tool"] == "x"
    with pytest.raises(RequestError, match="bearer token is required"):
        await kernel.dispatch(CallRequest("echo", {"text": "x"}, Credentials(), "http"))


async def test_a_deadlock_between_two_calls_is_a_conflict_that_may_be_repeated(
    settings: Settings,
) -> None:
    both_hold_one = asyncio.Barrier(2)

    @tool(writes=["notes"])
    async def lock_both(call: ToolCall, first: int, second: int) -> Note:
        """Take two locks in the order given."""
        transaction = await call.begin()
        await transaction.execute("select pg_advisory_xact_lock($1)", first)
        await both_hold_one.wait()
        await transaction.execute("select pg_advisory_xact_lock($1)", second)
        return Note(call=call.id, text="")

    plugin = notes_plugin()
    plugin.tools = [lock_both]
    async with open_kernel(settings, extra_plugins={"notes": plugin}) as kernel:
        results = await asyncio.gather(
            call_tool(kernel, "lock_both", {"first": 1, "second": 2}),
            call_tool(kernel, "lock_both", {"first": 2, "second": 1}),
        )
    assert sorted(str(r.error_code) for r in results) == ["None", "conflict"]


async def test_shutdown_waits_for_calls_in_flight_and_refuses_new_ones(settings: Settings) -> None:
    running, go_on = asyncio.Event(), asyncio.Event()

    @tool(writes=["notes"])
    async def take_slowly(call: ToolCall) -> Note:
        """Write once the test says so."""
        running.set()
        await go_on.wait()
        return await store_note(call, "slow")

    plugin = notes_plugin()
    plugin.tools = [take_slowly]
    async with open_kernel(settings, extra_plugins={"notes": plugin}) as kernel:
        call = asyncio.ensure_future(call_tool(kernel, "take_slowly", {}))
        await running.wait()
        draining = asyncio.ensure_future(kernel._drain())
        await asyncio.sleep(0)
        late = await call_tool(kernel, "take_slowly", {})
        assert late.error_code == "unavailable"
        assert not draining.done()
        go_on.set()
        await draining
        assert not (await call).is_error
        assert await kernel.database.fetch_value(COUNT_NOTES, "slow") == 1


@pytest.mark.parametrize("tool_name", ["echo", "take_note"])
@pytest.mark.parametrize("stage", ["call.allowed", "call.finished", "commit"])
async def test_a_caller_that_gives_up_while_a_record_is_stored_causes_no_second_one(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch, tool_name: str, stage: str
) -> None:
    submit, append, commit = EventWriter.submit, Transaction.append, Transaction.commit

    def give_up_at(*reached: str) -> None:
        if stage in reached:
            task.cancel()

    async def submitting(self: EventWriter, *events: NewEvent) -> list[Event]:
        give_up_at(*(event.type for event in events))
        return await submit(self, *events)

    async def appending(self: Transaction, *events: NewEvent) -> list[Event]:
        give_up_at(*(event.type for event in events))
        return await append(self, *events)

    async def committing(self: Transaction) -> None:
        give_up_at("commit")
        await commit(self)

    monkeypatch.setattr(EventWriter, "submit", submitting)
    monkeypatch.setattr(Transaction, "append", appending)
    monkeypatch.setattr(Transaction, "commit", committing)
    task = asyncio.ensure_future(call_tool(kernel, tool_name, {"text": "x"}))
    await asyncio.wait([task])
    monkeypatch.undo()

    is_too_late = stage == "call.finished" or (stage, tool_name) == ("commit", "take_note")
    assert task.cancelled() or (stage, tool_name) == ("commit", "echo")
    rows = await kernel.database.fetch(
        "select type, data ->> 'outcome' as outcome from kernel.event where type = any ($1)",
        list(TERMINAL),
    )
    assert len(rows) == 1
    assert rows[0]["type"] == ("call.refused" if stage == "call.allowed" else "call.finished")
    if is_too_late:
        assert rows[0]["outcome"] == "ok"
    n_notes = 1 if is_too_late and tool_name == "take_note" else 0
    assert await kernel.database.fetch_value(COUNT_NOTES, "x") == n_notes
