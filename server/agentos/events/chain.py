"""The hash chain: SHA-256 over every field of an event in canonical JSON (RFC 8785)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from agentos.canonical import MAX_SAFE_INTEGER, canonical_json
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
    # One object's members in canonical order; `data` stands between "at" and "position".
    before = canonical_json({"actor": actor, "at": _time(at)})
    after = canonical_json(
        {"position": position, "prev_hash": prev_hash, "seq": seq, "stream": stream, "type": type}
    )
    text = b'%b,"data":%b,%b' % (before[:-1], data_json, after[1:])
    return hashlib.sha256(text).hexdigest()


def _time(at: datetime) -> str:
    """What `format_time` gives, a microsecond and a half sooner; there are two in every call."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"


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
