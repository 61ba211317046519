"""One office for the scenarios of a module: each makes its own work orders and identities."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from agentos import Settings
from agentos.database.embedded import EmbeddedPostgres
from tests.agentos_governance.lifecycle import Office, open_office

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
async def office(
    anyio_backend: str, postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Office]:
    """An open office on a database of its own; its clock only moves forward."""
    name = f"security_{next(_numbers)}"
    await _execute(postgres.dsn, f'create database "{name}"')
    url = postgres.dsn.replace("/agentos?", f"/{name}?")
    home = tmp_path_factory.mktemp(name)
    settings = Settings(home=home, database_url=url, plugins=(), worker="local")
    async with open_office(settings) as opened:
        yield opened
    await _execute(postgres.dsn, f'drop database "{name}" with (force)')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a scenario keeps its repository and what lies outside it."""
    return tmp_path


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncio.wait_for(asyncpg.connect(dsn), 30)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
