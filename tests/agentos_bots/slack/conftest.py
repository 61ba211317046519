"""Fixtures of the bot's tests: a server, an emulated Slack, and which way they meet.

One server and database serve the tests of a module; each test has a Slack of its own, and leaves
nothing waiting.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from agentos import Settings
from agentos.database.migrations import MigrationSet
from agentos.testing.databases import TestDatabases
from agentos.testing.slack import SlackEmulator
from agentos_bots.slack.settings import Transport
from tests.agentos_bots.slack.gatehouse import USERS, Gatehouse, open_gatehouse


@pytest.fixture(scope="module")
def changes() -> dict[str, Any]:
    """Settings of the module's server, and what else `open_office` takes; a module may override it."""
    return {}


@pytest.fixture(scope="module")
async def server(
    databases: TestDatabases, tmp_path_factory: pytest.TempPathFactory, changes: dict[str, Any]
) -> AsyncIterator[Gatehouse]:
    """A server with persons and a bot's token."""
    url = await databases.create((MigrationSet("governance", "agentos_governance"),))
    home = changes.get("home") or tmp_path_factory.mktemp("slack") / "home"
    settings = Settings(home=home, database_url=url, plugins=(), worker="local")
    async with open_gatehouse(settings, **changes) as gatehouse:
        yield gatehouse
    await databases.drop(url)


@pytest.fixture
async def gatehouse(server: Gatehouse) -> AsyncIterator[Gatehouse]:
    """The same, with nothing that waits."""
    yield server
    await server.clear()


@pytest.fixture
async def slack() -> AsyncIterator[SlackEmulator]:
    """A workspace with the channel C1 and a few people."""
    async with SlackEmulator(users=USERS) as slack:
        yield slack


@pytest.fixture(params=["socket", "http"])
def mode(request: pytest.FixtureRequest) -> Transport:
    """Each transport in turn."""
    chosen: Transport = request.param
    return chosen


@pytest.fixture(params=["socket", pytest.param("http", marks=pytest.mark.nightly)])
def either_mode(request: pytest.FixtureRequest) -> Transport:
    """Each transport in turn, of which one is enough by day."""
    chosen: Transport = request.param
    return chosen
