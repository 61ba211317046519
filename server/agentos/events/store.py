"""Appending events inside a transaction: heads locked, hashes chained, projections run.

Above: units of work and the group-commit writer. Below: SQL of `sql/queries.sql`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import asyncpg
import orjson

from agentos.database.pool import Connection, Database
from agentos.database.queries import Queries
from agentos.database.transaction import StatementWriter
from agentos.errors import ConflictError, PluginError, UnavailableError
from agentos.events.chain import hash_event
from agentos.events.model import Event, EventType, NewEvent, Row
from agentos.redaction import redact

_sql = Queries("agentos")


class OutcomeUnknownError(UnavailableError):
    """The database was lost while it committed, and has not come back to say whether it did."""


class EventStore:
    """Knows every declared event type and appends events of these only."""

    def __init__(self, event_types: Iterable[EventType]) -> None:
        self._types: dict[str, EventType] = {}
        for event_type in event_types:
            if event_type.name in self._types:
                raise PluginError(f"event type {event_type.name!r} is declared twice")
            self._types[event_type.name] = event_type

    @property
    def types(self) -> Mapping[str, EventType]:
        """The declared types by name."""
        return self._types

    async def append(self, connection: Connection, events: Sequence[NewEvent]) -> list[Event]:
        """Append in the connection's transaction, waiting for streams that others write.

        Raises ConflictError where a stream is not at its event's `expected_seq`.
        """
        stored, _ = await self._append(connection, events, wait=True)
        return stored

    async def append_free(
        self, connection: Connection, events: Sequence[NewEvent]
    ) -> tuple[list[Event], set[str]]:
        """Append what goes to streams nobody holds; also the busy streams that were left out.

        A batch that never waits while it holds heads cannot take part in a deadlock.
        """
        return await self._append(connection, events, wait=False)

    async def _append(
        self, connection: Connection, events: Sequence[NewEvent], *, wait: bool
    ) -> tuple[list[Event], set[str]]:
        for event in events:
            if event.type not in self._types:
                raise PluginError(f"event type {event.type!r} is not declared by any plugin")
        counts = Counter(event.stream for event in events)
        rows = await connection.fetch(_sql.begin_append, list(counts), list(counts.values()), wait)
        heads = {row["stream"]: _Head(row) for row in rows}
        stored = [heads[e.stream].chain(e) for e in events if e.stream in heads]
        if stored:
            await self._insert(connection, stored, heads)
        return stored, set(counts) - set(heads)

    async def _insert(
        self, connection: Connection, stored: Sequence[Event], heads: Mapping[str, _Head]
    ) -> None:
        await connection.execute(
            _sql.insert_events,
            [e.position for e in stored],
            [e.stream for e in stored],
            [e.seq for e in stored],
            [e.type for e in stored],
            [e.actor for e in stored],
            [e.at for e in stored],
            [orjson.dumps(e.data).decode() for e in stored],
            [e.prev_hash for e in stored],
            [e.hash for e in stored],
        )
        await connection.execute(
            _sql.advance_heads,
            list(heads),
            [head.seq for head in heads.values()],
            [head.hash for head in heads.values()],
        )
        writer = StatementWriter(connection)
        for event in stored:
            project = self._types[event.type].project
            if project is not None:
                await project(writer, event)


class _Head:
    """The tip of one stream while events are chained onto it."""

    def __init__(self, row: asyncpg.Record) -> None:
        self.seq: int = row["seq"]
        self.hash: str = row["hash"]
        self._positions = iter(row["positions"])

    def chain(self, new: NewEvent) -> Event:
        if new.expected_seq is not None and new.expected_seq != self.seq:
            raise ConflictError(
                f"{new.stream} is at {self.seq}, not at {new.expected_seq}: somebody else wrote "
                "to it; read it again and repeat the call"
            )
        data: dict[str, Any] = redact(dict(new.data))
        position = next(self._positions)
        seq, prev_hash = self.seq + 1, self.hash
        hash = hash_event(position, new.stream, seq, new.type, new.actor, new.at, data, prev_hash)
        self.seq, self.hash = seq, hash
        return Event(position, new.stream, seq, new.type, new.actor, new.at, data, prev_hash, hash)


def event_from_row(row: Row) -> Event:
    """The event that a row of `kernel.event` says."""
    return Event(
        row["position"],
        row["stream"],
        row["seq"],
        row["type"],
        row["actor"],
        row["at"],
        row["data"],
        row["prev_hash"],
        row["hash"],
    )


async def was_stored(database: Database, event: Event) -> bool:
    """Whether an append whose commit was not confirmed took place; waits for it to end.

    Raises OutcomeUnknownError where the database does not come back in time.
    """
    try:
        async with database.connection() as connection, connection.transaction():
            await connection.execute(_sql.wait_for_stream, event.stream)
            found: str | None = await connection.fetchval(_sql.find_hash, event.position)
    except UnavailableError as error:
        raise OutcomeUnknownError(error.message, remedy=error.remedy) from error
    return found == event.hash
