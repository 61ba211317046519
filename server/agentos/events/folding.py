"""Folds chosen events from nothing into empty read models, and compares with the live tables.

Above: `agentos replay`. Below: scratch tables as a rebuild has them, in a transaction that is
rolled back: nothing is changed, and events and tables are of one moment.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from agentos.database.pool import Connection, Database
from agentos.database.queries import Queries
from agentos.database.transaction import StatementWriter
from agentos.events.exporting.export import Selection, chosen_by
from agentos.events.model import Event, ReadModel
from agentos.events.rebuild import create_scratch_tables
from agentos.events.store import EventStore, event_from_row

PREFETCH = 500

_sql = Queries("agentos", "sql/folding.sql")
_export = Queries("agentos", "sql/export.sql")


class EventFold:
    """Empty copies of the read models' tables, and the events to fill them with."""

    def __init__(
        self, connection: Connection, store: EventStore, read_models: Sequence[ReadModel]
    ) -> None:
        self._connection = connection
        self._store = store
        self._read_models = read_models
        schemas = {model.schema: f"{model.schema}_rebuild" for model in read_models}
        self._writer = StatementWriter(connection, schemas)

    async def events(self, selection: Selection) -> AsyncIterator[Event]:
        """The selected events in the order of the log."""
        chosen = chosen_by(selection)
        async for row in self._connection.cursor(_export.export_events, *chosen, prefetch=PREFETCH):
            yield event_from_row(row)

    async def apply(self, event: Event) -> bool:
        """Run the event's projection; whether it has one."""
        declared = self._store.types.get(event.type)
        if declared is None or declared.project is None:
            return False
        await declared.project(self._writer, event)
        return True

    async def tables_with(self, column: str) -> list[str]:
        """The read models' tables that have a column, as `schema.table`, sorted."""
        names = [f"{m.schema}.{table}" for m in self._read_models for table in m.tables]
        rows = await self._connection.fetch(_sql.tables_with_column, names, column)
        return [row["name"] for row in rows]

    async def rows(self, table: str, column: str, value: str, *, live: bool) -> list[str]:
        """The rows of `schema.table` where `column` is `value`, as JSON, sorted."""
        schema, _, name = table.partition(".")
        source = f"{schema}.{name}" if live else f"{schema}_rebuild.{name}"
        # Names come from the declarations of plugins, never from a caller.
        statement = _sql.rows_of.replace("read_model", source).replace("key_column", column)
        return [row["row"] for row in await self._connection.fetch(statement, value)]


@asynccontextmanager
async def fold_events(
    database: Database, store: EventStore, read_models: Sequence[ReadModel]
) -> AsyncIterator[EventFold]:
    """Room to fold events in; gone, with all that was folded, at the end."""
    async with database.connection() as connection:
        transaction = connection.transaction(isolation="repeatable_read")
        await transaction.start()
        try:
            await connection.execute(_sql.use_utc)
            await create_scratch_tables(connection, read_models)
            yield EventFold(connection, store, read_models)
        finally:
            await transaction.rollback()
