"""One kernel for the cases of a module: opening one costs more than submitting a case."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from agentos import Settings
from agentos.database.embedded import EmbeddedPostgres
from tests.agentos_governance.gatekeeper.submitting import Submissions, open_submissions

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
async def submissions(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Submissions]:
    """Submits cases to a kernel with a database of its own."""
    name = f"gatekeeper_{next(_numbers)}"
    await _execute(postgres.dsn, f'create database "{name}"')
    folder: Path = tmp_path_factory.mktemp("gatekeeper")
    settings = Settings(
        home=folder / "home",
        database_url=postgres.dsn.replace("/agentos?", f"/{name}?"),
        plugins=(),
        worker="local",
    )
    async with open_submissions(settings, folder / "cases") as opened:
        yield opened
    await _execute(postgres.dsn, f'drop database "{name}" with (force)')


async def _execute(dsn: str, statement: str) -> None:
    async with asyncio.timeout(30):
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()
