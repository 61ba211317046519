"""Figures of the refinement by language servers, for `/metrics`.

Above: refinement. Below: Prometheus. Labels are bounded: no repository and no path is one.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class RefinementMetrics:
    """Counters of one process; several processes are added up."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.refined = Counter(
            "agentos_memory_refined_calls_total",
            "Open calls that a language server was asked about: found, outside or unknown.",
            ("outcome",),
            registry=registry,
        )
        self.seconds = Counter(
            "agentos_memory_refinement_seconds_total",
            "Time spent on asking language servers in the background.",
            registry=registry,
        )
        self.failures = Counter(
            "agentos_memory_refinement_failures_total",
            "Runs that a language server or the database ended, and that are tried again.",
            registry=registry,
        )
        self.waiting = Gauge(
            "agentos_memory_refinement_waiting_calls",
            "Open calls that wait in the repository that this process refines.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.servers = Gauge(
            "agentos_memory_language_servers",
            "Language servers of this process that are alive.",
            multiprocess_mode="livesum",
            registry=registry,
        )
