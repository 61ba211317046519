"""Webhooks as the operator sees them: add, list, remove, look at deliveries, try dead ones again.

Above: `agentos webhooks`. Below: the tables, sealed secrets, the log, which records who added what.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

import orjson

from agentos.clock import format_time
from agentos.database.pool import Database
from agentos.database.queries import Queries
from agentos.errors import InvalidArgumentError, LimitExceededError, NotFoundError
from agentos.events.model import EventType, NewEvent
from agentos.events.store import EventStore
from agentos.ids import new_id
from agentos.outbox.sealing import Sealer, load_or_create_sealer
from agentos.outbox.sending import Attempt, send_webhook
from agentos.outbox.signing import new_webhook_secret, sign_webhook
from agentos.outbox.targets import TargetPolicy
from agentos.settings import Settings

SINK = "webhooks"
MAX_WEBHOOKS = 100
MAX_GLOBS = 50
MAX_GLOB_CHARS = 100
MAX_CONCURRENCY = 16
MAX_LISTED = 1_000

WEBHOOK_EVENT_TYPES = (
    EventType("webhook.added", "A webhook was registered; the secret is not in the event."),
    EventType("webhook.removed", "A webhook was removed, with what it had not received."),
)

_sql = Queries("agentos", "sql/webhooks.sql")


@dataclass(frozen=True, slots=True)
class Webhook:
    """A registered webhook, without its secret."""

    id: str
    url: str
    event_types: tuple[str, ...]
    concurrency: int
    created_by: str
    created_at: datetime

    def wants(self, event_type: str) -> bool:
        """Whether one of its globs covers an event type."""
        return any(fnmatchcase(event_type, glob) for glob in self.event_types)


@dataclass(frozen=True, slots=True)
class AddedWebhook:
    """A fresh webhook; `secret` is shown this once."""

    webhook: Webhook
    secret: str


class Webhooks:
    """The registry of one installation."""

    def __init__(self, database: Database, events: EventStore, settings: Settings) -> None:
        self._database = database
        self._events = events
        self._settings = settings
        self.policy = TargetPolicy.of(settings.webhook_allowed_hosts)

    async def add(
        self,
        url: str,
        event_types: Sequence[str],
        *,
        now: datetime,
        by: str,
        concurrency: int = 1,
    ) -> AddedWebhook:
        """Send events of these types (globs) to `url` from now on.

        With `concurrency` 1 events arrive in order, each after the one before was taken or given
        up; with more, so many at once and in any order. Raises InvalidArgumentError for an address
        that is not allowed, LimitExceededError beyond MAX_WEBHOOKS.
        """
        self.policy.check_url(url)
        _check_globs(event_types)
        if not 1 <= concurrency <= MAX_CONCURRENCY:
            raise InvalidArgumentError(f"concurrency must be 1 to {MAX_CONCURRENCY}")
        globs = tuple(dict.fromkeys(event_types))
        webhook = Webhook(new_id("WH"), url, globs, concurrency, by, now)
        secret = new_webhook_secret()
        sealed = self._sealer().seal(secret, webhook.id, url)
        async with self._database.connection() as connection, connection.transaction():
            # With the cursor locked, an event is either before this webhook or is sent to it.
            await connection.execute(_sql.start_cursor, SINK, now)
            await connection.fetchval(_sql.lock_cursor, SINK)
            if await connection.fetchval(_sql.count_webhooks) >= MAX_WEBHOOKS:
                raise LimitExceededError(f"there are {MAX_WEBHOOKS} webhooks; remove one first")
            await connection.execute(
                _sql.insert_webhook, webhook.id, url, list(globs), concurrency, sealed, by, now
            )
            data = {"webhook": webhook.id, "url": url, "event_types": list(globs)}
            await self._events.append(
                connection, [_event("webhook.added", webhook.id, by, now, data)]
            )
        return AddedWebhook(webhook, secret)

    async def list_all(self) -> list[tuple[Webhook, dict[str, int]]]:
        """Every webhook, with how many of its deliveries are in which state."""
        counts: dict[str, dict[str, int]] = {}
        for row in await self._database.fetch(_sql.count_deliveries):
            counts.setdefault(row["webhook"], {})[row["state"]] = row["n"]
        rows = await self._database.fetch(_sql.list_webhooks, None)
        return [(webhook_of(row), counts.get(row["id"], {})) for row in rows]

    async def remove(self, id: str, *, now: datetime, by: str) -> None:
        """Send nothing more to a webhook; what it has not received is dropped."""
        async with self._database.connection() as connection, connection.transaction():
            url = await connection.fetchval(_sql.delete_webhook, id)
            if url is None:
                raise _unknown(id)
            data = {"webhook": id, "url": url}
            await self._events.append(connection, [_event("webhook.removed", id, by, now, data)])

    async def test(self, id: str, *, now: datetime) -> Attempt:
        """Send one made-up event of type `webhook.test` now, signed like every other."""
        row = await self._database.fetch_row(_sql.list_webhooks, id)
        if row is None:
            raise _unknown(id)
        body = orjson.dumps(
            {"type": "webhook.test", "at": format_time(now), "data": {"webhook": id}}
        )
        headers = sign_webhook(self.secret_of(row), new_id("TEST", 16), now, body)
        return await send_webhook(
            self.policy, row["url"], headers, body, timeout_s=self._settings.webhook_timeout_s
        )

    async def deliveries(
        self, *, webhook: str | None = None, state: str | None = None, limit: int = 50
    ) -> list[dict[str, Any]]:
        """The newest deliveries, as JSON."""
        rows = await self._database.fetch(
            _sql.list_deliveries, webhook, state, min(max(limit, 1), MAX_LISTED)
        )
        return [_delivery_document(row) for row in rows]

    async def retry(
        self, *, delivery: int | None = None, webhook: str | None = None, now: datetime
    ) -> list[int]:
        """Try dead deliveries again: one, those of a webhook, or all; the ids of those."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_sql.retry_delivery, delivery, webhook, now)
        if delivery is not None and not rows:
            raise NotFoundError(
                f"no dead delivery has the id {delivery}",
                remedy="`agentos webhooks deliveries --dead` shows the ids",
            )
        return sorted(row["id"] for row in rows)

    def secret_of(self, row: Any) -> str:
        """The secret of a row, decrypted; ConfigurationError where that cannot be done."""
        return self._sealer().open(row["sealed_secret"], row["id"], row["url"])

    def _sealer(self) -> Sealer:
        return load_or_create_sealer(self._settings.home)


