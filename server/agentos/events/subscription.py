"""Following the log without ever skipping an event that commits late.

Positions are drawn before commit, so a later position may become visible before an earlier one.
A gap is skipped only when every transaction that was running at the time it was seen has ended
and the position is still empty (a rolled-back writer). NOTIFY wakes a follower; polling is the
guarantee, since notifications are lost on reconnect.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg

from agentos.database.pool import Database
from agentos.database.queries import Queries
from agentos.events.model import Event
from agentos.events.store import event_from_row

_sql = Queries("agentos")

PAGE = 500
GAP_POLL_S = 0.01


class EventReader:
    """Reads events in order of position, gap-free, from any position."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def last_position(self) -> int:
        """The highest stored position, 0 for an empty log."""
        position: int = await self._database.fetch_value(_sql.last_position)
        return position

    async def read(self, after: int, limit: int = PAGE) -> list[Event]:
        """Events after a position that may be delivered now: none that commits later precedes them.

        Empty when there is nothing new, or when the next event waits on a running transaction.
        """
        rows = await self._database.fetch(_sql.read_events, after, limit)
        events = [event_from_row(row) for row in rows]
        expected = after + 1
        for index, event in enumerate(events):
            if event.position != expected and not await self._gap_is_final(
                expected, event.position, rows[0]
            ):
                return events[:index]
            expected = event.position + 1
        return events

    async def _gap_is_final(self, first: int, end: int, seen: asyncpg.Record) -> bool:
        if seen["snapshot_xmin"] >= seen["snapshot_xmax"]:
            return True
        horizon: int = await self._database.fetch_value(_sql.read_horizon)
        if horizon < seen["snapshot_xmax"]:
            return False
        rows = await self._database.fetch(_sql.read_events, first - 1, 1)
        return bool(rows) and rows[0]["position"] >= end

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
        while True:
            wake.clear()
            events = await self.read(after)
            for event in events:
                yield event
                after = event.position
            if events:
                continue
            try:
                async with asyncio.timeout(poll_s):
                    await wake.wait()
            except TimeoutError:
                pass
            else:
                # Woken, yet perhaps held back by a transaction that is about to end.
                await asyncio.sleep(GAP_POLL_S)
