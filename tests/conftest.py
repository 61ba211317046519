"""One embedded PostgreSQL for each test process; a fresh database for every test that asks."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import hypothesis
import pytest

from agentos import Settings
from agentos.database.embedded import EmbeddedPostgres
from agentos.database.migrations import MigrationSet
from agentos.testing.databases import FORGETFUL, TestDatabases

# A slow machine fails no test; what has to be quick has a bound of its own, in processor time.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """A server whose commits wait for no disk; what is durable has servers of its own."""
    # Not below pytest's own folder: it is private to this user, and PostgreSQL runs as another
    # user where the tests run as root.
    home = Path(tempfile.mkdtemp(prefix="agentos-tests-"))
    home.chmod(0o755)
    server = EmbeddedPostgres(home / "postgres", settings=FORGETFUL)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def databases(postgres: EmbeddedPostgres) -> TestDatabases:
    """Makes and drops databases on the server."""
    return TestDatabases(postgres.dsn)


@pytest.fixture(scope="session")
def migrations() -> Sequence[MigrationSet]:
    """What is applied to the database of `settings` besides the kernel's; a folder may override it."""
    return ()


@pytest.fixture
def database_url(databases: TestDatabases) -> Iterator[str]:
    """The URL of an empty database of its own."""
    url = asyncio.run(databases.create_empty())
    yield url
    asyncio.run(databases.drop(url))


@pytest.fixture
def settings(
    databases: TestDatabases, migrations: Sequence[MigrationSet], tmp_path: Path
) -> Iterator[Settings]:
    """Settings for a fresh database and a data folder of its own, with no plugins."""
    url = asyncio.run(databases.create(migrations))
    yield Settings(home=tmp_path / "home", database_url=url, plugins=(), worker="local")
    asyncio.run(databases.drop(url))
