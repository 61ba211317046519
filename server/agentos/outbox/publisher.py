"""Publishes the log to a message bus: in order, gap-free, at least once, from a durable cursor.

Above: the kernel starts it where a bus is configured. Below: leadership, the feed, a bus.
A crash between publishing and moving the cursor publishes again under the same ids; a bus that
knows its newest event is asked first, so that nothing is repeated however long the crash lasted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, aclosing

from agentos.clock import Clock
from agentos.database.pool import Database
from agentos.database.queries import Queries
from agentos.errors import ConflictError
from agentos.events.bus import GATHER_S, EventFeed
from agentos.outbox.bus import EventBus, event_id, event_payload, event_subject
from agentos.outbox.leadership import Seat, lead_for_ever

PAGE = 100

OpenBus = Callable[[], AbstractAsyncContextManager[EventBus]]

_sql = Queries("agentos", "sql/outbox.sql")


class BusPublisher:
    """Publishes to one bus, `sink` by name; run it in every process, one of them does the work."""

    def __init__(
        self,
        database: Database,
        feed: EventFeed,
        clock: Clock,
        *,
        sink: str,
        prefix: str,
        open_bus: OpenBus,
    ) -> None:
        self.sink = sink
        self._database = database
        self._feed = feed
        self._clock = clock
        self._prefix = prefix
        self._open_bus = open_bus

    async def run(self) -> None:
        """Publish for ever; while the bus or the database is away, events wait in the log."""
        await lead_for_ever(self._database, self.sink, self._publish)

    async def _publish(self, seat: Seat) -> None:
        async with self._open_bus() as bus:
            position = await self._resume(seat, bus)
            async with aclosing(self._feed.pages(position, PAGE)) as pages:
                async for page in pages:
                    await self._require_place(seat, position)
                    for event in page:
                        subject = event_subject(self._prefix, event)
                        await bus.publish(event_id(event), subject, event_payload(event))
                    position = await self._advance(seat, position, page[-1].position)
                    if len(page) < PAGE:
                        await asyncio.sleep(GATHER_S)

    async def _resume(self, seat: Seat, bus: EventBus) -> int:
        """The cursor, moved on to the newest event that the bus already holds."""
        [row] = await seat.fetch(_sql.open_cursor, self.sink, 0, self._clock.now())
        position: int = row["position"]
        if row["is_rewound"]:
            return position
        last = await bus.find_last()
        if last is None or last.position <= position:
            return position
        # Another database's event, or one of a time before a restore, says nothing about ours.
        if await seat.fetch_value(_sql.find_event_hash, last.position) != last.event_id:
            return position
        return await self._advance(seat, position, last.position)

    async def _require_place(self, seat: Seat, position: int) -> None:
        if await seat.fetch_value(_sql.find_cursor, self.sink) != position:
            raise ConflictError(f"{self.sink} was rewound and begins again")

    async def _advance(self, seat: Seat, position: int, to: int) -> int:
        moved = await seat.fetch_value(
            _sql.advance_cursor, self.sink, position, to, self._clock.now()
        )
        if moved is None:
            raise ConflictError(f"the cursor of {self.sink} was moved by somebody else")
        return to
