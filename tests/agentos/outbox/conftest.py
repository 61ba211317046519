"""Outbox tests run with a clock that stands still, and look for work often."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from agentos import Settings
from tests.agentos.outbox.receiver import Receiver, open_receiver


class MovableClock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentos.outbox.leadership.ELECTION_EVERY_S", 0.05)
    monkeypatch.setattr("agentos.outbox.deliveries.LOOK_EVERY_S", 0.05)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={
            "webhook_allowed_hosts": ("127.0.0.1",),
            "webhook_max_attempts": 3,
            "webhook_timeout_s": 60.0,
        }
    )


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with open_receiver() as receiver:
        yield receiver
