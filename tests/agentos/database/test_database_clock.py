"""The time of a server is the database's, whatever the machine's clock says and does.

Required by the issue "Gatekeeper": due times, leases and expiries are decided by one clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import cast

import pytest

from agentos.database.clock import FIRST_READINGS, DatabaseClock, elapsed_us
from agentos.database.pool import Database

pytestmark = pytest.mark.anyio

HOUR_US = 3_600_000_000


class Counter:
    """The machine's counter, set forth or back by a test as no running machine's is."""

    def __init__(self) -> None:
        self.moved_us = 0

    def __call__(self) -> int:
        return elapsed_us() + self.moved_us


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    await database.open()
    yield database
    await database.close()


async def assert_agrees(clock: DatabaseClock, database: Database) -> None:
    """Whether the clock's time lies between two readings of the database's, but for a little."""
    before = await database.fetch_value("select clock_timestamp()")
    now = clock.now()
    after = await database.fetch_value("select clock_timestamp()")
    little = timedelta(seconds=0.25)
    assert before - little <= now <= after + little


@pytest.mark.parametrize("moved_us", [-30 * HOUR_US, 0, 30 * HOUR_US])
async def test_the_time_is_the_databases_wherever_the_machines_counter_stands(
    database: Database, moved_us: int
) -> None:
    counter = Counter()
    counter.moved_us = moved_us
    clock = DatabaseClock(database, counter)
    await clock.open()
    await assert_agrees(clock, database)


async def test_readings_never_take_the_time_back(database: Database) -> None:
    clock = DatabaseClock(database)
    await clock.open()
    seen = clock.now()
    for _ in range(50):
        await clock.read()
        now = clock.now()
        assert now >= seen
        seen = now


@pytest.mark.parametrize("moved_us", [-HOUR_US, HOUR_US])
async def test_a_database_whose_clock_was_set_is_followed_forth_and_back(
    database: Database, moved_us: int
) -> None:
    counter = Counter()
    clock = DatabaseClock(database, counter)
    await clock.open()
    clock.now()
    # As the database's clock sees it, this is the same as if it had been set the other way.
    counter.moved_us = moved_us
    clock.now()
    # As often as at the start: a single reading is as blurred as it was slow.
    for _ in range(FIRST_READINGS):
        await clock.read()
    await assert_agrees(clock, database)


class SlowAnswers:
    """The database, whose next answer arrives `late_us` late by the machine's counter."""

    def __init__(self, database: Database, counter: Counter) -> None:
        self._database, self._counter = database, counter
        self.late_us = 0

    async def fetch_value(self, sql: str) -> object:
        """What the database said, so long ago."""
        said = await self._database.fetch_value(sql)
        self._counter.moved_us += self.late_us
        return said


async def test_a_slow_reading_does_not_blur_what_a_quick_one_told(database: Database) -> None:
    counter = Counter()
    answers = SlowAnswers(database, counter)
    clock = DatabaseClock(cast(Database, answers), counter)
    await clock.open()
    answers.late_us = 2_000_000
    await clock.read()
    # The time that passed on the way passed for the counter alone.
    counter.moved_us -= answers.late_us
    await assert_agrees(clock, database)


class FirstTooLate:
    """The database, which is asked for the first time in vain, as where it hangs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.n_asked = 0
        self.answered = asyncio.Event()

    async def fetch_value(self, sql: str) -> object:
        """What the database says, but for the first time."""
        self.n_asked += 1
        if self.n_asked == 1:
            raise TimeoutError
        said = await self._database.fetch_value(sql)
        self.answered.set()
        return said


async def test_a_reading_that_fails_does_not_end_the_following(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentos.database.clock.READ_EVERY_S", 0.01)
    answers = FirstTooLate(database)
    clock = DatabaseClock(cast(Database, answers))
    following = asyncio.create_task(clock.follow())
    try:
        async with asyncio.timeout(60):
            await answers.answered.wait()
    finally:
        following.cancel()
    assert not following.done()
    assert answers.n_asked >= 2
