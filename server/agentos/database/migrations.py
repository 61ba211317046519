"""Forward migrations, one schema per plugin, under one advisory lock.

A migration is `migrations/NNNN_verb_object.sql` of a package. Its digest is stored; one that was
applied and has changed since stops the start, because two databases would silently differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

import asyncpg

from agentos.canonical import sha256_hex
from agentos.database.pool import Connection, Database
from agentos.database.queries import Queries
from agentos.errors import ConfigurationError

_FILE = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")
_SCHEMA = re.compile(r"^[a-z][a-z0-9_]{0,40}$")

_sql = Queries("agentos", "sql/migrations.sql")


@dataclass(frozen=True, slots=True)
class MigrationSet:
    """The migrations of one schema; `package` holds a folder `migrations`."""

    schema: str
    package: str


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of a set."""

    schema: str
    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Digest of the text, stored when it is applied."""
        return sha256_hex(self.sql.encode())


KERNEL = MigrationSet("kernel", "agentos")


def load_migrations(migration_set: MigrationSet) -> list[Migration]:
    """The files of a set in order; ConfigurationError for a gap, a duplicate or a bad name."""
    if not _SCHEMA.match(migration_set.schema):
        raise ConfigurationError(f"invalid schema name {migration_set.schema!r}")
    folder = files(migration_set.package).joinpath("migrations")
    found = [
        _load(migration_set.schema, entry)
        for entry in (folder.iterdir() if folder.is_dir() else ())
        if entry.name.endswith(".sql")
    ]
    if not found:
        raise ConfigurationError(f"{migration_set.package} has no migrations/NNNN_*.sql")
    found.sort(key=lambda migration: migration.version)
    if [m.version for m in found] != list(range(1, len(found) + 1)):
        raise ConfigurationError(
            f"migrations of {migration_set.schema} are not numbered 1 to {len(found)}"
        )
    return found


def _load(schema: str, entry: Traversable) -> Migration:
    match = _FILE.match(entry.name)
    if match is None:
        raise ConfigurationError(
            f"migration {schema}/{entry.name}: the name must be NNNN_verb_object.sql"
        )
    return Migration(schema, int(match[1]), entry.name, entry.read_text("utf-8"))


async def migrate(database: Database, sets: Sequence[MigrationSet]) -> list[str]:
    """Bring every schema up to date; the names of what was applied. Safe from many processes."""
    applied: list[str] = []
    async with database.connection() as connection, connection.transaction():
        await connection.execute(_sql.lock_migrations)
        with _said_in_one_line("the extension pgvector and the schema kernel"):
            await connection.execute(_sql.create_bookkeeping)
        for migration_set in (KERNEL, *sets):
            applied += await _migrate_schema(connection, migration_set)
    return applied


async def pending_migrations(database: Database, sets: Sequence[MigrationSet]) -> list[str]:
    """Names of migrations that are not applied yet; what `/readyz` looks at."""
    done = {(row["schema"], row["version"]) for row in await database.fetch(_sql.list_all_applied)}
    return [
        f"{m.schema}/{m.name}"
        for migration_set in (KERNEL, *sets)
        for m in load_migrations(migration_set)
        if (m.schema, m.version) not in done
    ]


async def _migrate_schema(connection: Connection, migration_set: MigrationSet) -> list[str]:
    done = {
        row["version"]: row["sha256"]
        for row in await connection.fetch(_sql.list_applied, migration_set.schema)
    }
    if not done:
        # The name was checked against _SCHEMA; identifiers cannot be parameters.
        await connection.execute(f"create schema if not exists {migration_set.schema}")
    applied = []
    for migration in load_migrations(migration_set):
        if migration.version not in done:
            with _said_in_one_line(f"migration {migration.schema}/{migration.name}"):
                await connection.execute(migration.sql)
            await connection.execute(
                _sql.record_migration,
                migration.schema,
                migration.version,
                migration.name,
                migration.sha256,
            )
            applied.append(f"{migration.schema}/{migration.name}")
        elif done[migration.version] != migration.sha256:
            raise ConfigurationError(
                f"migration {migration.schema}/{migration.name} was changed after it was applied; "
                "restore the file and add a new migration instead"
            )
    return applied


@contextmanager
def _said_in_one_line(what: str) -> Iterator[None]:
    try:
        yield
    except asyncpg.PostgresError as error:
        raise ConfigurationError(f"{what}: PostgreSQL refused: {error}") from error
