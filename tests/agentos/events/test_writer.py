"""Group commit: durable before the answer, batched, and never held up by a busy stream."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from agentos import (
    ConflictError,
    Event,
    Kernel,
    NewEvent,
    PluginError,
    UnavailableError,
    verify_events,
)
from agentos.database.transaction import Transaction
from agentos.events.chain import hash_event
from tests.agentos.plugin_factory import new_event

pytestmark = pytest.mark.anyio

N_TRANSACTIONS = "select count(distinct xmin::text) from kernel.event where type = 'noted'"
N_WAITING = "select count(*) from pg_locks where not granted"
N_STORED = "select count(*) from kernel.event where type = 'noted'"


async def test_concurrent_submissions_share_few_transactions(kernel: Kernel) -> None:
    stored = await asyncio.gather(
        *(kernel.writer.submit(new_event(f"stream{n % 50}")) for n in range(1000))
    )
    assert len({event.position for (event,) in stored}) == 1000
    assert await kernel.database.fetch_value(N_STORED) == 1000
    assert await kernel.database.fetch_value(N_TRANSACTIONS) <= 4
    assert (await verify_events(kernel.database)).events == 1000


async def test_events_are_stored_when_submit_returns_and_keep_the_order_of_their_stream(
    kernel: Kernel,
) -> None:
    for number in range(5):
        events = await kernel.writer.submit(new_event("s"), new_event("s"))
        assert [event.seq for event in events] == [2 * number + 1, 2 * number + 2]
        assert await kernel.database.fetch_value(N_STORED) == 2 * number + 2


@pytest.mark.parametrize("is_new", [False, True], ids=["known-stream", "new-stream"])
async def test_a_stream_that_a_transaction_holds_delays_only_itself(
    kernel: Kernel, is_new: bool
) -> None:
    if not is_new:
        await kernel.writer.submit(new_event("busy"))
    holder = await kernel.open_transaction()
    await holder.append(new_event("busy"))
    waiting = [asyncio.ensure_future(kernel.writer.submit(new_event("busy"))) for _ in range(20)]
    try:
        async with asyncio.timeout(60):
            for number in range(50):
                await kernel.writer.submit(new_event(f"free{number % 3}"))
        assert not any(task.done() for task in waiting)
    finally:
        await holder.commit()
    async with asyncio.timeout(60):
        stored = [event.seq for (event,) in await asyncio.gather(*waiting)]
    assert stored == sorted(stored)
    assert (await verify_events(kernel.database)).ok


async def test_more_busy_streams_than_connections_delay_no_other(kernel: Kernel) -> None:
    holders = [await kernel.open_transaction() for _ in range(5)]
    for number, holder in enumerate(holders):
        await holder.append(new_event(f"busy{number}"))
    waiting = [
        asyncio.ensure_future(kernel.writer.submit(new_event(f"busy{n % 5}"))) for n in range(25)
    ]
    async with asyncio.timeout(60):
        await asyncio.gather(*(kernel.writer.submit(new_event(f"free{n}")) for n in range(20)))
    for holder in reversed(holders):
        await holder.commit()
    async with asyncio.timeout(60):
        await asyncio.gather(*waiting)
    assert (await verify_events(kernel.database)).events == 5 + 25 + 20


async def test_transactions_and_the_writer_on_the_same_streams_never_deadlock(
    kernel: Kernel,
) -> None:
    streams = [f"shared{n}" for n in range(4)]
    limit = asyncio.Semaphore(6)

    async def unit_of_work(number: int) -> None:
        async with limit:
            transaction = await kernel.open_transaction()
            # One stream at a time, always in one order, as bodies and the pipeline do.
            for stream in streams[number % 3 :]:
                await transaction.append(new_event(stream))
            await transaction.commit()

    async def record(number: int) -> None:
        await kernel.writer.submit(new_event(streams[number % 4]))

    async with asyncio.timeout(60):
        await asyncio.gather(
            *(unit_of_work(n) for n in range(60)), *(record(n) for n in range(200))
        )
    assert (await verify_events(kernel.database)).events == 200 + 20 * (4 + 3 + 2)


async def test_events_that_cannot_be_stored_fail_alone(kernel: Kernel) -> None:
    bad = {
        "": UnavailableError,
        "too-long" * 30: UnavailableError,
    }
    tasks = {
        stream: asyncio.ensure_future(kernel.writer.submit(new_event(stream))) for stream in bad
    }
    undeclared = asyncio.ensure_future(
        kernel.writer.submit(NewEvent("s", "undeclared", "a", kernel.clock.now(), {}))
    )
    outdated = asyncio.ensure_future(
        kernel.writer.submit(NewEvent("s", "noted", "a", kernel.clock.now(), {}, expected_seq=7))
    )
    with capture_logs():
        good = await asyncio.gather(
            *(kernel.writer.submit(new_event(f"good{n % 7}")) for n in range(100))
        )
        assert len(good) == 100
        for stream, error in bad.items():
            with pytest.raises(error):
                await tasks[stream]
        with pytest.raises(PluginError, match="not declared"):
            await undeclared
        with pytest.raises(ConflictError, match="s is at 0, not at 7"):
            await outdated
    assert (await verify_events(kernel.database)).events == 100


async def test_a_submission_is_of_exactly_one_stream(kernel: Kernel) -> None:
    with pytest.raises(PluginError):
        await kernel.writer.submit(new_event("a"), new_event("b"))
    with pytest.raises(PluginError):
        await kernel.writer.submit()


async def test_an_event_whose_commit_was_not_confirmed_is_stored_once(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server goes away after the commit and before its answer."""
    lost = 0
    append_free = kernel.events.append_free

    async def append_then_lose_the_answer(connection, events):  # type: ignore[no-untyped-def]
        nonlocal lost
        result = await append_free(connection, events)
        if not lost:
            lost = 1
            await connection.execute("commit")
            await terminate(kernel, connection)
        return result

    monkeypatch.setattr(kernel.events, "append_free", append_then_lose_the_answer)
    (event,) = await kernel.writer.submit(new_event("s"))
    assert lost == 1
    assert await kernel.database.fetch_value(N_STORED) == 1
    assert event.seq == 1


