"""The installation's keys for evidence, and the public keys of observers whom it believes.

Above: packets, observations. Below: the kernel's key ring, the file system.

    keys/evidence.key, keys/evidence.keys.json    see `agentos keys`
    keys/observers/NAME.pub                       a public key, in PEM, hexadecimal or base64;
                                                  put there by whoever runs the server
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agentos import ConfigurationError, KeyRing, Settings, load_key_ring
from agentos_governance.evidence.durable_files import make_private_folder
from agentos_governance.evidence.verify_packet import Problem, raw_key_of

MAX_OBSERVERS = 1_000
MAX_KEY_BYTES = 10_000


def raw_public_key(key: Ed25519PublicKey) -> bytes:
    """The 32 bytes of a public key."""
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def public_key_text(key: Ed25519PublicKey) -> str:
    """A public key in base64, as files of observers' keys hold it."""
    return base64.b64encode(raw_public_key(key)).decode("ascii")


def key_id(raw_key: bytes) -> str:
    """A key's id: the SHA-256 of its 32 public bytes, in hexadecimal."""
    return hashlib.sha256(raw_key).hexdigest()


def evidence_keys(settings: Settings) -> KeyRing:
    """The ring that signs packets; made at the first use."""
    make_private_folder(settings.home / "keys")
    return load_key_ring(settings.home / "keys" / "evidence.key")


def observer_folder(settings: Settings) -> Path:
    """Where the public keys of observers lie."""
    return settings.home / "keys" / "observers"


def load_observers(settings: Settings) -> dict[str, tuple[str, bytes]]:
    """Name and raw public key of each observer, by key id.

    ConfigurationError for a file that holds no Ed25519 public key: a typing error must not lock
    out an observer silently.
    """
    observers: dict[str, tuple[str, bytes]] = {}
    files = sorted(observer_folder(settings).glob("*.pub"))
    if len(files) > MAX_OBSERVERS:
        raise ConfigurationError(f"there are more than {MAX_OBSERVERS} observers' keys")
    for path in files:
        try:
            raw = raw_key_of(path.read_bytes()[:MAX_KEY_BYTES])
        except OSError as error:
            raise ConfigurationError(f"observer key {path}: {error.strerror}") from None
        except Problem:
            raise ConfigurationError(f"observer key {path} is no Ed25519 public key") from None
        observers[key_id(raw)] = (path.stem, raw)
    return observers
