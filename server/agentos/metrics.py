"""Prometheus figures, named after the OpenTelemetry semantic conventions for MCP.

No label ever holds a work order, a path or anything else without a bound. With several server
processes the figures are added up through the directory PROMETHEUS_MULTIPROC_DIR.
"""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

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
        self._refused = Counter(
            "agentos_calls_refused_total",
            "Tool calls that ended in an error result, by stable code.",
            ("gen_ai_tool_name", "code"),
            registry=self.registry,
        )

    def observe_call(self, tool: str, error_code: str | None, duration_s: float) -> None:
        """Count one tool call."""
        self._duration.labels("tools/call", tool, error_code or "").observe(duration_s)
        if error_code is not None:
            self._refused.labels(tool, error_code).inc()

    def render(self) -> bytes:
        """The exposition text, over all server processes where there are several."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self.registry)
        combined = CollectorRegistry()
        MultiProcessCollector(combined)  # type: ignore[no-untyped-call]
        return generate_latest(combined)
