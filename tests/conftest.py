"""One embedded PostgreSQL for the whole run; a fresh database for every test that asks."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from agentos import Settings
from agentos.database.embedded import EmbeddedPostgres

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    # Not below pytest's own folder: it is private to this user, and PostgreSQL runs as another
    # user where the tests run as root.
    home = Path(tempfile.mkdtemp(prefix="agentos-tests-"))
    home.chmod(0o755)
    server = EmbeddedPostgres(home / "postgres", settings={"max_connections": "200"})
    server.start()
    yield server
    server.stop()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def database_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The URL of an empty database of its own."""
    name = f"test_{next(_numbers)}"
    asyncio.run(_execute(postgres.dsn, f'create database "{name}"'))
    yield postgres.dsn.replace("/agentos?", f"/{name}?")
    asyncio.run(_execute(postgres.dsn, f'drop database "{name}" with (force)'))


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings for a fresh database and a data folder of its own, with no plugins."""
    return Settings(home=tmp_path / "home", database_url=database_url, plugins=(), worker="local")


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
