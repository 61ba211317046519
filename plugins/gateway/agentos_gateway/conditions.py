"""How other servers are, written down for whoever asks from another process, such as the doctor.

Above: the gateway notes what happens, tools and `agentos doctor` read. Below: `gateway.condition`,
a row a server and process, and `gateway.listing`, what was listed last and is not approved. Both
are operational: nothing is decided by them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from agentos import Clock, Database, Queries, UnavailableError, new_id
from agentos_gateway.breaker import BreakerState
from agentos_gateway.definitions import Kind
from agentos_gateway.inspection import Finding

sql = Queries("agentos_gateway", "sql/conditions.sql")

WRITE_EVERY_S = 60.0
PAUSE_S = 0.5
FRESH = timedelta(seconds=3 * WRITE_EVERY_S)
MAX_NAMES = 100
MAX_FAILURE_CHARS = 500

_WORSE: Sequence[BreakerState] = ("closed", "half_open", "open")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What of a server is not what is approved: each needs the look of an admin."""

    new: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @classmethod
    def of(cls, findings: Sequence[Finding]) -> Waiting:
        """Those among what was found; what settings leave out waits for nothing."""

        def named(state: str) -> tuple[str, ...]:
            return tuple(each.name for each in findings if each.state == state)[:MAX_NAMES]

        return cls(named("new"), named("changed"), named("missing"))

    def document(self) -> dict[str, list[str]]:
        """As JSON."""
        return {"new": list(self.new), "changed": list(self.changed), "missing": list(self.missing)}

    def __add__(self, other: Waiting) -> Waiting:
        return Waiting(
            self.new + other.new, self.changed + other.changed, self.missing + other.missing
        )


@dataclass(frozen=True, slots=True)
class Condition:
    """One server, over all processes that are there."""

    is_connected: bool = False
    breaker: BreakerState = "closed"
    last_failure: str | None = None
    waiting: Waiting | None = None
    """None: nobody has asked it yet."""


class Conditions:
    """Writes what this process knows; `run` must be running."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._process = new_id(f"P{os.getpid()}")
        self._states: dict[str, Condition] = {}
        self._listings: dict[tuple[str, Kind], Waiting] = {}
        self._unwritten: set[tuple[str, Kind]] = set()
        self._is_new = asyncio.Event()
        self._writing = asyncio.Lock()
        self._is_closed = False

    def note(
        self, server: str, *, is_connected: bool, breaker: BreakerState, last_failure: str
    ) -> None:
        """The state of a connection of this process."""
        failure = last_failure[:MAX_FAILURE_CHARS].replace("\x00", "?") or None
        state = Condition(is_connected, breaker, failure)
        if self._states.get(server) != state and not self._is_closed:
            self._states[server] = state
            self._is_new.set()

    def note_listing(self, server: str, kind: Kind, waiting: Waiting) -> bool:
        """What a server listed that is not approved; whether that is news here."""
        if self._listings.get((server, kind)) == waiting:
            return False
        self._listings[(server, kind)] = waiting
        self._unwritten.add((server, kind))
        self._is_new.set()
        return True

    async def run(self) -> None:
        """Write what is new, at most twice a second, and everything once a minute."""
        while True:
            try:
                async with asyncio.timeout(WRITE_EVERY_S):
                    await self._is_new.wait()
            except TimeoutError:
                pass
            self._is_new.clear()
            try:
                await self.write()
            except UnavailableError as error:
                _log.warning("gateway_conditions_not_written", reason=error.message)
            await asyncio.sleep(PAUSE_S)

    async def write(self) -> None:
        """Write down what this process knows."""
        async with self._writing:
            await self._write_all()

    async def _write_all(self) -> None:
        now = self._clock.now()
        # What is noted meanwhile is written the next time.
        states, unwritten = dict(self._states), sorted(self._unwritten)
        self._unwritten.clear()
        try:
            await self._write(now, states, unwritten)
        except BaseException:
            self._unwritten.update(unwritten)
            raise

    async def _write(
        self,
        now: datetime,
        states: Mapping[str, Condition],
        unwritten: Sequence[tuple[str, Kind]],
    ) -> None:
        async with self._database.connection() as connection:
            for server, state in states.items():
                own = (state.is_connected, state.breaker, state.last_failure)
                await connection.execute(sql.set_condition, server, self._process, now, *own)
            for server, kind in unwritten:
                found = self._listings[(server, kind)]
                lists = (list(found.new), list(found.changed), list(found.missing))
                await connection.execute(sql.set_listing, server, kind, now, *lists)

    async def close(self) -> None:
        """Write what is left of listings, and drop the rows of this process."""
        self._is_closed = True
        self._states.clear()
        now = self._clock.now()
        try:
            await self.write()
            async with self._writing, self._database.connection() as connection:
                await connection.execute(sql.forget_conditions, self._process, now - FRESH)
        except UnavailableError as error:
            _log.warning("gateway_conditions_not_written", reason=error.message)


async def read_conditions(database: Database, now: datetime) -> Mapping[str, Condition]:
    """Each server that some process knows of, by name; the worst breaker counts."""
    found: dict[str, Condition] = {}
    for row in await database.fetch(sql.list_conditions, now - FRESH):
        known = found.get(row["server"], Condition())
        is_worse = _WORSE.index(row["breaker"]) >= _WORSE.index(known.breaker)
        found[row["server"]] = Condition(
            known.is_connected or row["is_connected"],
            row["breaker"] if is_worse else known.breaker,
            (row["last_failure"] if is_worse else None) or known.last_failure,
        )
    for row in await database.fetch(sql.list_listings):
        known = found.get(row["server"], Condition())
        own = Waiting(tuple(row["new"]), tuple(row["changed"]), tuple(row["missing"]))
        waiting = own if known.waiting is None else known.waiting + own
        found[row["server"]] = Condition(
            known.is_connected, known.breaker, known.last_failure, waiting
        )
    return found
