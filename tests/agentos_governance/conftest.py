"""Databases of these tests have the tables of the governance plugin."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from agentos.database.migrations import MigrationSet


@pytest.fixture(scope="session")
def migrations() -> Sequence[MigrationSet]:
    return (MigrationSet("governance", "agentos_governance"),)
