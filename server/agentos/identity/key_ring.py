"""An installation's signing keys over time: each new key is vouched for by the one before.

Above: evidence packets, signed heads, `agentos keys`. Below: signing_key (the private key in use),
revocation, the file system. The ring lies beside the private key and is public:

    keys/evidence.key             the private key that signs now
    keys/evidence.keys.json       {"format", "keys": [{"key_id", "public_key", "not_before",
                                   "previous", "signature"}, ...]}, oldest first;
                                  "revoked" besides, where a key was
    keys/evidence.key.next        only while a rotation is under way

Whoever pins the first key accepts the later ones. A rotated private key is overwritten, so it
signs nothing more; its public key stays, and was valid until the next one's `not_before`.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from agentos.canonical import canonical_json
from agentos.clock import Clock, format_time
from agentos.errors import ConfigurationError, InvalidArgumentError, NotFoundError
from agentos.identity.revocation import Revocation, check_reason, sign_revocation
from agentos.identity.signing_key import load_or_create_signing_key

FORMAT = "agentos-key-ring/1"
ROTATION_CONTEXT = b"agentos-key-rotation/1\n"
MAX_KEYS = 1_000
MIN_ID_CHARS = 8
EPOCH = "1970-01-01T00:00:00.000000Z"
"""When the first key of a ring begins: nothing says when it was made."""


@dataclass(frozen=True, slots=True)
class RingKey:
    """A public key of a ring. `signature` is the previous key's, over what `message` gives."""

    key_id: str
    public_key: str
    not_before: str
    previous: str | None
    signature: str | None

    def document(self) -> dict[str, Any]:
        """The key as a JSON value."""
        return {name: getattr(self, name) for name in self.__slots__}

    @property
    def message(self) -> bytes:
        """What the previous key signs to vouch for this one."""
        names = ("key_id", "public_key", "not_before", "previous")
        return ROTATION_CONTEXT + canonical_json({name: getattr(self, name) for name in names})


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys up to the one in use, oldest first, and the private key in use."""

    keys: tuple[RingKey, ...]
    private_key: Ed25519PrivateKey
    revocations: tuple[Revocation, ...] = ()

    @property
    def current(self) -> RingKey:
        """The key that signs now."""
        return self.keys[-1]

    def document(self) -> dict[str, Any]:
        """The public ring as a JSON value; it holds no secret."""
        return _document(self.keys, self.revocations)

    def revocation_of(self, key_id: str) -> Revocation | None:
        """Since when and why a key counts no more; None where it counts."""
        return next((each for each in self.revocations if each.key_id == key_id), None)

    def find(self, beginning: str) -> RingKey:
        """The key whose id begins so; NotFoundError unless there is exactly one."""
        found = [key for key in self.keys if key.key_id.startswith(beginning)]
        if len(found) != 1 or len(beginning) < MIN_ID_CHARS:
            raise NotFoundError(
                f"{beginning[:64]!r} names no key of this ring; `agentos keys list` shows them"
            )
        return found[0]


def load_key_ring(path: Path) -> KeyRing:
    """The ring of the private key at `path`, both made where they are not there.

    A rotation that was killed half-way is completed or taken back first. ConfigurationError for a
    ring that does not prove itself, or whose last key is not the private key at `path`.
    """
    with _lock(path):
        return _load(path)


def rotate_key(path: Path, now: datetime) -> KeyRing:
    """A new key in place of the one at `path`, vouched for by it; the ring after.

    InvalidArgumentError where `now` is not later than the current key's beginning.
    """
    with _lock(path):
        return _rotated(path, _load(path), now)


def revoke_key(path: Path, key_id: str, reason: str, clock: Clock) -> KeyRing:
    """The ring after a key of it was revoked now; a key in use is rotated out first.

    `key_id` may be its beginning. One that is revoked already stays as it is. NotFoundError for
    another key, InvalidArgumentError for a reason that is none.
    """
    with _lock(path):
        ring = _load(path)
        key = ring.find(key_id)
        if ring.revocation_of(key.key_id) is not None:
            return ring
        check_reason(reason)
        if key == ring.current:
            ring = _rotated(path, ring, clock.now())
        # After the rotation: whoever took the old key up to then signed before this moment.
        revocation = sign_revocation(
            key.key_id,
            format_time(clock.now()),
            reason,
            signed_by=ring.current.key_id,
            key=ring.private_key,
        )
        revocations = (*ring.revocations, revocation)
        _write_ring(_ring_path(path), ring.keys, revocations)
        return KeyRing(ring.keys, ring.private_key, revocations)


def _rotated(path: Path, ring: KeyRing, now: datetime) -> KeyRing:
    if len(ring.keys) >= MAX_KEYS:
        raise InvalidArgumentError(f"a ring holds at most {MAX_KEYS} keys")
    if format_time(now) <= ring.current.not_before:
        raise InvalidArgumentError("a key begins later than the one that vouches for it")
    following = _next_path(path)
    private = load_or_create_signing_key(following)
    keys = (*ring.keys, _vouched(private, ring, format_time(now)))
    _write_ring(_ring_path(path), keys, ring.revocations)
    following.replace(path)
    _sync(path.parent)
    return KeyRing(keys, private, ring.revocations)


def public_key_text(key: Ed25519PublicKey) -> str:
    """The 32 bytes of a public key in base64."""
    return base64.b64encode(key.public_bytes_raw()).decode("ascii")


def key_id_of(key: Ed25519PublicKey) -> str:
    """A key's id: the SHA-256 of its 32 public bytes, in hexadecimal."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()


