"""One unit of work: a call's rows, events, outcome and idempotency record, committed together.

Above: tool bodies (`call.begin()`), the pipeline that commits. Below: the pool, the event store.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import asyncpg

from agentos.database.pool import CONNECTION_LOST, Connection, Database, reporting_loss
from agentos.errors import UnavailableError
from agentos.events.model import Event, NewEvent, Row

if TYPE_CHECKING:
    from agentos.events.store import EventStore


class Transaction:
    """Statements and events that become durable together, or not at all."""

    def __init__(self, database: Database, store: EventStore) -> None:
        self._store = store
        self._context = database.connection()
        self._connection: Connection | None = None
        self._transaction: Any = None
        self._ends: dict[str, Event] = {}

    async def open(self) -> None:
        """Take a connection and begin."""
        self._connection = await self._context.__aenter__()
        try:
            self._transaction = self._connection.transaction()
            await self._transaction.start()
        except BaseException as error:
            await self._leave(error)
            raise

    @property
    def connection(self) -> Connection:
        """The connection, for what `fetch` and `execute` do not cover (COPY, cursors)."""
        assert self._connection is not None, "the transaction is not open"
        return self._connection

    async def fetch(self, sql: str, *args: Any) -> list[asyncpg.Record]:
        """All rows of a statement."""
        with reporting_loss():
            return await self.connection.fetch(sql, *args)

    async def fetch_row(self, sql: str, *args: Any) -> asyncpg.Record | None:
        """The first row of a statement, or None."""
        with reporting_loss():
            return await self.connection.fetchrow(sql, *args)

    async def fetch_value(self, sql: str, *args: Any) -> Any:
        """The first column of the first row, or None."""
        with reporting_loss():
            return await self.connection.fetchval(sql, *args)

    async def execute(self, sql: str, *args: Any) -> str:
        """Run a statement; the command tag, such as `UPDATE 1`."""
        with reporting_loss():
            return await self.connection.execute(sql, *args)

    async def append(self, *events: NewEvent) -> list[Event]:
        """Append events and run their projections now; the streams stay locked until the end."""
        with reporting_loss():
            stored = await self._store.append(self.connection, events)
        self._ends.update((event.stream, event) for event in stored)
        return stored

    async def commit(self) -> None:
        """Make everything durable; UnavailableError where the outcome is unknown."""
        try:
            with reporting_loss("while committing"):
                await self._transaction.commit()
        except BaseException as error:
            await self._leave(error)
            raise
        if self._ends:
            self._store.acknowledged(list(self._ends.values()))
        await self._leave(None)

    async def rollback(self) -> None:
        """Undo everything; never raises for a connection that is already gone."""
        connection = self._connection
        if connection is None:
            return
        try:
            if not connection.is_closed():
                await self._transaction.rollback()
        except (*CONNECTION_LOST, asyncpg.PostgresError):
            # The pool may have taken a lost connection back already.
            with suppress(*CONNECTION_LOST):
                connection.terminate()
        finally:
            await self._leave(None)

    async def _leave(self, error: BaseException | None) -> None:
        self._connection = None
        try:
            await self._context.__aexit__(type(error) if error else None, error, None)
        except UnavailableError:
            return
        except BaseException as raised:
            if raised is not error:
                raise


class StatementWriter:
    """A ProjectionWriter over one connection, whose schema names may be redirected.

    A rebuild replays projections into `<schema>_rebuild` without touching the live tables.
    """

    def __init__(self, connection: Connection, redirect: Mapping[str, str] | None = None) -> None:
        self._connection = connection
        self._redirect = dict(redirect or {})

    async def execute(self, sql: str, *args: Any) -> str:
        return await self._connection.execute(self._rewritten(sql), *args)

    async def fetch_row(self, sql: str, *args: Any) -> Row | None:
        return await self._connection.fetchrow(self._rewritten(sql), *args)

    async def fetch(self, sql: str, *args: Any) -> Sequence[Row]:
        return await self._connection.fetch(self._rewritten(sql), *args)

    def _rewritten(self, sql: str) -> str:
        for schema, target in self._redirect.items():
            sql = re.sub(rf"\b{schema}\.", f"{target}.", sql)
        return sql
