"""The hash chain: SHA-256 over every field of an event in canonical JSON (RFC 8785)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from agentos.canonical import canonical_json
from agentos.clock import format_time


def hash_event(
    position: int,
    stream: str,
    seq: int,
    type: str,
    actor: str,
    at: datetime,
    data: Mapping[str, Any],
    prev_hash: str,
) -> str:
    """Lower-case hexadecimal SHA-256 of the event's fields, the previous hash included."""
    return hashlib.sha256(
        canonical_json(
            {
                "position": position,
                "stream": stream,
                "seq": seq,
                "type": type,
                "actor": actor,
                "at": format_time(at),
                "data": data,
                "prev_hash": prev_hash,
            }
        )
    ).hexdigest()
