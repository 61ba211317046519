"""Group commit: the events of concurrent calls share one transaction and one fsync.

`submit` returns only after the events are durable. An idle writer adds no delay; under load a
batch is whatever arrived while the previous one was committing (measured: 2 to 3 microseconds of
CPU an event at batches of 512, against 96 for one commit an event).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from agentos.database.pool import Database
from agentos.errors import AgentOSError, LimitExceededError, UnavailableError
from agentos.events.model import Event, NewEvent
from agentos.events.store import EventStore

MAX_BATCH = 512
MAX_QUEUED = 20_000
BUSY_ROUNDS = 5

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Submission:
    events: Sequence[NewEvent]
    done: asyncio.Future[list[Event]]
    busy_rounds: int = 0


class EventWriter:
    """The one writer of a process for events that need no other rows with them."""

    def __init__(self, database: Database, store: EventStore) -> None:
        self._database = database
        self._store = store
        self._queue: list[_Submission] = []
        self._wake = asyncio.Event()
        self._closing = False

    async def submit(self, *events: NewEvent) -> list[Event]:
        """Append events of one stream; durable when this returns.

        Raises UnavailableError where they could not be stored, LimitExceededError where the
        queue is full.
        """
        if self._closing:
            raise UnavailableError("the server is shutting down", remedy="retry on another server")
        if len(self._queue) >= MAX_QUEUED:
            raise LimitExceededError(
                f"{MAX_QUEUED} records wait to be stored; retry in a few seconds"
            )
        submission = _Submission(events, asyncio.get_running_loop().create_future())
        self._queue.append(submission)
        self._wake.set()
        return await submission.done

    async def run(self) -> None:
        """Commit batches until closed and drained; the task that owns the writer runs this."""
        while self._queue or not self._closing:
            if not self._queue:
                self._wake.clear()
                await self._wake.wait()
                continue
            batch, self._queue = self._queue[:MAX_BATCH], self._queue[MAX_BATCH:]
            await self._commit(batch)

    def close(self) -> None:
        """Let `run` return once everything submitted is stored."""
        self._closing = True
        self._wake.set()

    async def _commit(self, batch: list[_Submission]) -> None:
        try:
            patient = [s for s in batch if s.busy_rounds >= BUSY_ROUNDS]
            if patient:
                # Waiting for a busy stream is safe as long as it is the only one in the batch.
                self._queue[:0] = [s for s in batch if s is not patient[0]]
                await self._store_alone(patient[0])
            else:
                await self._store_together(batch)
        except Exception as error:
            await self._fail_or_split(batch, error)

    async def _store_alone(self, submission: _Submission) -> None:
        try:
            async with self._database.connection() as connection, connection.transaction():
                stored = await self._store.append(connection, submission.events)
        except Exception as error:
            _settle_error(submission, error)
        else:
            _settle(submission, stored)

    async def _store_together(self, batch: list[_Submission]) -> None:
        events = [event for submission in batch for event in submission.events]
        async with self._database.connection() as connection, connection.transaction():
            stored, busy = await self._store.append_free(connection, events)
        remaining = iter(stored)
        waiting = []
        for submission in batch:
            if submission.events[0].stream in busy:
                submission.busy_rounds += 1
                waiting.append(submission)
            else:
                _settle(submission, [next(remaining) for _ in submission.events])
        self._queue[:0] = waiting
        if waiting and len(waiting) == len(batch):
            await asyncio.sleep(0.002)

    async def _fail_or_split(self, batch: list[_Submission], error: Exception) -> None:
        """One bad submission must not fail its neighbours: store each on its own."""
        unsettled = [s for s in batch if not s.done.done() and s not in self._queue]
        if isinstance(error, UnavailableError) or len(unsettled) == 1:
            for submission in unsettled:
                _settle_error(submission, error)
            return
        _log.warning("event_batch_split", size=len(unsettled), error=type(error).__name__)
        for submission in unsettled:
            await self._store_alone(submission)


def _settle(submission: _Submission, stored: list[Event]) -> None:
    if not submission.done.done():
        submission.done.set_result(stored)


def _settle_error(submission: _Submission, error: Exception) -> None:
    if submission.done.done():
        return
    if not isinstance(error, AgentOSError):
        _log.error("event_not_stored", error=type(error).__name__, exc_info=error)
        error = UnavailableError(
            "the record of the call could not be stored", remedy="retry in a few seconds"
        )
    submission.done.set_exception(error)
