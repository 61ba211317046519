"""What leads and operators watch: work orders by state, open questions, money; for `/metrics`.

Above: the plugin, which has them read when somebody looks. Below: read models. The figures are the
database's, so whichever server process answers, its sample stands for all of them. Labels are
bounded: states, never a work order.
"""

from __future__ import annotations

from typing import get_args

from prometheus_client import Gauge

from agentos import Kernel, Queries
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
