"""Every answer of the budgets is that of a model which sums plain lists."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentos import Database, MigrationSet, Queries
from agentos.database.migrations import migrate
from agentos_governance.cost.budgets import Budgets, Money
from agentos_governance.cost.budgets import sql as money
from agentos_governance.cost.limits import Limit, LimitTable
from tests.agentos_governance.cost.budget_model import LAYERS, Model, ModelLimit, Shortage
from tests.agentos_governance.cost.order_rows import INSERT_ORDER

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
_orders = Queries("agentos_governance")
_numbers = itertools.count()

usd = st.integers(0, 40).map(lambda cents: Decimal(cents) / 100)
limits = st.lists(
    st.builds(
        ModelLimit,
        st.sampled_from(LAYERS),
        st.sampled_from((0, 5, 60)),
        st.integers(30, 150).map(lambda cents: Decimal(cents) / 100),
        st.booleans(),
    ),
    min_size=2,
    max_size=8,
    unique_by=lambda limit: (limit.layer, limit.window_s),
)
who = st.tuples(
    st.sampled_from((None, "root", "left", "right", "leaf")), st.integers(0, 2), st.integers(0, 1)
)
steps = st.lists(
    st.one_of(
        *[st.tuples(st.just("hold"), who, usd.filter(bool), st.integers(5, 90))] * 3,
        st.tuples(st.just("hold again"), st.integers(0, 9)),
        st.tuples(st.just("report"), who, usd),
        *[st.tuples(st.just("settle"), st.integers(0, 3), usd)] * 3,
        st.tuples(st.just("wait"), st.integers(0, 80).map(lambda tenths: tenths / 2)),
        st.tuples(st.just("sweep")),
        st.tuples(st.just("tidy")),
    ),
    min_size=20,
    max_size=50,
)


class Bench:
    """The same steps for the database and for the model."""

    def __init__(self, database: Database, budgets: Budgets, model: Model, name: str) -> None:
        self.database = database
        self.budgets = budgets
        self.model = model
        self.name = name
        self.now = 0.0
        self.holds: list[Money] = []
        self._numbers = itertools.count()

    @property
    def at(self) -> datetime:
        return START + timedelta(seconds=self.now)

    async def take(self, step: tuple[Any, ...]) -> None:
        """One step; both must answer the same."""
        await getattr(self, f"_{step[0].replace(' ', '_')}")(*step[1:])

    def _money(self, whom: tuple[str | None, int, int], amount: Decimal) -> Money:
        order, process, person = whom
        subjects = {
            "process": f"{self.name}-p{process}",
            "person": f"{self.name}-{person}",
            "organisation": "",
        }
        if order is not None:
            order = f"{self.name}-{order}"
            subjects["session"] = f"{order}#1"
        call = f"{self.name}-{next(self._numbers)}"
        return Money(call, order, amount, self.at, subjects)

    async def _hold(self, whom: Any, amount: Decimal, ttl_s: int) -> None:
        asked = self._money(whom, amount)
        await self._hold_both(asked, self.now + ttl_s)

    async def _hold_both(self, asked: Money, expires: float) -> None:
        expected = self.model.hold(
            asked.call, asked.work_order, dict(asked.subjects), asked.usd, self.now, expires
        )
        until = START + timedelta(seconds=expires)
        _same(await self.budgets.hold(self.database, asked, until), expected)
        if expected is None and asked not in self.holds:
            self.holds.append(asked)

    async def _hold_again(self, number: int) -> None:
        if self.holds:
            asked = self.holds[-1 - number % len(self.holds)]
            if any(e.call == asked.call and e.is_held for e in self.model.entries):
                await self._hold_both(asked, self.now + 5)

    async def _report(self, whom: Any, amount: Decimal) -> None:
        asked = self._money(whom if whom[0] else ("root", *whom[1:]), amount)
        assert asked.work_order is not None
        expected = self.model.report(
            asked.call, asked.work_order, dict(asked.subjects), amount, self.now
        )
        async with self.database.connection() as connection, connection.transaction():
            row = await connection.fetchrow(
                money.admit_money, *self.budgets._arguments(asked, asked.at, is_report=True)
            )
        assert (row is None) is (expected is None), (row, expected)
        if row is not None and expected is not None:
            assert (row["refused_by"], row["spent_usd"]) == (expected.layer, expected.spent)

    async def _settle(self, number: int, amount: Decimal) -> None:
        if not self.holds:
            return
        call = self.holds[-1 - number % len(self.holds)].call
        expected = self.model.settle(call, amount, self.now)
        for is_first in (True, False):
            async with self.database.connection() as connection:
                row = await connection.fetchrow(money.settle_money, call, str(amount), self.at)
            if expected is None:
                assert row is None
            else:
                booked = (expected[0], expected[1] and is_first)
                assert row is not None
                assert (row["usd"], row["is_first"]) == booked

    async def _wait(self, seconds: float) -> None:
        self.now += seconds

    async def _sweep(self) -> None:
        released = await self.database.fetch_value(money.release_expired_money, self.at)
        assert released == self.model.expire(self.now)

    async def _tidy(self) -> None:
        await self.database.fetch(money.tidy_money, self.at)


def _same(found: Any, expected: Shortage | None) -> None:
    assert (found is None) is (expected is None), (found, expected)
    if found is None or expected is None:
        return
    assert (found.layer, found.subject, found.window_s) == (
        expected.layer,
        expected.subject,
        expected.window_s,
    )
    figures = (found.cap_usd, found.spent_usd, found.held_usd)
    assert figures == (expected.cap, expected.spent, expected.held)
    assert found.retry_after_s == expected.retry_after_s


async def _make_orders(database: Database, name: str, caps: dict[str, Decimal]) -> dict[str, str]:
    parents = {"left": "root", "right": "root", "leaf": "left"}
    async with database.connection() as connection:
        # One organisation: every example begins without its past.
        await connection.execute("truncate governance.allowance, governance.share, governance.hold")
        for order, cap in caps.items():
            parent = parents.get(order)
            named = (f"{name}-{order}", None if parent is None else f"{name}-{parent}")
            await connection.execute(INSERT_ORDER, *named, START)
            await connection.execute(_orders.create_budget, named[0], str(cap))
            # The session goes on; tidying forgets those that ended.
            await connection.execute(_orders.put_lease, named[0], "w", 1, 3_600, START)
    return {f"{name}-{child}": f"{name}-{parent}" for child, parent in parents.items()}


@pytest.mark.parametrize("n_examples", [30, pytest.param(300, marks=pytest.mark.nightly)])
def test_budgets_answer_as_the_model_whatever_happens(database_url: str, n_examples: int) -> None:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        database = Database(database_url, pool_size=2)
        runner.run(database.open())
        stack.push_async_callback(database.close)
        runner.run(_migrate(database))

        @settings(
            max_examples=n_examples,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
            database=None,
        )
        @given(limits, st.lists(usd, min_size=4, max_size=4), steps)
        def run(chosen: list[ModelLimit], amounts: list[Decimal], taken: list[Any]) -> None:
            runner.run(_compare(database, chosen, amounts, taken))

        try:
            run()
        finally:
            runner.run(stack.aclose())


async def _migrate(database: Database) -> None:
    await migrate(database, [MigrationSet("governance", "agentos_governance")])


async def _compare(
    database: Database, chosen: list[ModelLimit], amounts: list[Decimal], taken: list[Any]
) -> None:
    name = f"x{next(_numbers)}"
    caps = dict(zip(("root", "left", "right", "leaf"), [a * 20 for a in amounts], strict=True))
    parents = await _make_orders(database, name, caps)
    model = Model(chosen, {f"{name}-{k}": cap for k, cap in caps.items()}, parents)
    bench = Bench(database, Budgets(_table(chosen)), model, name)
    for step in taken:
        await bench.take(step)
    for order, cap in model.caps.items():
        row = await database.fetch_row(_orders.get_budget, order)
        own = [e for e in model.entries if e.order == order]
        assert row is not None
        assert row["held_usd"] == sum(e.usd for e in own if e.is_held)
        assert row["spent_usd"] == sum(e.usd for e in own if not e.is_held) <= cap


def _table(chosen: list[ModelLimit]) -> LimitTable:
    return LimitTable(
        **{
            layer: tuple(
                Limit(
                    cap_usd=limit.cap,
                    per_s=limit.window_s or None,
                    on_report="refuse" if limit.refuses else "count",
                )
                for limit in chosen
                if limit.layer == layer
            )
            for layer in LAYERS
        }
    )
