"""Tells this process about committed events: one LISTEN connection, many followers.

Above: `on_event`, server-sent events, the outbox. Below: the reader, PostgreSQL. What leaves the
installation (NATS, webhooks) is published by `agentos.outbox`, which follows this feed.

The database notifies once a batch per process, not once an event: NOTIFY takes a global lock at
commit and was measured to cut insert throughput by a factor of ten.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import suppress

import asyncpg
import structlog

from agentos.database.pool import CANNOT_CONNECT, Database
from agentos.database.queries import Queries
from agentos.events.model import Event
from agentos.events.subscription import EventReader

CHANNEL = "agentos_event"
NOTIFY_EVERY_S = 0.02
POLL_S = 1.0
GATHER_S = 0.02

_sql = Queries("agentos", "sql/bus.sql")
_log = structlog.get_logger(__name__)


class EventFeed:
    """Wakes followers in this process, and through PostgreSQL those in others."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.reader = EventReader(database)
        self._followers: set[asyncio.Event] = set()
        self._dirty = asyncio.Event()
        # By which this process knows its own announcements.
        self._name = secrets.token_hex(8)

    def announce(self) -> None:
        """Something was committed here: wake local followers now, others within milliseconds."""
        self._wake_all()
        self._dirty.set()

    async def follow(self, after: int) -> AsyncIterator[Event]:
        """Every event after a position, gap-free, for as long as the caller iterates."""
        wake = asyncio.Event()
        self._followers.add(wake)
        try:
            async for event in self.reader.follow(after, wake, POLL_S):
                yield event
        finally:
            self._followers.discard(wake)

    async def pages(self, after: int, limit: int) -> AsyncGenerator[list[Event], None]:
        """The same, at most `limit` events at a time."""
        wake = asyncio.Event()
        self._followers.add(wake)
        try:
            async for page in self.reader.follow_pages(after, wake, POLL_S, limit):
                yield page
        finally:
            self._followers.discard(wake)

    async def wakes(self, poll_s: float) -> AsyncGenerator[None, None]:
        """Once now, then soon after a commit, many of them at once, and every `poll_s` seconds."""
        wake = asyncio.Event()
        self._followers.add(wake)
        try:
            while True:
                wake.clear()
                yield
                with suppress(TimeoutError):
                    async with asyncio.timeout(poll_s):
                        await wake.wait()
                await asyncio.sleep(GATHER_S)
        finally:
            self._followers.discard(wake)

    async def run_notifier(self) -> None:
        """Forward announcements to other processes; owned by the kernel's task group."""
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            try:
                await self._database.fetch_value(_sql.notify_event, self._name)
            except Exception as error:  # others poll
                _log.warning("notify_failed", error=type(error).__name__)
            await asyncio.sleep(NOTIFY_EVERY_S)

    async def run_listener(self) -> None:
        """Listen for announcements of other processes, over restarts of PostgreSQL."""
        while True:
            try:
                connection = await asyncpg.connect(self._database.dsn, timeout=10)
            except (*CANNOT_CONNECT, asyncpg.PostgresError):
                await asyncio.sleep(POLL_S)
                continue
            lost = asyncio.Event()
            connection.add_termination_listener(lambda _connection, lost=lost: lost.set())
            try:
                await connection.add_listener(CHANNEL, self._hear)
                self._wake_all()
                await lost.wait()
            except (*CANNOT_CONNECT, asyncpg.PostgresError):
                await asyncio.sleep(POLL_S)
            finally:
                connection.terminate()

    async def dispatch(self, after: int, react: Callable[[Event], Awaitable[None]]) -> None:
        """Hand every event after a position to `react`, in order; its exceptions are logged."""
        while True:
            try:
                async for event in self.follow(after):
                    await self._react(react, event)
                    after = event.position
            except Exception as error:  # a log that cannot be read must not end the server
                _log.warning("events_not_read", error=type(error).__name__)
                await asyncio.sleep(POLL_S)

    async def _react(self, react: Callable[[Event], Awaitable[None]], event: Event) -> None:
        try:
            await react(event)
        except Exception as error:  # a reaction never changes what has happened
            _log.error("on_event_failed", type=event.type, position=event.position, exc_info=error)

    def _hear(self, connection: object, pid: int, channel: str, payload: object) -> None:
        # Who follows here was woken when it was announced.
        if payload != self._name:
            self._wake_all()

    def _wake_all(self) -> None:
        for wake in self._followers:
            wake.set()
