"""Short identifiers that a person can type: `WO-3F9K2M7Q`."""

from __future__ import annotations

import secrets

# Crockford's alphabet: no I, L, O, U, so that ids survive being read aloud.
_ALPHABET = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TABLE = _ALPHABET * (256 // len(_ALPHABET))


def new_id(prefix: str, length: int = 8) -> str:
    """A fresh random id, `prefix-` and `length` characters of 5 random bits each."""
    return f"{prefix}-{secrets.token_bytes(length).translate(_TABLE).decode()}"
