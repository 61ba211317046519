"""What a message bus must do for the outbox, and what an event looks like on one.

Above: the publisher. Below: implementations such as `jetstream`. Between the processes of one
installation no bus is needed: they share the log, NOTIFY wakes them and polling guarantees.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

import orjson

from agentos.events.document import event_document
from agentos.events.model import Event

MAX_PAYLOAD_BYTES = 512 * 1024

_NOT_IN_TOKEN = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True, slots=True)
class LastPublished:
    """The newest event that a bus holds."""

    event_id: str
    position: int


class EventBus(Protocol):
    """Where events are published; connected for as long as its context lasts."""

    async def publish(self, event_id: str, subject: str, payload: bytes) -> None:
        """Store a message durably. Publishing an id again stores nothing.

        Raises UnavailableError where it is not certain that it is stored.
        """
        ...

    async def find_last(self) -> LastPublished | None:
        """The newest event below our subjects, or None where the bus cannot say."""
        ...


def event_id(event: Event) -> str:
    """What makes an event one and the same everywhere: the digest of all its fields.

    Position or stream and number would not do: after a restore of yesterday's database another
    event may get those of one that was published.
    """
    return event.hash


def event_subject(prefix: str, event: Event) -> str:
    """`prefix.work_order.claimed`: what has a meaning in subjects is replaced in each token."""
    tokens = (_NOT_IN_TOKEN.sub("_", token) or "_" for token in event.type.split("."))
    return ".".join((prefix, *tokens))


def event_payload(event: Event) -> bytes:
    """The event as JSON; one of more than MAX_PAYLOAD_BYTES without its data, and says so.

    The whole event is in the log, under its position.
    """
    document = event_document(event)
    payload = orjson.dumps(document, default=dict)
    if len(payload) <= MAX_PAYLOAD_BYTES:
        return payload
    return orjson.dumps({**document, "data": {}, "data_omitted_bytes": len(payload)})
