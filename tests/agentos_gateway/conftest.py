"""Fixtures of the gateway's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.agentos_gateway.stage import Foreign


@pytest.fixture
def foreign(tmp_path: Path) -> Foreign:
    """A foreign server that has no tools yet."""
    server = Foreign(tmp_path / "foreign.json")
    server.says()
    return server
