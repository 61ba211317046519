"""An installation's own Ed25519 key: made once, in a file that only its owner reads.

Above: audit anchors, evidence packets. Below: cryptography, the file system.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from agentos.errors import ConfigurationError


def load_or_create_signing_key(path: Path) -> Ed25519PrivateKey:
    """The key at `path`, made there with mode 0600 where there is none.

    Processes that ask at once get the same key. ConfigurationError for a file that is no Ed25519
    key, that others may read, or that cannot be made.
    """
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _create(path)
        return _load(path)
    except OSError as error:
        raise ConfigurationError(f"signing key {path}: {error.strerror}") from error


def find_key(path: Path) -> Ed25519PrivateKey | None:
    """The key at `path`, or None where there is none; errors as `load_or_create_signing_key`."""
    try:
        return _load(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"signing key {path}: {error.strerror}") from error


def _create(path: Path) -> None:
    """Complete under a name of its own, then linked: the first link wins."""
    pem = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
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
        _sync(path.parent)
    finally:
        part.unlink(missing_ok=True)


def _load(path: Path) -> Ed25519PrivateKey:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ConfigurationError(f"signing key {path} may be read by others; run chmod 600 on it")
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigurationError(f"signing key {path} is not a key in PEM form") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError(f"signing key {path} is not an Ed25519 key")
    return key


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
