"""The kernel level: events folded from nothing give the state that the tables have, or they differ.

Above: the command line. Below: the kernel's fold. The state of a work order is every row of
governance's read models that belongs to it; its hash is over these rows as canonical JSON.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from agentos import (
    Event,
    EventFold,
    Kernel,
    LimitExceededError,
    NotFoundError,
    Selection,
    digest_of,
    fold_events,
)
from agentos_governance.replay.recording import until_step

SCHEMA = "governance"
ORDERS = "governance.work_order"
MAX_EVENTS = 200_000
MAX_STEPS = 2_000


@dataclass(frozen=True, slots=True)
class State:
    """The rows of a work order by table."""

    tables: dict[str, list[str]]

    @property
    def sha256(self) -> str:
        """The state's hash."""
        return digest_of(self.tables)

    @property
    def order(self) -> dict[str, Any]:
        """The work order's own row; empty before it exists."""
        rows = self.tables.get(ORDERS, [])
        return dict(orjson.loads(rows[0])) if rows else {}

    def counts(self) -> dict[str, int]:
        """How many rows each table has, tables without any left out."""
        return {table: len(rows) for table, rows in self.tables.items() if rows}

    def differences(self, other: State) -> list[str]:
        """The tables in which two states differ."""
        names = self.tables.keys() | other.tables.keys()
        return sorted(n for n in names if self.tables.get(n) != other.tables.get(n))


class OrderFold:
    """One work order's events, folded one after the other."""

    def __init__(self, fold: EventFold, work_order: str, events: list[Event]) -> None:
        self._fold = fold
        self._work_order = work_order
        self.events = events
        self._columns: dict[str, str] = {}

    async def apply(self, event: Event) -> bool:
        """Fold one event; whether it can change the state."""
        return await self._fold.apply(event)

    async def apply_all(self, events: Sequence[Event]) -> None:
        """Fold events in their order."""
        for event in events:
            await self._fold.apply(event)

    async def folded(self) -> State:
        """The state that the events so far give."""
        return await self._state(live=False)

    async def live(self) -> State:
        """The state that the tables have now."""
        return await self._state(live=True)

    async def _state(self, *, live: bool) -> State:
        if not self._columns:
            self._columns = dict.fromkeys(await self._fold.tables_with("work_order"), "work_order")
            self._columns[ORDERS] = "id"
        return State(
            {
                table: await self._fold.rows(table, column, self._work_order, live=live)
                for table, column in sorted(self._columns.items())
            }
        )


@asynccontextmanager
async def open_fold(
    kernel: Kernel, work_order: str, until: str | None = None
) -> AsyncIterator[OrderFold]:
    """The work order's events, all or up to a step, ready to be folded.

    NotFoundError for an unknown work order, LimitExceededError for more events than a replay takes.
    """
    models = [model for model in kernel.read_models if model.schema == SCHEMA]
    async with fold_events(kernel.database, kernel.events, models) as fold:
        events: list[Event] = []
        async for event in fold.events(Selection(work_order=work_order)):
            events.append(event)
            if len(events) > MAX_EVENTS:
                raise LimitExceededError(f"{work_order} has more than {MAX_EVENTS} events")
        if not any(event.type == "work_order.created" for event in events):
            raise NotFoundError(
                f"no work order has the id {work_order!r}",
                remedy="list_work_orders shows the ids",
            )
        if until is not None:
            events = until_step(events, work_order, until)
        yield OrderFold(fold, work_order, events)
