"""DESIGN section 3: a subscriber never skips an event that commits late."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from structlog.testing import capture_logs

from agentos import Event, Kernel, NewEvent, Settings, hookimpl, open_kernel, verify_events
from tests.agentos.plugin_factory import NOTED, Plugin, new_event

pytestmark = pytest.mark.anyio

N_LISTENERS = """
select count(*) from pg_stat_activity where datname = current_database() and query ilike 'listen%'
"""


class Follower:
    """Collects what a subscription delivers, until a position was seen."""

    def __init__(self, kernel: Kernel) -> None:
        self.events: list[Event] = []
        self._seen = asyncio.Condition()
        self._task = asyncio.ensure_future(self._follow(kernel))

    async def _follow(self, kernel: Kernel) -> None:
        async for event in kernel.bus.follow(0):
            async with self._seen:
                self.events.append(event)
                self._seen.notify_all()

    async def until(self, position: int) -> list[int]:
        """The positions delivered up to and including `position`."""
        async with asyncio.timeout(60), self._seen:
            await self._seen.wait_for(lambda: bool(self.events) and self.last >= position)
        return [event.position for event in self.events]

    @property
    def last(self) -> int:
        return self.events[-1].position

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


async def delivered(kernel: Kernel) -> list[int]:
    """The positions that may be delivered, once there are any.

    Whoever looks at the sequence, as the signer of heads does, holds them back for that moment.
    """
    async with asyncio.timeout(60):
        while not (events := await kernel.bus.reader.read(0)):
            await kernel.database.fetch_value("select pg_sleep(0.01)")
    return [event.position for event in events]


async def test_a_late_commit_is_waited_for_and_delivered_in_order(kernel: Kernel) -> None:
    early = await kernel.open_transaction()
    (first,) = await early.append(new_event("early"))
    (second,) = await kernel.writer.submit(new_event("late"))
    assert first.position < second.position
    assert await kernel.bus.reader.read(0) == []
    await early.commit()
    assert [e.position for e in await kernel.bus.reader.read(0)] == [1, 2]


async def test_a_writer_whose_transaction_began_after_the_visible_one_is_waited_for(
    kernel: Kernel,
) -> None:
    """The earlier position may belong to the younger transaction id."""
    older = await kernel.open_transaction()
    await older.execute("select pg_current_xact_id()")
    younger = await kernel.open_transaction()
    (first,) = await younger.append(new_event("younger"))
    (second,) = await older.append(new_event("older"))
    assert first.position < second.position
    await older.commit()
    for _ in range(3):
        assert await kernel.bus.reader.read(0) == []
    await younger.commit()
    assert [e.position for e in await kernel.bus.reader.read(0)] == [1, 2]


async def test_the_place_of_a_rolled_back_writer_is_passed_over(kernel: Kernel) -> None:
    failing = await kernel.open_transaction()
    await failing.append(new_event("failing"))
    await kernel.writer.submit(new_event("good"))
    await failing.rollback()
    assert await delivered(kernel) == [2]


async def test_other_writers_without_end_do_not_hold_a_settled_gap_back(kernel: Kernel) -> None:
    failing = await kernel.open_transaction()
    await failing.append(new_event("failing"))
    await kernel.writer.submit(new_event("good"))
    assert await kernel.bus.reader.read(0) == []
    running = await kernel.open_transaction()
    await running.append(new_event("running"))
    await failing.rollback()
    # There is always some transaction that appends: one begins before the other ends.
    for number in range(4):
        following = await kernel.open_transaction()
        await following.append(new_event(f"running{number}"))
        delivered = [e.position for e in await kernel.bus.reader.read(0)]
        await running.commit()
        running = following
    assert delivered[0] == 2
    await running.rollback()


async def test_transactions_that_append_nothing_hold_nobody_back(kernel: Kernel) -> None:
    unrelated = await kernel.open_transaction()
    await unrelated.execute("create table public.unrelated (id int)")
    failing = await kernel.open_transaction()
    await failing.append(new_event("failing"))
    await kernel.writer.submit(new_event("good"))
    await failing.rollback()
    assert await delivered(kernel) == [2]
    await unrelated.rollback()


async def test_a_follower_sees_every_event_of_many_writers_once_and_in_order(
    kernel: Kernel,
) -> None:
    rng = random.Random(20260301)
    followers = [Follower(kernel) for _ in range(3)]
    stored: set[int] = set()

    async def unit_of_work(number: int) -> None:
        transaction = await kernel.open_transaction()
        if rng.random() < 0.5:
            await transaction.execute("select pg_current_xact_id()")
        (event,) = await transaction.append(new_event(f"stream{number % 23}"))
        for _ in range(rng.randrange(6)):
            await transaction.execute("select 1")
        if rng.random() < 0.3:
            await transaction.rollback()
        else:
            await transaction.commit()
            stored.add(event.position)
        kernel.bus.announce()

    async def record(number: int) -> None:
        for event in await kernel.writer.submit(new_event(f"stream{number % 31}")):
            stored.add(event.position)

    limit = asyncio.Semaphore(8)

    async def limited(number: int) -> None:
        async with limit:
            await (record if rng.random() < 0.4 else unit_of_work)(number)

    await asyncio.gather(*(limited(number) for number in range(600)))
    (last,) = await kernel.writer.submit(new_event("last"))
    kernel.bus.announce()
    for follower in followers:
        assert await follower.until(last.position) == sorted(stored | {last.position})
        await follower.stop()


async def test_records_that_many_processes_append_alone_are_followed_in_order(
    kernel: Kernel,
) -> None:
    """Each in a transaction of its own, beside others that stay open or come to nothing."""
    rng = random.Random(20260302)
    followers = [Follower(kernel) for _ in range(2)]
    stored: set[int] = set()

    async def record(number: int) -> None:
        new = NewEvent(f"s{number % 5}", "noted", "a", kernel.clock.now(), {"call": f"CA-{number}"})
        found: list[Event] = []
        while not found:
            async with kernel.database.connection() as connection:
                found = await kernel.events.append_alone(connection, [new] * (1 + number % 2))
        stored.update(event.position for event in found)
        kernel.bus.announce()

    async def unit_of_work(number: int) -> None:
        transaction = await kernel.open_transaction()
        (event,) = await transaction.append(new_event(f"held{number}"))
        await asyncio.sleep(rng.random() / 50)
        if rng.random() < 0.3:
            await transaction.rollback()
            return
        await transaction.commit()
        stored.add(event.position)

    limit = asyncio.Semaphore(6)

    async def limited(number: int) -> None:
        async with limit:
            await (record if rng.random() < 0.7 else unit_of_work)(number)

    await asyncio.gather(*(limited(number) for number in range(300)))
    (last,) = await kernel.writer.submit(new_event("last"))
    kernel.bus.announce()
    for follower in followers:
        assert await follower.until(last.position) == sorted(stored | {last.position})
        await follower.stop()
    assert (await verify_events(kernel.database)).ok


async def test_a_commit_of_another_process_wakes_a_follower_through_notify(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentos.events.bus.POLL_S", 3600.0)
    plugins = {"noted": Plugin(event_types=[NOTED])}
    async with (
        open_kernel(settings, extra_plugins=plugins) as here,
        open_kernel(settings, extra_plugins=plugins) as there,
    ):
        await listening(settings)
        follower = Follower(here)
        async with asyncio.timeout(60):
            for number in range(1, 6):
                (event,) = await there.writer.submit(new_event("s"))
                there.bus.announce()
                assert len(await follower.until(event.position)) == number
        await follower.stop()


async def listening(settings: Settings) -> None:
    """Until both kernels listen."""
    assert settings.database_url is not None
    connection = await asyncpg.connect(settings.database_url)
    async with asyncio.timeout(60):
        while await connection.fetchval(N_LISTENERS) < 2:
            await connection.execute("select pg_stat_clear_snapshot()")
    await connection.close()


async def test_reactions_get_what_others_commit_and_their_failures_stop_nothing(
    settings: Settings,
) -> None:
    class Reacting(Plugin):
        def __init__(self) -> None:
            super().__init__(event_types=[NOTED])
            self.seen: asyncio.Queue[int] = asyncio.Queue()

        @hookimpl
        def on_event(self, event: Event) -> Callable[[Kernel], Awaitable[None]]:
            async def react(kernel: Kernel) -> None:
                self.seen.put_nowait(event.data["n"])
                raise RuntimeError("a reaction never changes what has happened")

            return react

    plugin = Reacting()
    with capture_logs():
        async with open_kernel(settings, extra_plugins={"reacting": plugin}) as kernel:
            events = [(await kernel.writer.submit(new_event("s")))[0] for _ in range(3)]
            kernel.bus.announce()
            async with asyncio.timeout(60):
                assert [await plugin.seen.get() for _ in range(3)] == [e.data["n"] for e in events]
