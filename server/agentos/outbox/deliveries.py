"""Delivers events to webhooks: fanned out once, sent until taken or given up.

Above: the kernel starts it. Below: leadership, the feed, sending. The fan-out writes one row for
every webhook that wants an event, in the transaction that moves the cursor, so nothing is lost or
doubled; a request may be repeated after a crash, under the same `webhook-id`. Webhooks are served
beside each other, so a slow one delays only itself.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import asyncpg
import structlog

from agentos.clock import Clock
from agentos.database.pool import Database
from agentos.database.queries import Queries
from agentos.errors import ConfigurationError
from agentos.events.bus import EventFeed
from agentos.events.store import event_from_row
from agentos.outbox.bus import event_id, event_payload
from agentos.outbox.leadership import Seat, lead_for_ever
from agentos.outbox.retries import retry_delay_s
from agentos.outbox.sending import Attempt, send_webhook
from agentos.outbox.signing import sign_webhook
from agentos.outbox.webhooks import SINK, Webhooks, webhook_of
from agentos.settings import Settings

PAGE = 500
LOOK_EVERY_S = 1.0
KEEP_DELIVERED = timedelta(days=7)
PRUNE_EVERY_S = 3600.0

_sql = Queries("agentos", "sql/webhooks.sql")
_queries = Queries("agentos")
_log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class _Lane:
    """What is being sent to one webhook; filled by one task at a time."""

    webhook: str
    under_way: set[int] = field(default_factory=set)
    filling: asyncio.Lock = field(default_factory=asyncio.Lock)


class WebhookDispatcher:
    """Delivers for all webhooks; run it in every process, one of them does the work."""

    def __init__(
        self,
        database: Database,
        feed: EventFeed,
        clock: Clock,
        settings: Settings,
        webhooks: Webhooks,
    ) -> None:
        self._database = database
        self._feed = feed
        self._clock = clock
        self._settings = settings
        self._webhooks = webhooks

    async def run(self) -> None:
        """Deliver for ever."""
        await lead_for_ever(self._database, SINK, self._lead, is_needed=self._is_needed)

    async def _is_needed(self) -> bool:
        """Whether there is a webhook; most installations have none."""
        return bool(await self._database.fetch_value(_sql.count_webhooks))

    async def _lead(self, seat: Seat) -> None:
        loop = asyncio.get_running_loop()
        prune_at = loop.time()
        async with asyncio.TaskGroup() as tasks, aclosing(self._feed.wakes(LOOK_EVERY_S)) as wakes:
            lanes: dict[str, _Lane] = {}
            async for _ in wakes:
                if loop.time() >= prune_at:
                    prune_at = loop.time() + PRUNE_EVERY_S
                    await seat.fetch(_sql.prune_deliveries, self._clock.now() - KEEP_DELIVERED)
                if not await seat.fetch_value(_sql.count_webhooks):
                    continue
                while await seat.in_transaction(self._fan_out) == PAGE:
                    pass
                for row in await seat.fetch(_sql.find_due_webhooks, self._clock.now()):
                    lane = lanes.setdefault(row["id"], _Lane(row["id"]))
                    await self._fill(seat, lane, tasks)

    async def _fan_out(self, connection: asyncpg.Connection[asyncpg.Record]) -> int:
        """Write down who gets the next events; how many events were looked at."""
        await connection.execute(_sql.start_cursor, SINK, self._clock.now())
        cursor: int = await connection.fetchval(_sql.lock_cursor, SINK)
        rows = await connection.fetch(_sql.list_webhooks, None)
        if not rows:
            return 0
        begin = max(cursor, min(row["after_position"] for row in rows))
        events = await self._feed.reader.read(begin, PAGE)
        if not events:
            return 0
        hooks = [(webhook_of(row), row["after_position"]) for row in rows]
        pairs = [
            (hook.id, event.position)
            for event in events
            for hook, after in hooks
            if event.position > after and hook.wants(event.type)
        ]
        if pairs:
            ids, positions = zip(*pairs, strict=True)
            await connection.execute(
                _sql.insert_deliveries, list(ids), list(positions), self._clock.now()
            )
        await connection.execute(_sql.move_cursor, SINK, events[-1].position, self._clock.now())
        return len(events)

    async def _fill(self, seat: Seat, lane: _Lane, tasks: asyncio.TaskGroup) -> None:
        """Begin to send what is due to one webhook, as much at once as it takes."""
        async with lane.filling:
            rows = await seat.fetch(_sql.list_webhooks, lane.webhook)
            if not rows:
                return
            webhook = rows[0]
            n_free = webhook["concurrency"] - len(lane.under_way)
            due = await seat.fetch(
                _sql.find_due_deliveries,
                lane.webhook,
                self._clock.now(),
                sorted(lane.under_way),
                max(n_free, 0),
            )
            secret = self._find_secret(webhook) if due else None
            if secret is None:
                return
            for delivery in due:
                lane.under_way.add(delivery["id"])
                tasks.create_task(self._serve(seat, lane, tasks, webhook, secret, delivery))

    def _find_secret(self, webhook: Any) -> str | None:
        try:
            return self._webhooks.secret_of(webhook)
        except ConfigurationError as error:
            _log.error("webhook_not_signed", webhook=webhook["id"], error=error.message)
            return None

    async def _serve(
        self,
        seat: Seat,
        lane: _Lane,
        tasks: asyncio.TaskGroup,
        webhook: Any,
        secret: str,
        delivery: Any,
    ) -> None:
        """Send one event, and then whatever became due meanwhile."""
        await self._deliver(seat, webhook, secret, delivery)
        lane.under_way.discard(delivery["id"])
        await self._fill(seat, lane, tasks)

    async def _deliver(self, seat: Seat, webhook: Any, secret: str, delivery: Any) -> None:
        attempt = await self._send(webhook, secret, delivery["position"])
        now, attempts = self._clock.now(), delivery["attempts"] + 1
        next_at = now + timedelta(seconds=retry_delay_s(attempts))
        state = "delivered"
        if attempt.error is not None:
            is_dead = attempts >= self._settings.webhook_max_attempts
            state = "dead" if is_dead else "pending"
            _log.warning(
                "webhook_not_delivered",
                webhook=webhook["id"],
                delivery=delivery["id"],
                attempts=attempts,
                state=state,
                error=attempt.error,
            )
        await seat.fetch(
            _sql.record_attempt,
            delivery["id"],
            now,
            state,
            next_at,
            attempt.status,
            attempt.error,
        )

    async def _send(self, webhook: Any, secret: str, position: int) -> Attempt:
        row = await self._database.fetch_row(_queries.read_events, position - 1, 1)
        if row is None or row["position"] != position:
            return Attempt(None, f"the event at position {position} is no longer in the log")
        event = event_from_row(row)
        body = event_payload(event)
        headers = sign_webhook(secret, event_id(event), self._clock.now(), body)
        return await send_webhook(
            self._webhooks.policy,
            webhook["url"],
            headers,
            body,
            timeout_s=self._settings.webhook_timeout_s,
        )
