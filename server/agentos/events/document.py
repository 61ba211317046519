"""An event as JSON, the one form in which events leave the installation.

Above: server-sent events, the outbox. Below: events. Secrets were removed when it was stored.
"""

from __future__ import annotations

from typing import Any

from agentos.clock import format_time
from agentos.events.model import Event


def event_document(event: Event) -> dict[str, Any]:
    """Every field of a stored event, its time as RFC 3339 UTC."""
    return {
        "position": event.position,
        "stream": event.stream,
        "seq": event.seq,
        "type": event.type,
        "actor": event.actor,
        "at": format_time(event.at),
        "data": event.data,
        "prev_hash": event.prev_hash,
        "hash": event.hash,
    }
