"""Following the log without ever skipping an event that commits late.

Positions are drawn before commit, so a later position may become visible before an earlier one.
Whoever drew a position holds the sequence's lock until its transaction ends. So once every
transaction that held it after an event was seen has ended, everything before that event is there
to be read, and what is missing was rolled back. NOTIFY wakes a follower; polling is the guarantee,
since notifications are lost on reconnect.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from agentos.database.pool import Database
from agentos.database.queries import Queries
from agentos.errors import UnavailableError
from agentos.events.model import Event
from agentos.events.store import event_from_row

_sql = Queries("agentos")
_heads = Queries("agentos", "sql/heads.sql")

PAGE = 500
GAP_POLL_S = 0.01
# After a wake: many calls follow each other, and one read takes what all of them left.
GATHER_S = 0.025


@dataclass(frozen=True, slots=True)
class _Fence:
    """Everything up to `position` is settled once none of `transactions` runs any more."""

    position: int
    transactions: frozenset[str]


class EventReader:
    """Reads events in order of position, gap-free, from any position."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._settled = 0
        self._fence: _Fence | None = None

    async def last_position(self) -> int:
        """The highest stored position, 0 for an empty log."""
        position: int = await self._database.fetch_value(_sql.last_position)
        return position

    async def read(self, after: int, limit: int = PAGE) -> list[Event]:
        """Events after a position that may be delivered now: none that commits later precedes them.

        Empty when there is nothing new, or when the next event waits on a running transaction.
        """
        # Always a page that was read after the position was settled: an older one may lack events.
        settled = self._settled
        events = await self._page(after, limit)
        if not events or events[-1].position == after + len(events):
            return events
        if events[-1].position > settled:
            await self._settle(events[-1].position)
            settled = self._settled
            events = await self._page(after, limit)
        return _deliverable(events, after, settled)

    async def _settle(self, seen: int) -> None:
        """Raise the settled position as far as the transactions that have ended allow."""
        rows = await self._database.fetch(_sql.list_appending_transactions)
        running = frozenset(str(row["virtualtransaction"]) for row in rows)
        if not running:
            self._settled, self._fence = max(self._settled, seen), None
            return
        if self._fence is not None and not self._fence.transactions & running:
            self._settled, self._fence = max(self._settled, self._fence.position), None
        if self._fence is None:
            self._fence = _Fence(seen, running)

    async def _page(self, after: int, limit: int) -> list[Event]:
        rows = await self._database.fetch(_sql.read_events, after, limit)
        return [event_from_row(row) for row in rows]

    async def read_stream(self, stream: str, after_seq: int = 0) -> list[Event]:
        """Every event of one stream after a sequence number, in order."""
        events: list[Event] = []
        while True:
            rows = await self._database.fetch(_sql.read_stream, stream, after_seq, PAGE)
            events += [event_from_row(row) for row in rows]
            if len(rows) < PAGE:
                return events
            after_seq = events[-1].seq

    async def follow(self, after: int, wake: asyncio.Event, poll_s: float) -> AsyncIterator[Event]:
        """Every event after a position, for ever; `wake` makes it look before `poll_s` is over."""
        async for events in self.follow_pages(after, wake, poll_s, PAGE):
            for event in events:
                yield event

    async def follow_pages(
        self, after: int, wake: asyncio.Event, poll_s: float, limit: int
    ) -> AsyncIterator[list[Event]]:
        """The same, at most `limit` events at a time; the next page is read when it is asked for."""
        while True:
            wake.clear()
            events = await self.read(after, limit)
            if events:
                is_all = len(events) < limit and events[-1].position == after + len(events)
                yield events
                after = events[-1].position
                # What came since has set `wake`.
                if not is_all:
                    continue
            try:
                async with asyncio.timeout(poll_s):
                    await wake.wait()
            except TimeoutError:
                pass
            else:
                # Also for an event that is held back by a transaction which is about to end.
                await asyncio.sleep(GATHER_S)


def _deliverable(events: list[Event], after: int, settled: int) -> list[Event]:
    for index, event in enumerate(events):
        if event.position != after + 1 and event.position > settled:
            return events[:index]
        after = event.position
    return events


async def settled_position(database: Database, timeout_s: float) -> int:
    """A position before which nothing more can come: all up to it is committed or rolled back.

    At least the highest position that is stored now. UnavailableError where a transaction that
    drew a position is still open after `timeout_s` seconds.
    """
    position: int = await database.fetch_value(_heads.drawn_position)
    waited_for: frozenset[str] | None = None
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                rows = await database.fetch(_sql.list_appending_transactions)
                running = frozenset(str(row["virtualtransaction"]) for row in rows)
                waited_for = running if waited_for is None else waited_for & running
                if not waited_for:
                    return position
                await asyncio.sleep(GAP_POLL_S)
    except TimeoutError:
        raise UnavailableError("a transaction that appended events does not end") from None
