"""One kernel for the cases of a module: opening one costs more than submitting a case."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from agentos import Settings
from agentos.database.migrations import MigrationSet
from agentos.testing.databases import TestDatabases
from tests.agentos_governance.gatekeeper.submitting import Submissions, open_submissions


@pytest.fixture(scope="module")
async def submissions(
    databases: TestDatabases,
    migrations: Sequence[MigrationSet],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Submissions]:
    """Submits cases to a kernel with a database of its own."""
    url = await databases.create(migrations)
    folder: Path = tmp_path_factory.mktemp("gatekeeper")
    settings = Settings(home=folder / "home", database_url=url, plugins=(), worker="local")
    async with open_submissions(settings, folder / "cases") as opened:
        yield opened
    await databases.drop(url)
