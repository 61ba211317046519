"""Figures of the background work, for `/metrics`.

Above: the queue. Below: Prometheus. Labels are bounded: no repository and no path is one.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class EmbeddingMetrics:
    """Counters of one process; several processes are added up."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.embedded = Counter(
            "agentos_memory_embedded_texts_total",
            "Texts that got a vector, by tier: name or body.",
            ("tier",),
            registry=registry,
        )
        self.seconds = Counter(
            "agentos_memory_embedding_seconds_total",
            "Time spent on making and storing vectors.",
            registry=registry,
        )
        self.failures = Counter(
            "agentos_memory_embedding_failures_total",
            "Steps that failed and are tried again.",
            registry=registry,
        )
        self.waiting = Gauge(
            "agentos_memory_embedding_waiting_texts",
            "Texts without a vector in the scopes that this process works on.",
            multiprocess_mode="livesum",
            registry=registry,
        )
