"""`agentos_hook_duration_seconds{plugin,hook}` and `agentos_hook_failures_total{plugin,hook}`.

Hooks run several times a call, and observing a Prometheus histogram costs a microsecond. So a
duration is counted in a plain list here, and the histogram gets the sums about once a second. Of the
votes that are cast without waiting every sixteenth is timed, and stands for those since the last.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram

BUCKETS_S = (0.00001, 0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 1.0, 5.0, 10.0, 30.0, 120.0)
PUBLISH_EVERY_S = 1.0
SAMPLED = 16


class _SummedHistogram(Histogram):
    """A histogram that takes many observations at once."""

    def add(self, counts: Sequence[int], total_s: float) -> None:
        """`counts[i]` observations in bucket `i`, the last one unbounded, of `total_s` in sum."""
        self._sum.inc(total_s)
        for bucket, count in zip(self._buckets, counts, strict=True):
            if count:
                bucket.inc(count)


class HookTimes:
    """The durations of one hook of one plugin."""

    __slots__ = ("_counts", "_histogram", "_publish_at", "_total_s", "n_votes")

    def __init__(self, histogram: _SummedHistogram) -> None:
        self._histogram = histogram
        self._counts = [0] * (len(BUCKETS_S) + 1)
        self._total_s = 0.0
        self._publish_at = 0.0
        self.n_votes = 0

    def observe_vote(self, started: float, ended: float) -> None:
        """Count a timed vote, the first or the sixteenth since the last, for those in between."""
        self.observe(started, ended, 1 if self.n_votes == 1 else SAMPLED)

    def observe(self, started: float, ended: float, n_runs: int = 1) -> None:
        """Count runs of which one lies between two readings of `time.perf_counter`."""
        self._counts[bisect_left(BUCKETS_S, ended - started)] += n_runs
        self._total_s += (ended - started) * n_runs
        if ended > self._publish_at:
            self.publish()

    def publish(self) -> None:
        """Hand what was counted to the histogram."""
        self._publish_at = time.perf_counter() + PUBLISH_EVERY_S
        counts, self._counts = self._counts, [0] * (len(BUCKETS_S) + 1)
        total_s, self._total_s = self._total_s, 0.0
        self._histogram.add(counts, total_s)


class HookFigures:
    """The figures of all hooks of one kernel."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._durations = _SummedHistogram(
            "agentos_hook_duration_seconds",
            "Time in a plugin's hook, without what a middleware surrounds.",
            ("plugin", "hook"),
            buckets=BUCKETS_S,
            registry=registry,
        )
        self._failures = Counter(
            "agentos_hook_failures_total",
            "Runs of a plugin's hook that raised, took too long, or held up the event loop.",
            ("plugin", "hook"),
            registry=registry,
        )
        self._times: dict[tuple[str, str], HookTimes] = {}

    def times(self, plugin: str, hook: str) -> HookTimes:
        """Where the durations of one hook are counted."""
        key = (plugin, hook)
        if key not in self._times:
            labelled = self._durations.labels(*key)
            assert isinstance(labelled, _SummedHistogram)
            self._times[key] = HookTimes(labelled)
        return self._times[key]

    def count_failure(self, plugin: str, hook: str) -> None:
        """Count a failed run."""
        self._failures.labels(plugin, hook).inc()

    async def publish(self) -> None:
        """Bring the histogram up to date, for somebody who looks."""
        for times in self._times.values():
            times.publish()
