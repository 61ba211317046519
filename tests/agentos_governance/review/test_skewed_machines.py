"""Servers on machines whose clocks are hours apart agree on what is due, what has expired and who holds.

Required by the issue "Gatekeeper": every due time, lease and expiry is decided by one clock.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, cast

import pytest

from agentos import Role, Settings, open_kernel
from agentos_governance.sweeper import sweep
from tests.agentos_governance.lifecycle import UNLIMITED, FakeClock, Office
from tests.agentos_governance.review.rounds import last_round, submitted, types_of

pytestmark = pytest.mark.anyio

HOUR_S = 3_600
FAST, SLOW = HOUR_S, -HOUR_S
"""By how much a machine's clock is wrong, in seconds."""
POST = {"channel": "slack", "part": "card", "lease_s": 60}
SETTINGS: dict[str, Any] = {
    "plugins": ("governance",),
    "budgets": UNLIMITED,
    "gatekeeper": {"skip": ["no_new_lint", "no_new_type_errors", "no_new_security_findings"]},
    "review": {
        "remind_after_s": [HOUR_S // 2],
        "escalate_after_s": HOUR_S // 2,
        "escalate_to": ["role:lead"],
        "expire_after_s": HOUR_S,
    },
}
PRINCIPALS = {
    "planner": Role.PLANNER,
    "reviewer": Role.REVIEWER,
    "bot": Role.BOT,
    "w1": Role.WORKER,
}
_skew_s = contextvars.ContextVar("skew_s", default=0.0)


class MachineTime:
    """In place of `datetime` where the code reads the clock of the machine that it runs on."""

    @staticmethod
    def now(zone: tzinfo) -> datetime:
        """The wrong time."""
        return datetime.fromtimestamp(time.time(), zone)


@pytest.fixture(autouse=True)
def _machines(monkeypatch: pytest.MonkeyPatch) -> None:
    true_time = time.time
    monkeypatch.setattr(time, "time", lambda: true_time() + _skew_s.get())
    monkeypatch.setattr("agentos.clock.datetime", MachineTime)


@contextmanager
def machine(skew_s: float) -> Iterator[None]:
    """Code in the block, and the tasks that it starts, run where the clock is so wrong."""
    token = _skew_s.set(skew_s)
    try:
        yield
    finally:
        _skew_s.reset(token)


class Server:
    """A server on such a machine; what is asked of it happens there."""

    def __init__(self, office: Office, skew_s: float) -> None:
        self.office = office
        self._skew_s = skew_s

    async def call(self, who: str, tool: str, **arguments: Any) -> dict[str, Any]:
        """What it answers."""
        with machine(self._skew_s):
            return await self.office.call(who, tool, **arguments)

    async def sweep(self) -> None:
        """One round of its sweeper."""
        with machine(self._skew_s):
            await sweep(self.office.kernel)


@asynccontextmanager
async def open_servers(settings: Settings) -> AsyncIterator[tuple[Server, Server]]:
    """One whose clock is fast by an hour and one whose clock is slow by an hour, on one database."""
    chosen = settings.model_copy(update=SETTINGS)
    async with AsyncExitStack() as stack:
        with machine(SLOW):
            slow = await stack.enter_async_context(open_kernel(chosen))
        with machine(FAST):
            fast = await stack.enter_async_context(open_kernel(chosen))
        # The clock of an office only says when its tokens were made.
        office = Office(slow, cast(FakeClock, slow.clock))
        for who, role in PRINCIPALS.items():
            await office.join(who, role)
        other = Office(fast, cast(FakeClock, fast.clock), office.tokens)
        yield Server(office, SLOW), Server(other, FAST)


async def test_what_one_server_holds_or_opens_is_neither_over_nor_due_for_the_other(
    settings: Settings,
) -> None:
    async with open_servers(settings) as (slow, fast):
        with machine(SLOW):
            order, opened = await submitted(slow.office)
            held = await slow.office.create("B")
        await slow.call("w1", "claim_work_order", work_order=held)
        claim = await slow.call("bot", "claim_post", review=opened["id"], **POST)
        assert claim["claimed"]
        for server in (fast, slow):
            await server.sweep()
            assert await types_of(server.office, order) == ["review.opened"]
            assert await server.office.state(order) == "in_review"
            assert await server.office.state(held) == "active"
        assert not (await fast.call("bot", "claim_post", review=opened["id"], **POST))["claimed"]
        round = await last_round(slow.office, order)
        assert round["stopped_at"] is None
        # PostgreSQL runs on a machine whose clock is right.
        wait = opened["due_at"] - datetime.now(UTC)
        assert timedelta(minutes=25) < wait <= timedelta(minutes=30)


async def test_what_the_fast_server_holds_ends_for_the_slow_one_when_it_ends(
    settings: Settings,
) -> None:
    async with open_servers(settings) as (slow, fast):
        with machine(FAST):
            order, opened = await submitted(fast.office)
        dead = await fast.call("bot", "claim_post", review=opened["id"], **{**POST, "lease_s": 1})
        ends = datetime.fromisoformat(dead["lease_expires_at"])
        async with asyncio.timeout(60):
            while True:
                heir = await slow.call("bot", "claim_post", review=opened["id"], **POST)
                if heir["claimed"]:
                    break
                await asyncio.sleep(0.1)
        assert heir["attempt"] == 2
        for server in (slow, fast):
            # The two agree within what a reading of the database took, and not within an hour.
            late = server.office.kernel.clock.now() - ends
            assert timedelta(seconds=-5) < late < timedelta(minutes=5)
        assert await types_of(slow.office, order) == ["review.opened"]
