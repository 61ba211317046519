"""What an event is, what may be appended, and what is kept from events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeAlias

GENESIS_HASH = "0" * 64


# Not frozen: setting the fields of a frozen one costs three times as much, for each event.
@dataclass(slots=True)
class NewEvent:
    """An event to append. `expected_seq` is the stream's last sequence number the writer saw.

    A stream that moved on since raises ConflictError; None appends wherever the stream is.
    """

    stream: str
    type: str
    actor: str
    at: datetime
    data: Mapping[str, Any]
    expected_seq: int | None = None


@dataclass(slots=True)
class Event:
    """A stored event. `hash` covers every other field, `prev_hash` the stream's event before."""

    position: int
    stream: str
    seq: int
    type: str
    actor: str
    at: datetime
    data: Mapping[str, Any]
    prev_hash: str
    hash: str


class Row(Protocol):
    """A database row, read by column name."""

    def __getitem__(self, column: str, /) -> Any: ...


class ProjectionWriter(Protocol):
    """The database as a projection sees it: statements over the read models' tables."""

    async def execute(self, sql: str, *args: Any) -> str:
        """Run a statement; the command tag, such as `UPDATE 1`."""
        ...

    async def fetch_row(self, sql: str, *args: Any) -> Row | None:
        """The first row of a statement, or None."""
        ...

    async def fetch(self, sql: str, *args: Any) -> Sequence[Row]:
        """All rows of a statement."""
        ...


Projection: TypeAlias = Callable[[ProjectionWriter, Event], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class EventType:
    """A declared kind of event. `project` keeps read models; it may use the event and them only."""

    name: str
    description: str
    project: Projection | None = None


@dataclass(frozen=True, slots=True)
class ReadModel:
    """Tables of `schema` that projections alone write; compared after a rebuild from events."""

    schema: str
    tables: tuple[str, ...]
    invariants: Mapping[str, str] = field(default_factory=dict)
    """Statements by name that answer the rows which contradict the read models; none should."""
