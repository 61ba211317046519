"""Recomputes read models from the events and compares them with the live tables.

The replay writes into a scratch schema `<schema>_rebuild` inside one transaction that is rolled
back after the comparison, so the live tables are neither locked nor touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from agentos.database.pool import Connection, Database
from agentos.database.queries import Queries
from agentos.database.transaction import StatementWriter
from agentos.errors import ConfigurationError
from agentos.events.model import ReadModel
from agentos.events.store import EventStore, event_from_row

_sql = Queries("agentos", "sql/rebuild.sql")
_events = Queries("agentos", "sql/verification.sql")


@dataclass(frozen=True, slots=True)
class TableDifference:
    """Rows that only one side has; equal tables have none."""

    table: str
    only_live: int
    only_rebuilt: int


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """What a replay of `events` events says about each table."""

    events: int
    tables: int
    differences: tuple[TableDifference, ...]

    @property
    def ok(self) -> bool:
        """Whether every read model equals its rebuild."""
        return not self.differences


async def check_read_models(
    database: Database, store: EventStore, read_models: Sequence[ReadModel]
) -> RebuildReport:
    """Replay all events and compare; nothing is changed."""
    return await _replay(database, store, read_models, replace=False)


async def rebuild_read_models(
    database: Database, store: EventStore, read_models: Sequence[ReadModel]
) -> RebuildReport:
    """Replay all events and put the result in place of the live tables; reports what differed."""
    return await _replay(database, store, read_models, replace=True)


async def _replay(
    database: Database, store: EventStore, read_models: Sequence[ReadModel], *, replace: bool
) -> RebuildReport:
    async with database.connection() as connection:
        transaction = connection.transaction(isolation="repeatable_read")
        await transaction.start()
        try:
            if replace:
                await _lock_tables(connection, read_models)
            await create_scratch_tables(connection, read_models)
            n_events = await _project(connection, store, read_models)
            differences = await _compare(connection, read_models)
            if replace:
                # Tables that are no read models may refer to those that are emptied and refilled.
                await connection.execute(_sql.defer_constraints)
                for model in read_models:
                    await _replace_tables(connection, model)
                for schema in _schemas(read_models):
                    await connection.execute(f"drop schema {schema}_rebuild cascade")
            differences += await _check_invariants(connection, read_models)
        except BaseException:
            await transaction.rollback()
            raise
        if replace:
            await transaction.commit()
        else:
            await transaction.rollback()
    n_tables = sum(len(model.tables) for model in read_models)
    return RebuildReport(n_events, n_tables, tuple(differences))


async def _lock_tables(connection: Connection, read_models: Sequence[ReadModel]) -> None:
    # Before the transaction's snapshot: what a writer projects until then is in it.
    for model in read_models:
        for table in model.tables:
            live = f"{model.schema}.{table}"
            try:
                await connection.execute(f"lock table {live} in share row exclusive mode")
            except asyncpg.UndefinedTableError:
                raise ConfigurationError(f"read model {live} does not exist") from None


def _schemas(read_models: Sequence[ReadModel]) -> list[str]:
    """The schemas of the read models, each once; a plugin may declare several models in its own."""
    return list(dict.fromkeys(model.schema for model in read_models))


async def create_scratch_tables(connection: Connection, read_models: Sequence[ReadModel]) -> None:
    """Empty copies of the read models' tables, in `<schema>_rebuild`."""
    for schema in _schemas(read_models):
        await connection.execute(f"create schema {schema}_rebuild")
    for model in read_models:
        await _create_scratch(connection, model)


async def _create_scratch(connection: Connection, model: ReadModel) -> None:
    for table in model.tables:
        live, scratch = f"{model.schema}.{table}", f"{model.schema}_rebuild.{table}"
        if await connection.fetchval("select to_regclass($1)", live) is None:
            raise ConfigurationError(f"read model {live} does not exist")
        await connection.execute(f"create table {scratch} (like {live} including all)")


async def _project(
    connection: Connection, store: EventStore, read_models: Sequence[ReadModel]
) -> int:
    writer = StatementWriter(
        connection, {model.schema: f"{model.schema}_rebuild" for model in read_models}
    )
    n_events = 0
    async for row in connection.cursor(_events.all_events, None, prefetch=1000):
        event = event_from_row(row)
        n_events += 1
        declared = store.types.get(event.type)
        if declared is not None and declared.project is not None:
            await declared.project(writer, event)
    return n_events


async def _compare(
    connection: Connection, read_models: Sequence[ReadModel]
) -> list[TableDifference]:
    differences = []
    for model in read_models:
        for table in model.tables:
            live, scratch = f"{model.schema}.{table}", f"{model.schema}_rebuild.{table}"
            row = await connection.fetchrow(
                _sql.compare_tables.replace("live_table", live).replace("rebuilt_table", scratch)
            )
            assert row is not None
            if row["only_live"] or row["only_rebuilt"]:
                differences.append(TableDifference(live, row["only_live"], row["only_rebuilt"]))
    return differences


async def _check_invariants(
    connection: Connection, read_models: Sequence[ReadModel]
) -> list[TableDifference]:
    """What the tables beside the read models contradict in them, as they are now."""
    differences = []
    for model in read_models:
        for name, statement in model.invariants.items():
            rows = await connection.fetch(statement)
            if rows:
                differences.append(TableDifference(f"{model.schema}: {name}", len(rows), 0))
    return differences


async def _replace_tables(connection: Connection, model: ReadModel) -> None:
    for table in reversed(model.tables):
        await connection.execute(f"delete from {model.schema}.{table}")
    for table in model.tables:
        live, scratch = f"{model.schema}.{table}", f"{model.schema}_rebuild.{table}"
        await connection.execute(
            _sql.copy_table.replace("live_table", live).replace("rebuilt_table", scratch)
        )
