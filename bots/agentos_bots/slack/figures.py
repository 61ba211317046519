"""The bot's figures, in Prometheus' form; no label holds a person, a channel or a review.

Above: the page `/metrics`. Below: prometheus_client.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Figures:
    """What one bot process counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._interactions = Histogram(
            "agentos_slack_interaction_seconds",
            "From the arrival of a click, form or command until its outcome is shown or told.",
            ("kind", "outcome"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._posts = Counter(
            "agentos_slack_posts_total",
            "Messages posted, found again after a lost answer, or brought up to date.",
            ("part", "outcome"),
            registry=self.registry,
        )
        self._rate_limits = Counter(
            "agentos_slack_rate_limits_total",
            "Calls that Slack wanted to wait.",
            ("method",),
            registry=self.registry,
        )
        self._refused_requests = Counter(
            "agentos_slack_refused_requests_total",
            "HTTP requests that were not Slack's, by reason.",
            ("reason",),
            registry=self.registry,
        )
        self._given_up = Counter(
            "agentos_slack_given_up_total",
            "Events whose message could not be posted for a reason that waiting does not mend.",
            registry=self.registry,
        )
        self._feed_connections = Counter(
            "agentos_slack_feed_connections_total",
            "Connections to the server's event stream.",
            registry=self.registry,
        )
        self._position = Gauge(
            "agentos_slack_feed_position",
            "Position in the event log up to which everything is posted.",
            registry=self.registry,
        )

    def observe_interaction(self, kind: str, outcome: str, duration_s: float) -> None:
        """Count what a person did; `outcome` is `recorded`, `refused`, `failed` or `defect`."""
        self._interactions.labels(kind, outcome).observe(duration_s)

    def count_post(self, part: str, outcome: str) -> None:
        """Count a message; `outcome` is `posted`, `found` or `updated`."""
        self._posts.labels(part.partition(":")[0], outcome).inc()

    def count_rate_limit(self, method: str) -> None:
        """Count an answer with status 429."""
        self._rate_limits.labels(method).inc()

    def count_refused_request(self, reason: str) -> None:
        """Count a request that did not come from Slack."""
        self._refused_requests.labels(reason).inc()

    def count_given_up(self) -> None:
        """Count an event that is passed over."""
        self._given_up.inc()

    def count_feed_connection(self) -> None:
        """Count a connection to the event stream."""
        self._feed_connections.inc()

    def show_position(self, position: int) -> None:
        """Show how far the feed is."""
        self._position.set(position)

    def render(self) -> bytes:
        """The exposition text."""
        return generate_latest(self.registry)