def webhook_of(row: Any) -> Webhook:
    """The webhook of a row."""
    return Webhook(
        row["id"],
        row["url"],
        tuple(row["event_types"]),
        row["concurrency"],
        row["created_by"],
        row["created_at"],
    )


def _event(type: str, webhook: str, by: str, now: datetime, data: dict[str, Any]) -> NewEvent:
    return NewEvent(f"webhook/{webhook}", type, by, now, data)


def _check_globs(globs: Sequence[str]) -> None:
    if not 1 <= len(globs) <= MAX_GLOBS:
        raise InvalidArgumentError(f"name 1 to {MAX_GLOBS} event types, such as work_order.*")
    for glob in globs:
        if not 1 <= len(glob) <= MAX_GLOB_CHARS or not glob.isascii() or not glob.isprintable():
            raise InvalidArgumentError(
                f"an event type is 1 to {MAX_GLOB_CHARS} printable ASCII characters"
            )


def _delivery_document(row: Any) -> dict[str, Any]:
    attempted_at: datetime | None = row["attempted_at"]
    return {
        "id": row["id"],
        "webhook": row["webhook"],
        "position": row["position"],
        "type": row["type"],
        "stream": row["stream"],
        "state": row["state"],
        "attempts": row["attempts"],
        "next_attempt_at": (
            format_time(row["next_attempt_at"]) if row["state"] == "pending" else None
        ),
        "attempted_at": None if attempted_at is None else format_time(attempted_at),
        "status": row["status"],
        "error": row["error"],
    }


def _unknown(id: str) -> NotFoundError:
    return NotFoundError(f"no webhook has the id {id!r}", remedy="`agentos webhooks list`")
