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
    try:
        data_json = canonical_json(data)
    except InvalidArgumentError:
        data_json = canonical_json(_with_doubles(data))
    # The object's members in canonical order; composed, because their names never change.
    return hashlib.sha256(
        b'{"actor":%b,"at":"%b","data":%b,"position":%d,"prev_hash":%b,"seq":%d,"stream":%b,"type":%b}'
        % (
            canonical_json(actor),
            format_time(at).encode(),
            data_json,
            position,
            canonical_json(prev_hash),
            seq,
            canonical_json(stream),
            canonical_json(type),
        )
    ).hexdigest()


def _with_doubles(value: Any) -> Any:
    """`value` with the integers that only doubles reach as doubles.

    PostgreSQL gives the double 1e20 back as the integer it is; canonical JSON knows both as one.
    """
    if isinstance(value, Mapping):
        return {key: _with_doubles(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_doubles(item) for item in value]
    if type(value) is int and not -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
        return float(value)
    return value
