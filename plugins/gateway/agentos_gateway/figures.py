"""What an operator watches of the gateway; for `/metrics`. Labels are names of configured servers.

Above: the gateway and its connections. Below: prometheus_client, the kernel's registry.
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Counter, Gauge

from agentos import Kernel
from agentos_gateway.breaker import BreakerState
from agentos_gateway.conditions import Waiting

_STATES: dict[BreakerState, int] = {"closed": 0, "half_open": 1, "open": 2}


class Figures:
    """Of one process. Open connections are summed over all; of breakers the worst one counts."""

    def __init__(self, kernel: Kernel, servers: Iterable[str]) -> None:
        registry = kernel.metrics.registry
        self._open = Gauge(
            "agentos_gateway_connections",
            "Open connections to another server.",
            ("server",),
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._breaker = Gauge(
            "agentos_gateway_breaker_state",
            "0: calls go to the server; 1: the next one is a test; 2: calls are refused.",
            ("server",),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._starts = Counter(
            "agentos_gateway_starts_total",
            "Connections that were opened, or tried to be.",
            ("server",),
            registry=registry,
        )
        self._failures = Counter(
            "agentos_gateway_failures_total",
            "Times that a server did not answer: it ended, hung or could not be reached.",
            ("server",),
            registry=registry,
        )
        self._refused = Counter(
            "agentos_gateway_changed_calls_total",
            "Calls refused because the server no longer says what was approved.",
            ("server",),
            registry=registry,
        )
        self._waiting = Gauge(
            "agentos_gateway_waiting",
            "Tools, prompts and resources that are not what is approved, as they were listed last.",
            ("server", "state"),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._by_kind: dict[str, dict[str, Waiting]] = {}
        for server in servers:
            self.show(server, is_open=False, breaker="closed")
            for counter in (self._starts, self._failures, self._refused):
                counter.labels(server)

    def show(self, server: str, *, is_open: bool, breaker: BreakerState) -> None:
        """Bring the gauges of a server up to date."""
        self._open.labels(server).set(is_open)
        self._breaker.labels(server).set(_STATES[breaker])

    def show_waiting(self, server: str, kind: str, waiting: Waiting) -> None:
        """What of a kind is new, changed or missing in the server's last list."""
        kinds = self._by_kind.setdefault(server, {})
        kinds[kind] = waiting
        for state in ("new", "changed", "missing"):
            n_names = sum(len(getattr(each, state)) for each in kinds.values())
            self._waiting.labels(server, state).set(n_names)

    def count_start(self, server: str) -> None:
        """A connection is being opened."""
        self._starts.labels(server).inc()

    def count_failure(self, server: str) -> None:
        """A server did not answer."""
        self._failures.labels(server).inc()

    def count_refused(self, server: str) -> None:
        """A call was refused because of a change."""
        self._refused.labels(server).inc()
