"""Canonical JSON (RFC 8785) and digests over it: the same value gives the same bytes everywhere.

Above: events, evidence packets, resume packets, argument digests. Below: orjson, rfc8785.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson
import rfc8785

from agentos.errors import InvalidArgumentError

MAX_SAFE_INTEGER = 2**53 - 1

_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER | orjson.OPT_PASSTHROUGH_SUBCLASS


class CanonicalObject(dict[str, Any]):
    """A JSON object with its canonical text, written once however often it is recorded.

    It must not change once it is made: the text is what is hashed and stored.
    """

    __slots__ = ("may_hold_secret", "text")

    def __init__(self, value: Mapping[str, Any], text: bytes | None = None) -> None:
        super().__init__(value)
        self.text = canonical_json(dict(value)) if text is None else text
        """Canonical JSON; `text` is given where it is known already."""
        self.may_hold_secret: bool | None = None
        """What the search for secrets found in the text; None before it."""


_LEAVES = frozenset({str, int, bool, type(None), CanonicalObject})


def canonical_json(value: Any) -> bytes:
    """RFC 8785 bytes of a JSON value (dict with string keys, list, str, int, float, bool, None).

    Raises InvalidArgumentError for what canonical JSON cannot say: NaN, infinities, integers
    beyond 2**53 - 1, lone surrogates, keys that are not strings.
    """
    try:
        if _is_exact(value):
            text = orjson.dumps(value, option=_OPTIONS, default=_written)
            if text.isascii() or _has_ascii_keys(value):
                return text
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, TypeError, ValueError, RecursionError) as error:
        raise InvalidArgumentError(f"not expressible in canonical JSON: {error}") from error


def sha256_hex(data: bytes) -> str:
    """Lower-case hexadecimal SHA-256 of `data`."""
    return hashlib.sha256(data).hexdigest()


def digest_of(value: Any) -> str:
    """SHA-256 of the canonical JSON of `value`."""
    return sha256_hex(canonical_json(value))


def _is_exact(value: Any) -> bool:
    """Whether orjson prints `value` as RFC 8785 does, apart from the order of keys beyond ASCII.

    Floats are formatted differently (ECMAScript). Exact types only: orjson also serialises
    subclasses, dataclasses and dates, which have no canonical form. Big integers, which RFC 8785
    refuses, are refused by orjson's options.
    """
    kind = type(value)
    if kind is dict:
        value = value.values()
    elif kind is not list:
        return kind in _LEAVES
    for item in value:  # noqa: SIM110 - a generator costs more than what it looks at
        if type(item) not in _LEAVES and not _is_exact(item):
            return False
    return True


def _written(value: Any) -> orjson.Fragment:
    if type(value) is CanonicalObject:
        return orjson.Fragment(value.text)
    raise TypeError(f"{type(value).__name__} is not JSON")


def _has_ascii_keys(value: Any) -> bool:
    """Whether every key sorts by UTF-16 code unit, as RFC 8785 wants, as it does by code point."""
    if isinstance(value, dict):
        return all(key.isascii() and _has_ascii_keys(item) for key, item in value.items())
    return type(value) is not list or all(_has_ascii_keys(item) for item in value)
