"""Canonical JSON (RFC 8785) and digests over it: the same value gives the same bytes everywhere.

Above: events, evidence packets, resume packets, argument digests. Below: orjson, rfc8785.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
import rfc8785

from agentos.errors import InvalidArgumentError

MAX_SAFE_INTEGER = 2**53 - 1

_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
_SCALARS = frozenset({str, int, bool, type(None)})


def canonical_json(value: Any) -> bytes:
    """RFC 8785 bytes of a JSON value (dict with string keys, list, str, int, float, bool, None).

    Raises InvalidArgumentError for what canonical JSON cannot say: NaN, infinities, integers
    beyond 2**53 - 1, lone surrogates, keys that are not strings.
    """
    try:
        if _sorts_like_utf16(value):
            return orjson.dumps(value, option=_OPTIONS)
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, TypeError, ValueError, RecursionError) as error:
        raise InvalidArgumentError(f"not expressible in canonical JSON: {error}") from error


def sha256_hex(data: bytes) -> str:
    """Lower-case hexadecimal SHA-256 of `data`."""
    return hashlib.sha256(data).hexdigest()


def digest_of(value: Any) -> str:
    """SHA-256 of the canonical JSON of `value`."""
    return sha256_hex(canonical_json(value))


def _sorts_like_utf16(value: Any) -> bool:
    """Whether orjson's output, where it gives one, equals RFC 8785's for `value`.

    They differ for floats (ECMAScript formatting) and for keys beyond ASCII (RFC 8785 sorts by
    UTF-16 code unit); `_OPTIONS` make orjson refuse big integers. Exact types only: orjson also
    serialises subclasses, dataclasses and dates, which have no canonical form.
    """
    kind = type(value)
    if kind is dict:
        if not "".join(value).isascii():
            return False
        value = value.values()
    elif kind is not list:
        return kind in _SCALARS
    if _SCALARS.issuperset(map(type, value)):
        return True
    for item in value:
        if type(item) not in _SCALARS and not _sorts_like_utf16(item):
            return False
    return True