def record_of(kernel: Kernel, call: str) -> NewEvent:
    """What stands alone: the event of a call."""
    return NewEvent("s", "noted", "a", kernel.clock.now(), {"call": call, "text": "\u00e9 \u2028"})


async def test_records_of_calls_that_come_one_by_one_are_chained_like_all_others(
    kernel: Kernel,
) -> None:
    for number in range(3):
        (alone,) = await kernel.writer.submit(record_of(kernel, f"CA-{number}"))
        assert alone.seq == 2 * number + 1
        # Not the record of a call: the way of batches.
        (other,) = await kernel.writer.submit(new_event("s"))
        assert (other.seq, other.prev_hash) == (alone.seq + 1, alone.hash)
    assert (await verify_events(kernel.database)).ok
    (first, *_) = await kernel.bus.reader.read_stream("s")
    assert first.data == {"call": "CA-0", "text": "\u00e9 \u2028"}


AWKWARD = [
    {"text": '\u00e9\u2028\U0001f4d6\ud7ff \\ " \x01 </script>', "\u00fc": {"b": [], "a": None}},
    {"n": [0, -1, 2**53 - 1, 0.1, 1e20, -0.0, 5e-324, True]},
    {"z": {"y": {"x": [{"w": "v"}] * 50}}, "a": "", "": "empty name"},
    {"text": "x" * 1_000_000},
    {"text": "ghp_" + "a1B2" * 9, "password": "hunter2hunter2"},
]


@pytest.mark.parametrize("data", AWKWARD)
@pytest.mark.parametrize("microsecond", [0, 1, 120_000])
async def test_whatever_a_record_says_is_hashed_by_the_database_as_it_is_here(
    kernel: Kernel, data: dict[str, object], microsecond: int
) -> None:
    at = kernel.clock.now().replace(microsecond=microsecond)
    stream, actor = 'a "b" \\ \u00e9\U0001f4d6', "J\u00f6rg \\n"
    alone = NewEvent(stream, "noted", actor, at, {**data, "call": "CA-1"})
    assert kernel.events.stand_alone([alone]) and kernel.events.stand_alone([alone, alone])
    both = [*await kernel.writer.submit(alone), *await kernel.writer.submit(alone, alone)]
    for seq, stored in enumerate(both, start=1):
        own = hash_event(
            *(stored.position, stream, seq, "noted", actor, at, stored.data, stored.prev_hash)
        )
        assert (stored.seq, stored.hash) == (seq, own)
    assert (await verify_events(kernel.database)).ok
    for read in await kernel.bus.reader.read_stream(stream):
        assert (read.at, read.data) == (at, both[0].data)
        assert "hunter2" not in str(read.data)


async def test_the_record_of_a_call_waits_for_a_stream_that_a_transaction_holds(
    kernel: Kernel,
) -> None:
    holder = await kernel.open_transaction()
    await holder.append(new_event("s"))
    waiting = asyncio.ensure_future(kernel.writer.submit(record_of(kernel, "CA-1")))
    await kernel.writer.submit(new_event("free"))
    assert not waiting.done()
    await holder.commit()
    async with asyncio.timeout(60):
        (stored,) = await waiting
    assert stored.seq == 2
    assert (await verify_events(kernel.database)).ok


async def test_two_records_of_a_call_share_one_commit_and_wait_for_a_held_stream_together(
    kernel: Kernel,
) -> None:
    records = [record_of(kernel, "CA-1"), new_event("s", call="CA-1")]
    holder = await kernel.open_transaction()
    await holder.append(new_event("s"))
    waiting = asyncio.ensure_future(kernel.writer.submit(*records))
    await kernel.writer.submit(new_event("free"))
    assert not waiting.done()
    await holder.commit()
    async with asyncio.timeout(60):
        assert [event.seq for event in await waiting] == [2, 3]
    await kernel.writer.submit(*records)
    assert (
        await kernel.database.fetch_value(
            "select count(distinct xmin::text) from kernel.event where stream = 's' and seq > 3"
        )
        == 1
    )
    assert (await verify_events(kernel.database)).ok


