"""Prometheus figures, named after the OpenTelemetry semantic conventions for MCP.

No label ever holds a work order, a path or anything else without a bound. With several server
processes the figures are added up through the directory PROMETHEUS_MULTIPROC_DIR.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

SAMPLE_TIMEOUT_S = 2.0

_log = structlog.get_logger(__name__)

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The counters and histograms of one kernel."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._duration = Histogram(
            "mcp_server_operation_duration_seconds",
            "Duration of MCP requests as the server sees them.",
            ("mcp_method_name", "gen_ai_tool_name", "error_type"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._durations: dict[tuple[str, str], Histogram] = {}
        self._refused = Counter(
            "agentos_calls_refused_total",
            "Tool calls that ended in an error result, by stable code.",
            ("gen_ai_tool_name", "code"),
            registry=self.registry,
        )
        self._samplers: list[Callable[[], Awaitable[None]]] = []

    def on_scrape(self, sample: Callable[[], Awaitable[None]]) -> None:
        """Have gauges that mirror the database brought up to date whenever somebody looks.

        `sample` has two seconds; one that fails or takes longer is logged, and what it set before
        stays. A gauge it sets needs `multiprocess_mode="mostrecent"`, since one process is asked.
        """
        self._samplers.append(sample)

    async def scrape(self) -> bytes:
        """The exposition text, with fresh gauges."""
        await asyncio.gather(*(self._sample(sample) for sample in self._samplers))
        return await asyncio.to_thread(self.render)

    async def _sample(self, sample: Callable[[], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(SAMPLE_TIMEOUT_S):
                await sample()
        except Exception as error:  # figures that cannot be had must not hide the others
            _log.warning("figures_not_read", error=type(error).__name__)

    def observe_call(self, tool: str, error_code: str | None, duration_s: float) -> None:
        """Count one tool call."""
        outcome = (tool, error_code or "")
        durations = self._durations.get(outcome)
        if durations is None:
            # Looking it up takes several times as long as counting.
            durations = self._durations[outcome] = self._duration.labels("tools/call", *outcome)
        durations.observe(duration_s)
        if error_code is not None:
            self._refused.labels(tool, error_code).inc()

    def render(self) -> bytes:
        """The exposition text, over all server processes where there are several."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self.registry)
        combined = CollectorRegistry()
        MultiProcessCollector(combined)  # type: ignore[no-untyped-call]
        return generate_latest(combined)
