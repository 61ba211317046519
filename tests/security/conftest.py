"""One office for the scenarios of a module: each makes its own work orders and identities."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from agentos import Settings
from agentos.database.migrations import MigrationSet
from agentos.testing.databases import TestDatabases
from tests.agentos_governance.lifecycle import Office, open_office, stop_sweepers
from tests.security.arenas import GOVERNANCE


@pytest.fixture(scope="session")
def migrations() -> Sequence[MigrationSet]:
    """The databases of these tests have the tables of the governance plugin."""
    return GOVERNANCE


@pytest.fixture(scope="module")
async def office(
    anyio_backend: str, databases: TestDatabases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Office]:
    """An open office on a database of its own; its clock only moves forward.

    It does not sweep by itself: what is over stays as it is until a scenario sweeps.
    """
    url = await databases.create(GOVERNANCE)
    home = tmp_path_factory.mktemp("security")
    settings = Settings(home=home, database_url=url, plugins=(), worker="local")
    with pytest.MonkeyPatch.context() as patched:
        stop_sweepers(patched)
        async with open_office(settings) as opened:
            yield opened
    await databases.drop(url)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a scenario keeps its repository and what lies outside it."""
    return tmp_path
