"""One embedded PostgreSQL for a test session, and a fresh, migrated database for each test.

A database is a copy of a template that was migrated once, so a test pays for the copy alone: of the
files, since a copy through the log takes several times as long. The cluster does not sync to disk: it
does not outlive the session.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from agentos.canonical import sha256_hex
from agentos.database.embedded import EmbeddedPostgres
from agentos.database.migrations import KERNEL, MigrationSet, load_migrations, migrate
from agentos.database.pool import Database

FORGETFUL: Mapping[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
}
"""Settings of a cluster that is thrown away: a commit waits for no disk."""


class TestDatabases:
    """Databases on one server, which the caller keeps running."""

    __test__ = False

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._numbers = count(1)
        self._templates: set[str] = set()

    async def create(self, sets: Sequence[MigrationSet]) -> str:
        """The URL of a new database in which every migration of `sets` is applied."""
        template = await self._template(sets)
        name = f"test_{next(self._numbers)}"
        await self._execute(f'create database "{name}" template "{template}" strategy file_copy')
        return self._url(name)

    async def create_empty(self) -> str:
        """The URL of a new database in which nothing was done yet."""
        name = f"test_{next(self._numbers)}"
        await self._execute(f'create database "{name}" strategy file_copy')
        return self._url(name)

    async def drop(self, url: str) -> None:
        """Remove a database, whoever is still connected."""
        name = urlsplit(url).path.removeprefix("/")
        await self._execute(f'drop database "{name}" with (force)')

    async def _template(self, sets: Sequence[MigrationSet]) -> str:
        migrations = [m for each in (KERNEL, *sets) for m in load_migrations(each)]
        digests = "".join(f"{m.schema}/{m.name}/{m.sha256}" for m in migrations)
        name = f"template_{sha256_hex(digests.encode())[:16]}"
        if name not in self._templates:
            await self._execute(f'create database "{name}" strategy file_copy')
            database = Database(self._url(name), pool_size=2)
            await database.open()
            try:
                await migrate(database, sets)
            finally:
                await database.close()
            self._templates.add(name)
        return name

    def _url(self, name: str) -> str:
        return self._dsn.replace("/agentos?", f"/{name}?")

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self._dsn)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@contextmanager
def running_databases() -> Iterator[TestDatabases]:
    """A server of its own for as long as the block lasts."""
    # Not below pytest's folder: that is private to this user, and PostgreSQL runs as another user
    # where tests run as root.
    home = Path(tempfile.mkdtemp(prefix="agentos-tests-"))
    home.chmod(0o755)
    server = EmbeddedPostgres(home / "postgres", settings=FORGETFUL)
    try:
        yield TestDatabases(server.start())
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)
