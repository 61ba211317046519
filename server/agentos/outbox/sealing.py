"""Webhook secrets at rest: AES-256-GCM under a key that lies in a file, not in the database.

Above: the webhooks. Below: cryptography, the file system. A copy of the database alone signs
nothing. The secret is bound to the webhook's id and URL, so that whoever can write the database
cannot have it used for another address. Every machine that delivers needs the same key file.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agentos.errors import ConfigurationError

KEY_BYTES = 32
NONCE_BYTES = 12


def webhook_key_path(home: Path) -> Path:
    """Where the key is."""
    return home / "keys" / "webhooks.key"


class Sealer:
    """Encrypts and decrypts the secrets of webhooks."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, secret: str, webhook: str, url: str) -> bytes:
        """The secret, readable only under this key and for this webhook and URL."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), _bound_to(webhook, url))

    def open(self, sealed: bytes, webhook: str, url: str) -> str:
        """The secret; ConfigurationError where the key is another's or the row was changed."""
        nonce, encrypted = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, encrypted, _bound_to(webhook, url)).decode()
        except (InvalidTag, ValueError):
            raise ConfigurationError(
                f"the secret of webhook {webhook} cannot be read: keys/webhooks.key is not the key "
                "it was stored under, or its row was changed; restore the key file, or add the "
                "webhook again"
            ) from None


def load_or_create_sealer(home: Path) -> Sealer:
    """The sealer of a data folder, its key made with mode 0600 where there is none.

    Processes that ask at once get the same key. ConfigurationError for a file that is no key, that
    others may read, or that cannot be made.
    """
    path = webhook_key_path(home)
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _create(path)
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ConfigurationError(f"{path} may be read by others; run chmod 600 on it")
        key = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"webhook key {path}: {error.strerror}") from error
    if len(key) != KEY_BYTES:
        raise ConfigurationError(f"{path} is not a key of {KEY_BYTES} bytes")
    return Sealer(key)


def _create(path: Path) -> None:
    """Complete under a name of its own, then linked: the first link wins."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(part, path)
        except FileExistsError:
            return
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        part.unlink(missing_ok=True)


def _bound_to(webhook: str, url: str) -> bytes:
    return f"{webhook}\n{url}".encode()
