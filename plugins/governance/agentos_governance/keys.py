"""The server's Ed25519 signing key: made once, kept in a file that only its owner reads.

Above: packets, audit anchors. Below: cryptography, the file system.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from uuid import uuid4

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from agentos import ConfigurationError
from agentos_governance.durable_files import sync_folder


def load_or_create_signing_key(path: Path) -> Ed25519PrivateKey:
    """The key at `path`, made there (mode 0600) when there is none.

    Several processes may ask at once: all get the same key. Raises ConfigurationError for a file
    that is no Ed25519 key or that others may read.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        _create(path)
    return _load(path)


def raw_public_key(key: Ed25519PublicKey) -> bytes:
    """The 32 bytes of a public key."""
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def key_id(raw_key: bytes) -> str:
    """A key's id: the SHA-256 of its 32 public bytes, in hexadecimal."""
    return hashlib.sha256(raw_key).hexdigest()


def _create(path: Path) -> None:
    """Makes a key under a name of its own, then links it: the first link wins, complete."""
    pem = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    part = path.with_name(f".{path.name}.{uuid4().hex}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(part, path)
        except FileExistsError:
            return
        sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)


def _load(path: Path) -> Ed25519PrivateKey:
    try:
        mode = path.stat().st_mode
        pem = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"signing key {path}: {error.strerror}") from error
    if stat.S_IMODE(mode) & 0o077:
        raise ConfigurationError(f"signing key {path} may be read by others; run chmod 600 on it")
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(f"signing key {path} is not a private key in PEM form") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError(f"signing key {path} is not an Ed25519 key")
    return key
