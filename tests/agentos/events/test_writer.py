"""Group commit: durable before the answer, batched, and never held up by a busy stream."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from agentos import ConflictError, Kernel, NewEvent, PluginError, UnavailableError, verify_events
from agentos.database.transaction import Transaction
from tests.agentos.plugin_factory import new_event

pytestmark = pytest.mark.anyio

N_TRANSACTIONS = "select count(distinct xmin::text) from kernel.event where type = 'noted'"
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
        async with asyncio.timeout(10):
            for number in range(50):
                await kernel.writer.submit(new_event(f"free{number % 3}"))
        assert not any(task.done() for task in waiting)
    finally:
        await holder.commit()
    async with asyncio.timeout(10):
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
    async with asyncio.timeout(10):
        await asyncio.gather(*(kernel.writer.submit(new_event(f"free{n}")) for n in range(20)))
    for holder in reversed(holders):
        await holder.commit()
    async with asyncio.timeout(20):
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

    async with asyncio.timeout(30):
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
    assert await kernel.database.fetch_value("select pg_terminate_backend($1, 5000)", pid)


async def test_what_was_submitted_is_stored_before_the_writer_closes(kernel: Kernel) -> None:
    waiting = [asyncio.ensure_future(kernel.writer.submit(new_event("s"))) for _ in range(10)]
    await asyncio.sleep(0)
    kernel.writer.close()
    await asyncio.gather(*waiting)
    with pytest.raises(UnavailableError, match="shutting down"):
        await kernel.writer.submit(new_event("s"))
