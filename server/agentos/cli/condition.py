"""Reaching the database in use, and saying what state it is in.

Above: `db` and `doctor`. Below: the embedded server, the pool, migrations.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from agentos.database.embedded import EmbeddedPostgres
from agentos.database.migrations import KERNEL as KERNEL_MIGRATIONS
from agentos.database.migrations import MigrationSet, load_migrations, pending_migrations
from agentos.database.pool import Database
from agentos.database.queries import Queries
from agentos.settings import Settings

_sql = Queries("agentos", "sql/condition.sql")


@dataclass(frozen=True, slots=True)
class Condition:
    """What is known of the database; without a running server only where it is."""

    kind: str
    """`embedded` or `own`."""
    running: bool
    url: str | None
    """Without its password."""
    folder: str | None
    server_version: str | None = None
    vector_version: str | None = None
    size_bytes: int | None = None
    events: int | None = None
    pending: tuple[str, ...] | None = None
    """Migrations that the next start applies."""

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "pending": None if self.pending is None else list(self.pending)}


def embedded_of(settings: Settings) -> EmbeddedPostgres:
    """The embedded server of the data folder."""
    return EmbeddedPostgres(settings.home / "postgres")


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[Database]:
    """The database in use, as it is; the embedded server is started where it does not run."""
    if settings.database_url is not None:
        async with opened(settings.database_url) as database:
            yield database
        return
    embedded = embedded_of(settings)
    dsn = await asyncio.to_thread(embedded.start)
    try:
        async with opened(dsn) as database:
            yield database
    finally:
        await asyncio.to_thread(embedded.stop)


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[Database]:
    """A small pool on a connection string; ConfigurationError where nobody answers."""
    database = Database(dsn, pool_size=2)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def describe_database(settings: Settings, sets: Sequence[MigrationSet]) -> Condition:
    """The state of the database in use; an embedded server that does not run stays so."""
    if settings.database_url is not None:
        async with opened(settings.database_url) as database:
            return await describe(database, sets, folder=None)
    embedded = embedded_of(settings)
    folder = str(embedded.cluster_dir or embedded.data_dir)
    if not embedded.is_running:
        return Condition("embedded", running=False, url=None, folder=folder)
    async with opened(embedded.dsn) as database:
        return await describe(database, sets, folder=folder)


async def describe(
    database: Database, sets: Sequence[MigrationSet], *, folder: str | None
) -> Condition:
    """The state of an open database."""
    row = await database.fetch_row(_sql.describe_server)
    assert row is not None
    has_log = await database.fetch_value(_sql.find_log) is not None
    return Condition(
        kind="own" if folder is None else "embedded",
        running=True,
        url=without_password(database.dsn),
        folder=folder,
        server_version=row["server_version"],
        vector_version=row["vector_version"],
        size_bytes=row["size_bytes"],
        events=await database.fetch_value(_sql.count_events) if has_log else 0,
        pending=tuple(await _pending(database, sets)),
    )


async def _pending(database: Database, sets: Sequence[MigrationSet]) -> list[str]:
    try:
        return await pending_migrations(database, sets)
    except asyncpg.UndefinedTableError:
        return [
            f"{migration.schema}/{migration.name}"
            for migration_set in (KERNEL_MIGRATIONS, *sets)
            for migration in load_migrations(migration_set)
        ]


def without_password(url: str) -> str:
    """A connection string that may be shown."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    user_and_password, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user_and_password.partition(':')[0]}@{host}"))
