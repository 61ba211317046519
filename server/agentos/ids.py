"""Short identifiers that a person can type: `WO-3F9K2M7Q`."""

from __future__ import annotations

import secrets
import time
from functools import lru_cache

# Crockford's alphabet: no I, L, O, U, so that ids survive being read aloud.
_ALPHABET = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TABLE = _ALPHABET * (256 // len(_ALPHABET))
_CALL_STEP_S = 16
_CALL_TIME_CHARS = 6
_CALL_RANDOM_CHARS = 10


def new_id(prefix: str, length: int = 8) -> str:
    """A fresh random id, `prefix-` and `length` characters of 5 random bits each."""
    return f"{prefix}-{_random(length)}"


def new_call_id() -> str:
    """A fresh id of a call: `CA-`, 6 characters of the time, and 10 of 5 random bits each.

    Ids of the same 16 seconds begin alike. So the index by call grows at its end: at random places
    of it each call would read a page that is not at hand, and log it whole after a checkpoint.
    """
    return f"CA-{_of_time(int(time.time()) // _CALL_STEP_S)}{_random(_CALL_RANDOM_CHARS)}"


def _random(length: int) -> str:
    return secrets.token_bytes(length).translate(_TABLE).decode()


@lru_cache(maxsize=1)
def _of_time(step: int) -> str:
    places = range(5 * (_CALL_TIME_CHARS - 1), -1, -5)
    return bytes(_ALPHABET[step >> place & 31] for place in places).decode()
