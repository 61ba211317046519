"""Fixtures of the gateway's tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from agentos.database.migrations import MigrationSet
from tests.agentos_gateway.stage import Foreign


@pytest.fixture(scope="session")
def migrations() -> Sequence[MigrationSet]:
    """The databases of these tests have the plugin's tables."""
    return (MigrationSet("gateway", "agentos_gateway"),)


@pytest.fixture
def foreign(tmp_path: Path) -> Foreign:
    """A foreign server that has no tools yet."""
    server = Foreign(tmp_path / "foreign.json")
    server.says()
    return server
