"""Recomputes the whole chain and names the first event that does not fit.

Above: log_verification, which adds the signed heads; `db restore`. Below: chain, frontier.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from agentos.database.pool import Connection, Database
from agentos.database.queries import Queries
from agentos.errors import InvalidArgumentError
from agentos.events.chain import hash_event
from agentos.events.frontier import Frontier
from agentos.events.head import Head
from agentos.events.model import GENESIS_HASH, Event
from agentos.events.store import event_from_row

_sql = Queries("agentos", "sql/verification.sql")


@dataclass(frozen=True, slots=True)
class BadEvent:
    """The first place where the log is not what was written."""

    position: int | None
    stream: str
    seq: int
    reason: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The outcome of a verification over `events` events."""

    ok: bool
    events: int
    first_bad: BadEvent | None = None


@dataclass(frozen=True, slots=True)
class HeadMismatch:
    """The first signed head that the log does not fit; what it added is where to look."""

    head: Head
    events: int
    """How many events the log has up to the head's position."""


async def verify_events(database: Database, stream: str | None = None) -> AuditReport:
    """Check every event, or those of one stream, against its hash, its chain and the heads.

    Finds: any changed field of any row, a missing row (also the last ones, by the stream's head),
    a row moved between streams, an event without a head and a head without events.
    """
    report, _ = await _verify(database, (), stream)
    return report


async def verify_against(
    database: Database, heads: Sequence[Head]
) -> tuple[AuditReport, HeadMismatch | None]:
    """The same of the whole log, and the first of the signed `heads` that it does not fit.

    One snapshot, one pass. A head is not looked at where the chain is broken before it.
    """
    return await _verify(database, heads, None)


async def _verify(
    database: Database, heads: Sequence[Head], stream: str | None
) -> tuple[AuditReport, HeadMismatch | None]:
    async with (
        database.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        checker = _Checker()
        fit = _Fit(heads)
        bad = await _check_events(connection, checker, fit, stream)
        if bad is None:
            rows = await connection.fetch(_sql.heads, stream)
            bad = checker.check_heads({row["stream"]: (row["seq"], row["hash"]) for row in rows})
            fit.end()
        return AuditReport(bad is None, checker.events, bad), fit.mismatch


async def _check_events(
    connection: Connection, checker: _Checker, fit: _Fit, stream: str | None
) -> BadEvent | None:
    async for row in connection.cursor(_sql.all_events_as_text, stream, prefetch=1000):
        event = event_from_row(row)
        bad = checker.check(event)
        if bad is not None:
            return bad
        fit.add(event)
    return None


class _Fit:
    """Grows the tree over the events and compares it with the heads on the way."""

    def __init__(self, heads: Sequence[Head]) -> None:
        self._heads = sorted(heads, key=lambda head: head.position, reverse=True)
        self._frontier = Frontier()
        self.mismatch: HeadMismatch | None = None

    def add(self, event: Event) -> None:
        while self._heads and event.position > self._heads[-1].position:
            self._compare(self._heads.pop())
        if self._heads:
            self._frontier.append(bytes.fromhex(event.hash))

    def end(self) -> None:
        while self._heads:
            self._compare(self._heads.pop())

    def _compare(self, head: Head) -> None:
        frontier = self._frontier
        if (frontier.size, frontier.root) != (head.events, head.root):
            self.mismatch = HeadMismatch(head, frontier.size)
            self._heads.clear()


class _Checker:
    def __init__(self) -> None:
        self.events = 0
        self._tips: dict[str, tuple[int, str]] = {}

    def check(self, event: Event) -> BadEvent | None:
        seq, tip = self._tips.get(event.stream, (0, GENESIS_HASH))
        if _recomputed(event) != event.hash:
            return BadEvent(
                event.position, event.stream, event.seq, "a field was changed: the hash differs"
            )
        if event.seq != seq + 1:
            return BadEvent(
                event.position, event.stream, seq + 1, f"event {seq + 1} of the stream is missing"
            )
        if event.prev_hash != tip:
            return BadEvent(
                event.position, event.stream, event.seq, "does not follow the event before it"
            )
        self._tips[event.stream] = (event.seq, event.hash)
        self.events += 1
        return None

    def check_heads(self, heads: dict[str, tuple[int, str]]) -> BadEvent | None:
        for stream in sorted(set(heads) | set(self._tips)):
            head, tip = heads.get(stream), self._tips.get(stream, (0, GENESIS_HASH))
            if head is None:
                return BadEvent(None, stream, tip[0], "the stream's head is missing")
            if head[0] > tip[0]:
                return BadEvent(None, stream, tip[0] + 1, "the last events are missing")
            if head != tip:
                return BadEvent(None, stream, tip[0], "the stream's head does not fit its events")
        return None


def _exact_float(text: str) -> float:
    """The double that a number stands for; ValueError for digits that no double has.

    PostgreSQL keeps every digit, so a number may be changed by less than a double can tell.
    """
    value = float(text)
    if Decimal(text) != Decimal(repr(value)):
        raise ValueError(f"{text[:40]} is no double")
    return value


def _recomputed(event: Event) -> str | None:
    """The hash that the fields give; None for fields that no event can have."""
    data: Any = event.data
    try:
        return hash_event(
            event.position,
            event.stream,
            event.seq,
            event.type,
            event.actor,
            event.at,
            json.loads(data, parse_float=_exact_float),
            event.prev_hash,
        )
    except (InvalidArgumentError, TypeError, ValueError, AttributeError):
        return None