def _vouched(private: Ed25519PrivateKey, ring: KeyRing, not_before: str) -> RingKey:
    public = private.public_key()
    key = RingKey(key_id_of(public), public_key_text(public), not_before, ring.current.key_id, None)
    signature = base64.b64encode(ring.private_key.sign(key.message)).decode("ascii")
    return RingKey(key.key_id, key.public_key, key.not_before, key.previous, signature)


def _load(path: Path) -> KeyRing:
    keys, revocations = _read_ring(_ring_path(path))
    following = _next_path(path)
    if following.exists():
        # The ring names the new key before it takes its place: what it does not name never was.
        private = load_or_create_signing_key(following)
        if keys and keys[-1].key_id == key_id_of(private.public_key()):
            following.replace(path)
        else:
            following.unlink()
        _sync(path.parent)
    private = load_or_create_signing_key(path)
    public = private.public_key()
    if not keys:
        keys = (RingKey(key_id_of(public), public_key_text(public), EPOCH, None, None),)
        _write_ring(_ring_path(path), keys, ())
    if keys[-1].key_id != key_id_of(public):
        raise ConfigurationError(
            f"{path} is not the newest key of {_ring_path(path)}; restore both from one backup"
        )
    return KeyRing(keys, private, revocations)


def _read_ring(path: Path) -> tuple[tuple[RingKey, ...], tuple[Revocation, ...]]:
    """Keys and revocations in a ring file, none where there is no file; each must be proved."""
    try:
        document = json.loads(path.read_bytes())
        if document["format"] != FORMAT or not 1 <= len(document["keys"]) <= MAX_KEYS:
            raise ValueError("another format")
        keys = tuple(RingKey(**key) for key in document["keys"])
        _check(keys)
        revocations = tuple(Revocation(**each) for each in document.get("revoked", ()))
        public_keys = {key.key_id: key.public_key for key in keys}
        for revocation in revocations:
            revocation.check(public_keys)
    except FileNotFoundError:
        return (), ()
    except OSError as error:
        raise ConfigurationError(f"key ring {path}: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, InvalidSignature) as error:
        raise ConfigurationError(f"key ring {path} does not prove itself: {error}") from error
    return keys, revocations


def _check(keys: tuple[RingKey, ...]) -> None:
    if keys[0].previous is not None or keys[0].signature is not None:
        raise ValueError("the first key names a key before it")
    for key in keys:
        raw = base64.b64decode(key.public_key, validate=True)
        if key.key_id != hashlib.sha256(raw).hexdigest():
            raise ValueError(f"{key.key_id} is not the id of its public key")
    for before, key in pairwise(keys):
        if key.previous != before.key_id or key.signature is None:
            raise ValueError(f"{key.key_id} does not follow the key before it")
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(before.public_key))
        public.verify(base64.b64decode(key.signature), key.message)


def _document(keys: Sequence[RingKey], revocations: Sequence[Revocation]) -> dict[str, Any]:
    document: dict[str, Any] = {"format": FORMAT, "keys": [key.document() for key in keys]}
    if revocations:
        document["revoked"] = [each.document() for each in revocations]
    return document


def _write_ring(path: Path, keys: Sequence[RingKey], revocations: Sequence[Revocation]) -> None:
    document = _document(keys, revocations)
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(canonical_json(document))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise ConfigurationError(f"key ring {path}: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)


def _ring_path(path: Path) -> Path:
    return path.with_name(f"{path.stem}.keys.json")


def _next_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.next")


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Keep other threads and processes out; a killed holder's lock is free."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(
            path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
    except OSError as error:
        raise ConfigurationError(f"signing key {path}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
