"""Appending events inside a transaction: heads locked, hashes chained, projections run.

Above: units of work and the group-commit writer. Below: SQL of `sql/queries.sql`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import asyncpg

from agentos.database.pool import Connection, Database
from agentos.database.queries import Queries
from agentos.database.transaction import StatementWriter
from agentos.errors import ConflictError, InvalidArgumentError, PluginError, UnavailableError
from agentos.events.chain import data_text, hash_text, text_around
from agentos.events.model import Event, EventType, NewEvent, Row
from agentos.redaction import redact, redact_object

_sql = Queries("agentos")

MAX_ALONE = 2


class OutcomeUnknownError(UnavailableError):
    """The database was lost while it committed, and has not come back to say whether it did."""


class EventStore:
    """Knows every declared event type and appends events of these only."""

    def __init__(self, event_types: Iterable[EventType]) -> None:
        self.acknowledged: Callable[[Sequence[Event]], None] = _not_noted
        """Called with events that are durable, before anybody learns that they are."""
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

    def stand_alone(self, events: Sequence[NewEvent]) -> bool:
        """Whether `append_alone` may append them: the one or two records of a call.

        Nothing follows from them, and a call leaves one event of a type, so that they are found by
        it if their commit is not confirmed.
        """
        return len(events) <= MAX_ALONE and all(map(self._stands_alone, events))

    def _stands_alone(self, event: NewEvent) -> bool:
        declared = self._types.get(event.type)
        return (
            declared is not None
            and declared.project is None
            and event.expected_seq is None
            and type(event.data.get("call")) is str
        )

    async def append_alone(self, connection: Connection, events: Sequence[NewEvent]) -> list[Event]:
        """Append events of one stream in a transaction of their own; none where it is busy."""
        first, *others = events
        data, arguments = _to_append(first)
        if not others:
            row = await connection.fetchrow(_sql.append_event, first.stream, *arguments)
            return [] if row is None else [_event_at(row, first, data)]
        (second,) = others
        second_data, second_arguments = _to_append(second)
        rows = await connection.fetch(
            _sql.append_two_events, first.stream, *arguments, *second_arguments
        )
        wanted = ((first, data), (second, second_data))
        return [_event_at(row, new, said) for row, (new, said) in zip(rows, wanted, strict=False)]

    async def find_alone(self, connection: Connection, events: Sequence[NewEvent]) -> list[Event]:
        """What `append_alone` stored of the events, once whoever stored them has ended."""
        await _wait_for(connection, events[0].stream)
        found = []
        for new in events:
            row = await connection.fetchrow(
                _sql.find_event_of_call, new.data["call"], new.type, new.stream
            )
            if row is not None:
                found.append(_event_at(row, new, _recorded(dict(new.data))[0]))
        return found

    async def _append(
        self, connection: Connection, events: Sequence[NewEvent], *, wait: bool
    ) -> tuple[list[Event], set[str]]:
        for event in events:
            if event.type not in self._types:
                raise PluginError(f"event type {event.type!r} is not declared by any plugin")
        counts = Counter(event.stream for event in events)
        rows = await connection.fetch(_sql.begin_append, list(counts), list(counts.values()), wait)
        heads = {row["stream"]: _Head(row) for row in rows}
        chained = [heads[e.stream].chain(e) for e in events if e.stream in heads]
        stored = [event for event, _ in chained]
        if stored:
            await self._insert(connection, stored, [text for _, text in chained], heads)
        return stored, set(counts) - set(heads)

    async def _insert(
        self,
        connection: Connection,
        stored: Sequence[Event],
        texts: Sequence[bytes],
        heads: Mapping[str, _Head],
    ) -> None:
        await connection.execute(
            _sql.insert_events,
            [e.position for e in stored],
            [e.stream for e in stored],
            [e.seq for e in stored],
            [e.type for e in stored],
            [e.actor for e in stored],
            [e.at for e in stored],
            [text.decode() for text in texts],
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


def _to_append(new: NewEvent) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """What the event says without secrets, and what `append_event` takes beside its stream."""
    data, text = _recorded(dict(new.data))
    before, after = text_around(new.stream, new.type, new.actor, new.at, text)
    return data, (new.type, new.actor, new.at, text.decode(), before.decode(), after.decode())


def _not_noted(events: Sequence[Event]) -> None:
    """A store of which nobody signs the heads."""


class _Head:
    """The tip of one stream while events are chained onto it."""

    def __init__(self, row: asyncpg.Record) -> None:
        self.seq: int = row["seq"]
        self.hash: str = row["hash"]
        self._positions = iter(row["positions"])

    def chain(self, new: NewEvent) -> tuple[Event, bytes]:
        """The event after the head, and its data as they are hashed and stored."""
        if new.expected_seq is not None and new.expected_seq != self.seq:
            raise ConflictError(
                f"{new.stream} is at {self.seq}, not at {new.expected_seq}: somebody else wrote "
                "to it; read it again and repeat the call"
            )
        event, text = chain_event(new, next(self._positions), self.seq + 1, self.hash)
        self.seq, self.hash = event.seq, event.hash
        return event, text


def chain_event(new: NewEvent, position: int, seq: int, prev_hash: str) -> tuple[Event, bytes]:
    """The event without secrets, hashed onto the one before; and its data as they are stored."""
    data, text = _recorded(dict(new.data))
    hash = hash_text(position, new.stream, seq, new.type, new.actor, new.at, text, prev_hash)
    event = Event(position, new.stream, seq, new.type, new.actor, new.at, data, prev_hash, hash)
    return event, text


def _recorded(data: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """What an event says, without secrets, and its canonical text."""
    try:
        return redact_object(data)
    except InvalidArgumentError:
        redacted: dict[str, Any] = redact(data)
        return redacted, data_text(redacted)


def _event_at(row: Row, new: NewEvent, data: dict[str, Any]) -> Event:
    """The event as it is stored at a place in its stream."""
    return Event(
        row["position"],
        new.stream,
        row["seq"],
        new.type,
        new.actor,
        new.at,
        data,
        row["prev_hash"],
        row["hash"],
    )


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
            await _wait_for(connection, event.stream)
            found: str | None = await connection.fetchval(_sql.find_hash, event.position)
    except UnavailableError as error:
        raise OutcomeUnknownError(error.message, remedy=error.remedy) from error
    return found == event.hash


async def _wait_for(connection: Connection, stream: str) -> None:
    """Until whoever was writing to a stream has ended; a new one has no row yet to wait for."""
    await connection.execute(_sql.wait_for_new_stream, stream)
    await connection.execute(_sql.wait_for_stream, stream)
