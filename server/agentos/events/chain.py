"""The hash chain: SHA-256 over every field of an event in canonical JSON (RFC 8785)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from agentos.canonical import MAX_SAFE_INTEGER, canonical_json
from agentos.clock import format_time
from agentos.errors import InvalidArgumentError

_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER | orjson.OPT_UTC_Z


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
    return hash_text(position, stream, seq, type, actor, at, data_text(data), prev_hash)


def hash_text(
    position: int,
    stream: str,
    seq: int,
    type: str,
    actor: str,
    at: datetime,
    data: bytes,
    prev_hash: str,
) -> str:
    """The same of an event whose data are canonical JSON already."""
    fields = {
        "actor": actor,
        # As `format_time` writes it, without the detour through a text of its own.
        "at": at if at.tzinfo is UTC and at.microsecond else format_time(at),
        "data": orjson.Fragment(data),
        "position": position,
        "prev_hash": prev_hash,
        "seq": seq,
        "stream": stream,
        "type": type,
    }
    try:
        text = orjson.dumps(fields, option=_OPTIONS)
    except TypeError as error:
        raise InvalidArgumentError(f"not expressible in canonical JSON: {error}") from error
    return hashlib.sha256(text).hexdigest()


def text_around(
    stream: str, type: str, actor: str, at: datetime, data: bytes
) -> tuple[bytes, bytes]:
    """What `hash_text` hashes of an event before its position, and after its sequence number.

    For whoever puts the three fields between them in that only the database knows.
    """
    first = {
        "actor": actor,
        "at": at if at.tzinfo is UTC and at.microsecond else format_time(at),
        "data": orjson.Fragment(data),
    }
    try:
        before = orjson.dumps(first, option=_OPTIONS)
        after = orjson.dumps({"stream": stream, "type": type}, option=_OPTIONS)
    except TypeError as error:
        raise InvalidArgumentError(f"not expressible in canonical JSON: {error}") from error
    return before[:-1] + b',"position":', b"," + after[1:]


def data_text(data: Mapping[str, Any]) -> bytes:
    """The canonical JSON of an event's data, as it is hashed."""
    try:
        return canonical_json(data)
    except InvalidArgumentError:
        return canonical_json(_with_doubles(data))


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
