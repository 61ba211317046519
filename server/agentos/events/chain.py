"""The hash chain: SHA-256 over every field of an event in canonical JSON (RFC 8785)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from agentos.canonical import MAX_SAFE_INTEGER, canonical_json
from agentos.clock import format_time
from agentos.errors import InvalidArgumentError


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
    fields = {
        "position": position,
        "stream": stream,
        "seq": seq,
        "type": type,
        "actor": actor,
        "at": format_time(at),
        "data": data,
        "prev_hash": prev_hash,
    }
    try:
        text = canonical_json(fields)
    except InvalidArgumentError:
        text = canonical_json({**fields, "data": _with_doubles(data)})
    return hashlib.sha256(text).hexdigest()


def _with_doubles(value: Any) -> Any:
    """`value` with the integers that only doubles reach as doubles.

    PostgreSQL gives the double 1e20 back as the integer it is; canonical JSON knows both as one.
    """
    if isinstance(value, Mapping):
        return {key: _with_doubles(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_doubles(item) for item in value]
    if type(value) is int and abs(value) > MAX_SAFE_INTEGER and _is_double(value):
        return float(value)
    return value


def _is_double(value: int) -> bool:
    try:
        return int(float(value)) == value
    except OverflowError:
        return False
