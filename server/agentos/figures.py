"""What an operator watches of the kernel itself: the log and its webhooks; for `/metrics`.

Above: the kernel, which has them read when somebody looks. Below: the database.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge

from agentos.database.pool import Database
from agentos.database.queries import Queries

_sql = Queries("agentos", "sql/figures.sql")


class KernelFigures:
    """The gauges of one process; `sample` brings them up to date."""

    def __init__(self, database: Database, registry: CollectorRegistry) -> None:
        self._database = database
        self._position = Gauge(
            "agentos_event_position",
            "Position of the newest committed event.",
            registry=registry,
            multiprocess_mode="mostrecent",
        )
        self._unsigned = Gauge(
            "agentos_unsigned_events",
            "Events that no signed head covers yet.",
            registry=registry,
            multiprocess_mode="mostrecent",
        )
        self._webhooks = Gauge(
            "agentos_webhook_deliveries",
            "Webhook deliveries that wait (pending) or were given up (dead).",
            ("state",),
            registry=registry,
            multiprocess_mode="mostrecent",
        )

    async def sample(self) -> None:
        """Read the figures; UnavailableError where the database is not there."""
        log = await self._database.fetch_row(_sql.measure_log)
        rows = await self._database.fetch(_sql.count_undelivered)
        counts = {row["state"]: row["n"] for row in rows}
        assert log is not None
        self._position.set(log["position"])
        self._unsigned.set(log["unsigned"])
        for state in ("pending", "dead"):
            self._webhooks.labels(state).set(counts.get(state, 0))
