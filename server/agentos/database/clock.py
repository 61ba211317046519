"""The database's time in every process, so that the clocks of several servers need not agree.

Above: `open_kernel`, which hands it to everything that reads the time. Below: PostgreSQL's
`clock_timestamp()`, and a counter of the machine that nobody sets. Leases, due times, expiries and the
times of events of all servers are compared with each other in the database; so one clock says them all.

Each reading of the database tells within which bounds its time is ahead of the counter: it was read
after the question and before the answer. The bounds are kept, widened by how far two clocks may drift,
and narrowed by the next reading. Source: the intersection of intervals of Marzullo and Owicki 1983, as in
RFC 5905.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import structlog

from agentos.clock import Clock
from agentos.database.pool import Database
from agentos.database.queries import Queries

READ_EVERY_S = 10.0
FIRST_READINGS = 3
"""The first on a connection takes long."""
MAX_DRIFT = 0.001
"""Twice what an adjusted clock may drift, in seconds a second."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# Counts on while the machine sleeps: that of Linux, and CLOCK_MONOTONIC of macOS.
_COUNTER = getattr(time, "CLOCK_BOOTTIME", None) or getattr(time, "CLOCK_MONOTONIC", None)

_sql = Queries("agentos", "sql/clock.sql")
_log = structlog.get_logger(__name__)


def elapsed_us() -> int:
    """Microseconds since some moment, by the counter."""
    ns = time.monotonic_ns() if _COUNTER is None else time.clock_gettime_ns(_COUNTER)
    return ns // 1_000


class DatabaseClock:
    """Tells the database's time without asking it; `open` it before the first `now`.

    Right within half of the quickest reading's time, under a millisecond on one network. It never
    goes back, unless the database's own clock was set: then it follows within READ_EVERY_S.
    """

    def __init__(self, database: Database, elapsed_us: Callable[[], int] = elapsed_us) -> None:
        self._database = database
        self._elapsed_us = elapsed_us
        self._bounds_us: tuple[int, int] | None = None
        """Between these the database's time is ahead of the counter."""
        self._ahead_us = 0
        self._read_at_us = 0
        self._latest_us = 0

    def now(self) -> datetime:
        """The database's time."""
        self._latest_us = max(self._elapsed_us() + self._ahead_us, self._latest_us)
        return _EPOCH + timedelta(microseconds=self._latest_us)

    async def open(self) -> None:
        """Read it for the first time; UnavailableError where the database does not answer."""
        for _ in range(FIRST_READINGS):
            await self.read()

    async def read(self) -> None:
        """Compare with the database; UnavailableError where it does not answer."""
        asked_us = self._elapsed_us()
        said: datetime = await self._database.fetch_value(_sql.read_clock)
        answered_us = self._elapsed_us()
        said_us = (said - _EPOCH) // _MICROSECOND
        self._learn((said_us - answered_us, said_us - asked_us), answered_us)

    async def follow(self) -> None:
        """Read for ever, whatever happens to the database meanwhile."""
        while True:
            await asyncio.sleep(READ_EVERY_S)
            try:
                await self.read()
            except Exception as error:  # noqa: BLE001 - the counter goes on, and so does the server
                _log.warning("database_clock_not_read", error=type(error).__name__)

    def _learn(self, found: tuple[int, int], at_us: int) -> None:
        bounds = found
        if self._bounds_us is not None:
            drift_us = int((at_us - self._read_at_us) * MAX_DRIFT) + 1
            low, high = self._bounds_us[0] - drift_us, self._bounds_us[1] + drift_us
            bounds = max(low, found[0]), min(high, found[1])
            if bounds[0] > bounds[1]:
                # No drift does that: somebody set the clock, or another server took over.
                bounds = found
                self._latest_us = 0
                _log.warning("database_clock_was_set", by_s=(sum(found) - low - high) / 2e6)
        self._bounds_us, self._read_at_us = bounds, at_us
        self._ahead_us = sum(bounds) // 2


@asynccontextmanager
async def clock_of(database: Database, chosen: Clock | None = None) -> AsyncIterator[Clock]:
    """The chosen clock, or else the database's, followed for as long as the block runs."""
    if chosen is not None:
        yield chosen
        return
    clock = DatabaseClock(database)
    await clock.open()
    following = asyncio.create_task(clock.follow())
    try:
        yield clock
    finally:
        following.cancel()
