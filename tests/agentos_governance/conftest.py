"""Databases of these tests have the tables of the governance plugin; servers may go without a sweeper."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from agentos import Kernel
from agentos.database.migrations import MigrationSet


@pytest.fixture(scope="session")
def migrations() -> Sequence[MigrationSet]:
    return (MigrationSet("governance", "agentos_governance"),)


@pytest.fixture
def no_sweeper(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers of the test do not sweep by themselves: what is due stays so until the test sweeps."""

    async def rest(kernel: Kernel) -> None:
        """Nothing."""

    monkeypatch.setattr("agentos_governance.plugin.sweep_for_ever", rest)
