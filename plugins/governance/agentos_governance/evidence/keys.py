"""Naming public keys: by the SHA-256 of their raw bytes.

Above: packets, DSSE envelopes. Below: cryptography. The key itself is the installation's own, from
`agentos.load_or_create_signing_key`.
"""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def raw_public_key(key: Ed25519PublicKey) -> bytes:
    """The 32 bytes of a public key."""
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def key_id(raw_key: bytes) -> str:
    """A key's id: the SHA-256 of its 32 public bytes, in hexadecimal."""
    return hashlib.sha256(raw_key).hexdigest()
