"""Databases of these tests have the tables of the governance plugin; servers may go without a sweeper."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from agentos.database.migrations import MigrationSet
from tests.agentos_governance.lifecycle import stop_sweepers


@pytest.fixture(scope="session")
def migrations() -> Sequence[MigrationSet]:
    return (MigrationSet("governance", "agentos_governance"),)


@pytest.fixture
def no_sweeper(monkeypatch: pytest.MonkeyPatch) -> None:
    """See `stop_sweepers`."""
    stop_sweepers(monkeypatch)