async def test_two_records_that_begin_a_stream_keep_what_each_of_them_says(kernel: Kernel) -> None:
    at = kernel.clock.now()
    first = NewEvent("fresh", "noted", "ann", at, {"call": "CA-1", "n": 1})
    second = NewEvent("fresh", "call.finished", "bob", at + timedelta(seconds=1), {"call": "CA-1"})
    stored = await kernel.writer.submit(first, second)
    assert stored == await kernel.bus.reader.read_stream("fresh")
    assert [(e.seq, e.type, e.actor, e.at, e.data) for e in stored] == [
        (1, "noted", "ann", first.at, first.data),
        (2, "call.finished", "bob", second.at, second.data),
    ]
    assert stored[1].prev_hash == stored[0].hash
    assert (await verify_events(kernel.database)).ok


@pytest.mark.parametrize("is_committed", [True, False])
async def test_the_record_of_a_call_is_stored_once_or_not_at_all_where_its_answer_is_lost(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch, is_committed: bool
) -> None:
    append_alone = kernel.events.append_alone

    async def append_then_lose_the_answer(connection, event):  # type: ignore[no-untyped-def]
        if is_committed:
            await append_alone(connection, event)
        await terminate(kernel, connection)
        return await append_alone(connection, event)

    monkeypatch.setattr(kernel.events, "append_alone", append_then_lose_the_answer)
    if is_committed:
        (event,) = await kernel.writer.submit(record_of(kernel, "CA-1"))
        assert (event.seq, event.data["call"]) == (1, "CA-1")
    else:
        with pytest.raises(UnavailableError, match="lost"):
            await kernel.writer.submit(record_of(kernel, "CA-1"))
    assert await kernel.database.fetch_value(N_STORED) == int(is_committed)
    assert (await verify_events(kernel.database)).ok


async def test_the_search_for_a_record_waits_for_whoever_may_still_store_it(
    kernel: Kernel,
) -> None:
    """The stream is new, so that nothing shows but a lock that somebody is writing to it."""
    record = record_of(kernel, "CA-1")
    writing = await kernel.open_transaction()
    await writing.append(record)

    async def find() -> list[Event]:
        async with kernel.database.connection() as connection, connection.transaction():
            return await kernel.events.find_alone(connection, [record])

    searching = asyncio.create_task(find())
    await until_somebody_waits_for_a_lock(kernel)
    await writing.commit()
    async with asyncio.timeout(60):
        (found,) = await searching
    assert found.seq == 1


async def until_somebody_waits_for_a_lock(kernel: Kernel) -> None:
    async with asyncio.timeout(60):
        while not await kernel.database.fetch_value(N_WAITING):  # noqa: ASYNC110 - no signal
            await asyncio.sleep(0.01)


async def test_a_record_that_was_stored_although_its_answer_came_too_late_is_found(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    append_alone = kernel.events.append_alone

    async def append_without_answer_in_time(connection, event):  # type: ignore[no-untyped-def]
        await append_alone(connection, event)
        raise TimeoutError

    monkeypatch.setattr(kernel.events, "append_alone", append_without_answer_in_time)
    (event,) = await kernel.writer.submit(record_of(kernel, "CA-1"))
    assert (event.seq, event.data["call"]) == (1, "CA-1")
    assert await kernel.database.fetch_value(N_STORED) == 1


async def test_a_unit_of_work_that_was_lost_while_committing_left_nothing(kernel: Kernel) -> None:
    transaction = await kernel.open_transaction()
    await transaction.append(new_event("s"))
    await terminate(kernel, transaction)
    with pytest.raises(UnavailableError, match="lost"):
        await transaction.commit()
    await transaction.rollback()
    assert await kernel.database.fetch_value(N_STORED) == 0
    await kernel.writer.submit(new_event("s"))


async def terminate(kernel: Kernel, session: object) -> None:
    """End the server process of a connection, as an administrator would."""
    connection = session.connection if isinstance(session, Transaction) else session
    pid = connection.get_server_pid()  # type: ignore[attr-defined]
    assert await kernel.database.fetch_value("select pg_terminate_backend($1, 50000)", pid)


async def test_what_was_submitted_is_stored_before_the_writer_closes(kernel: Kernel) -> None:
    waiting = [asyncio.ensure_future(kernel.writer.submit(new_event("s"))) for _ in range(10)]
    await asyncio.sleep(0)
    kernel.writer.close()
    await asyncio.gather(*waiting)
    with pytest.raises(UnavailableError, match="shutting down"):
        await kernel.writer.submit(new_event("s"))
