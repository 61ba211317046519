"""What leads and operators watch: work orders, reviews, open questions, money; for `/metrics`.

Above: the plugin, which has them read when somebody looks. Below: read models. The figures are the
database's, so whichever server process answers, its sample stands for all of them. Labels are
bounded: states, never a work order.
"""

from __future__ import annotations

from typing import get_args

from prometheus_client import Gauge

from agentos import Kernel, Queries
from agentos_governance.review.clock import Kind
from agentos_governance.review.rounds import Outcome
from agentos_governance.views import State

_sql = Queries("agentos_governance", "sql/figures.sql")


class Figures:
    """The gauges of one process; `sample` brings them up to date."""

    def __init__(self, kernel: Kernel) -> None:
        def gauge(name: str, meaning: str, *labels: str) -> Gauge:
            registry = kernel.metrics.registry
            return Gauge(name, meaning, labels, registry=registry, multiprocess_mode="mostrecent")

        self._kernel = kernel
        self._orders = gauge("agentos_work_orders", "Work orders by state.", "state")
        self._questions = gauge(
            "agentos_open_questions", "Calls that wait for a person's decision."
        )
        self._oldest = gauge(
            "agentos_oldest_question_seconds", "How long the oldest open question has waited."
        )
        self._spent = gauge("agentos_spent_usd", "What work orders have spent, in USD.")
        self._held = gauge("agentos_held_usd", "What calls that run now have set aside, in USD.")
        self._waiting = gauge("agentos_open_reviews", "What waits for a person, by kind.", "kind")
        self._longest = gauge(
            "agentos_oldest_review_seconds", "How long the oldest of a kind has waited.", "kind"
        )
        self._waits = gauge(
            "agentos_review_wait_seconds",
            "How long reviews of work that ended in the last 7 days took, by quantile.",
            "quantile",
        )
        self._outcomes = gauge("agentos_reviews", "Reviews of work by outcome.", "outcome")
        self._overrides = gauge(
            "agentos_review_overrides_total", "Approvals in spite of a blocking finding."
        )

    async def sample(self) -> None:
        """Read the figures; UnavailableError where the database is not there."""
        database = self._kernel.database
        counts = {row["state"]: row["n"] for row in await database.fetch(_sql.count_work_orders)}
        questions = await database.fetch_row(_sql.measure_open_questions, self._kernel.clock.now())
        money = await database.fetch_row(_sql.sum_money)
        assert questions is not None and money is not None
        for state in get_args(State):
            self._orders.labels(state).set(counts.get(state, 0))
        self._questions.set(questions["n"])
        self._oldest.set(questions["oldest_s"])
        self._spent.set(money["spent_usd"])
        self._held.set(money["held_usd"])
        await self._sample_reviews()

    async def _sample_reviews(self) -> None:
        database, now = self._kernel.database, self._kernel.clock.now()
        waiting = {row["kind"]: row for row in await database.fetch(_sql.measure_waiting, now)}
        for kind in get_args(Kind):
            row = waiting.get(kind)
            self._waiting.labels(kind).set(0 if row is None else row["n"])
            self._longest.labels(kind).set(0 if row is None else row["oldest_s"])
        counts = {row["outcome"]: row["n"] for row in await database.fetch(_sql.count_reviews)}
        for outcome in get_args(Outcome):
            self._outcomes.labels(outcome).set(counts.get(outcome, 0))
        waits = await database.fetch_row(_sql.measure_waits, now)
        assert waits is not None
        for quantile in ("0.5", "0.95"):
            self._waits.labels(quantile).set(waits[f"p{quantile[2:]}"])
        self._overrides.set(await database.fetch_value(_sql.count_overrides))
