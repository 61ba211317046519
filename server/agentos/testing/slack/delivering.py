"""Bringing what people do to the app: one attempt or several, and what came of it.

Slack retries events that are not acknowledged within three seconds; a click, a submitted modal or
a command it tries once, and shows the person that it failed. Above it is the driver; below are the
two transports, Socket Mode and signed HTTP.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from agentos.testing.slack.calls import Happenings
from agentos.testing.slack.faults import Faults

Kind = Literal["interactive", "slash_commands", "events_api"]
Failure = Literal[
    "timeout",
    "http_error",
    "no_connection",
    "connection_closed",
    "connection_failed",
    "not_subscribed",
]


@dataclass(frozen=True)
class Retry:
    """Which repetition it is, from 1, and why."""

    number: int
    reason: Failure


@dataclass(frozen=True)
class Attempt:
    """What came of one attempt; `answer` is the payload of the acknowledgement."""

    failure: Failure | None = None
    answer: Mapping[str, Any] | None = None
    status: int | None = None
    may_retry: bool = True


class Transport(Protocol):
    """A way to the app."""

    async def send(self, kind: Kind, payload: Mapping[str, Any], retry: Retry | None) -> Attempt:
        """Deliver once, and wait for the acknowledgement as long as Slack does."""
        ...


@dataclass(frozen=True)
class Delivery:
    """What became of something that a person did.

    `failure` is that of the last attempt, None where it was acknowledged; `status` is HTTP's, None
    over Socket Mode; `elapsed_s` is the time from the first attempt to the acknowledgement.
    """

    kind: Kind
    payload: Mapping[str, Any]
    attempts: int
    failure: Failure | None
    answer: Mapping[str, Any] | None
    status: int | None
    elapsed_s: float

    @property
    def acknowledged(self) -> bool:
        """Whether Slack got an acknowledgement; if not, the person saw that it failed."""
        return self.failure is None


class Courier:
    """Delivers over the transport that is set."""

    def __init__(
        self,
        transport: Transport,
        faults: Faults,
        happenings: Happenings,
        retry_delays_s: Sequence[float],
    ) -> None:
        self.transport = transport
        self._faults = faults
        self._happenings = happenings
        self._retry_delays_s = tuple(retry_delays_s)

    async def deliver(
        self, kind: Kind, payload: Mapping[str, Any], before: Delivery | None = None
    ) -> Delivery:
        """Attempt until acknowledged, as often as Slack would; `before` is what it repeats."""
        started = time.perf_counter()
        n_before = 0 if before is None else before.attempts
        reason: Failure = "timeout" if before is None else before.failure or "timeout"
        delays = self._retry_delays_s if kind == "events_api" and before is None else ()
        attempts = n_before
        for delay_s in (None, *delays):
            if delay_s is not None:
                await asyncio.sleep(delay_s)
            attempts += 1
            attempt = await self._attempt(
                kind, payload, Retry(attempts - 1, reason) if attempts > 1 else None
            )
            reason = attempt.failure or reason
            if attempt.failure is None or not attempt.may_retry:
                break
        elapsed_s = time.perf_counter() - started
        self._happenings.tell()
        return Delivery(
            kind, payload, attempts, attempt.failure, attempt.answer, attempt.status, elapsed_s
        )

    async def _attempt(
        self, kind: Kind, payload: Mapping[str, Any], retry: Retry | None
    ) -> Attempt:
        attempt = await self.transport.send(kind, payload, retry)
        if attempt.failure is None and self._faults.loses_ack():
            return Attempt("timeout")
        return attempt
