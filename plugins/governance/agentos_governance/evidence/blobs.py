"""Content-addressed files: what evidence was recorded from, kept until packets are made.

Above: evidence recording, packets. Below: durable_files; s3_blobs where the `blobs` setting says
so. Stores are called from threads, several at once. A digest that was answered names bytes that
survive a crash, and bytes that are read are checked against their digest.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from agentos import (
    ConfigurationError,
    InvalidArgumentError,
    LimitExceededError,
    NotFoundError,
    Settings,
    VerificationError,
)
from agentos_governance.evidence.durable_files import (
    make_private_folder,
    sync_folder,
    write_durable,
)

MAX_BLOB_BYTES = 16 * 1024 * 1024
_CHUNK_BYTES = 1 << 20


class BlobStore(Protocol):
    """Bytes by their SHA-256, in lower-case hexadecimal; written once, never changed."""

    def put(self, content: bytes) -> str:
        """Store bytes durably; their SHA-256. LimitExceededError beyond MAX_BLOB_BYTES."""
        ...

    def has(self, sha256: str) -> bool:
        """Whether the bytes of a digest are stored; not whether they are whole."""
        ...

    def get(self, sha256: str) -> bytes:
        """The bytes of a digest. NotFoundError where there are none, VerificationError where
        they are not what the digest says."""
        ...

    def open(self, sha256: str) -> BinaryIO:
        """The bytes of a digest as a file to read, not yet checked; NotFoundError as `get`."""
        ...


def open_blob_store(settings: Settings) -> BlobStore:
    """The store that the `blobs` setting names: a folder below `home`, or `s3://...`."""
    if settings.blobs is None:
        return DirectoryBlobs(settings.home / "blobs")
    if settings.blobs.startswith("s3://"):
        from agentos_governance.evidence.s3_blobs import open_s3_blobs

        return open_s3_blobs(settings.blobs)
    raise ConfigurationError(
        f"setting 'blobs': {settings.blobs[:80]!r} is not s3://bucket/prefix?endpoint=URL"
    )


class DirectoryBlobs:
    """Blobs below one folder; written, fsynced, then renamed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, content: bytes) -> str:
        sha256 = digest_within_limit(content)
        target = self._path(sha256)
        if not target.exists():
            make_private_folder(self._folder)
            make_private_folder(target.parent)
            write_durable(target, content)
            sync_folder(target.parent)
            sync_folder(self._folder)
        return sha256

    def has(self, sha256: str) -> bool:
        path = self._path(sha256)
        return path.is_file() and not path.is_symlink()

    def get(self, sha256: str) -> bytes:
        with self.open(sha256) as file:
            return checked(file.read(), sha256)

    def open(self, sha256: str) -> BinaryIO:
        try:
            return self._path(sha256).open("rb")
        except FileNotFoundError:
            raise not_stored(sha256) from None

    def _path(self, sha256: str) -> Path:
        check_digest(sha256)
        return self._folder / sha256[:2] / sha256


def iter_blob(blobs: BlobStore, sha256: str) -> Iterator[bytes]:
    """The bytes of a digest piece by piece; VerificationError at the end where they are others."""
    hasher = hashlib.sha256()
    with blobs.open(sha256) as file:
        while chunk := file.read(_CHUNK_BYTES):
            hasher.update(chunk)
            yield chunk
    if hasher.hexdigest() != sha256:
        raise _changed(sha256)


def digest_within_limit(content: bytes) -> str:
    """The SHA-256 of bytes that a store takes; LimitExceededError for more."""
    if len(content) > MAX_BLOB_BYTES:
        raise LimitExceededError(
            f"evidence of {len(content)} bytes; the limit is {MAX_BLOB_BYTES} bytes",
            remedy="record the part that supports the claim",
        )
    return hashlib.sha256(content).hexdigest()


def check_digest(sha256: str) -> None:
    """Raises InvalidArgumentError for what is no digest: a path is made of it."""
    if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
        raise InvalidArgumentError(f"{sha256[:80]!r} is not a SHA-256 in lower-case hexadecimal")


def checked(content: bytes, sha256: str) -> bytes:
    """The bytes, if they are what the digest says; VerificationError otherwise."""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise _changed(sha256)
    return content


def not_stored(sha256: str) -> NotFoundError:
    """The error for a digest of which nothing is stored."""
    return NotFoundError(f"no evidence with the digest {sha256} is stored here")


def in_memory(content: bytes) -> BinaryIO:
    """Bytes as a file to read."""
    return io.BytesIO(content)


def _changed(sha256: str) -> VerificationError:
    return VerificationError(f"the evidence stored as {sha256} was changed: its SHA-256 is another")
