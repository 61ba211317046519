"""What the kernel runs of the outbox: a publisher where a bus is configured, and the webhooks.

Above: the kernel. Below: publisher, deliveries.
"""

from __future__ import annotations

from collections.abc import Coroutine
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from agentos.clock import Clock
from agentos.database.pool import Database
from agentos.errors import ConfigurationError
from agentos.events.bus import EventFeed
from agentos.outbox.deliveries import WebhookDispatcher
from agentos.outbox.jetstream import open_jetstream
from agentos.outbox.publisher import BusPublisher
from agentos.outbox.webhooks import Webhooks
from agentos.settings import Settings

SCHEMES = ("nats", "tls")


def outbox_jobs(
    database: Database, feed: EventFeed, clock: Clock, settings: Settings, webhooks: Webhooks
) -> list[Coroutine[Any, Any, None]]:
    """The background work of one process; ConfigurationError for a bus of an unknown kind."""
    workers: list[WebhookDispatcher | BusPublisher] = [
        WebhookDispatcher(database, feed, clock, settings, webhooks)
    ]
    if settings.event_bus is not None:
        workers.append(_publisher(settings.event_bus, database, feed, clock, settings))
    return [worker.run() for worker in workers]


def _publisher(
    url: str, database: Database, feed: EventFeed, clock: Clock, settings: Settings
) -> BusPublisher:
    return BusPublisher(
        database,
        feed,
        clock,
        sink=sink_name(url, settings.event_stream),
        prefix=settings.event_subject_prefix,
        open_bus=partial(
            open_jetstream,
            url,
            stream=settings.event_stream,
            prefix=settings.event_subject_prefix,
        ),
    )


def sink_name(url: str, stream: str) -> str:
    """A stream on its servers, without credentials: another server begins with the first event."""
    hosts = []
    for part in url.split(","):
        try:
            parts = urlsplit(part.strip())
            host, port = parts.hostname, parts.port or 4222
        except ValueError:
            host, port = None, 0
        if host is None or parts.scheme not in SCHEMES:
            raise ConfigurationError(
                "setting 'event_bus': it must be nats://host:port or tls://host:port, several "
                "separated by commas"
            )
        hosts.append(f"{host}:{port}")
    return f"nats/{','.join(sorted(hosts))}/{stream}"[:300]
