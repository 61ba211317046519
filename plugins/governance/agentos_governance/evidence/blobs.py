"""Content-addressed files: what evidence was recorded from, kept until packets are made.

Above: evidence recording, packets. Below: durable_files. Written once, fsynced, then renamed,
so that a digest that was answered names bytes that survive a crash.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from agentos import LimitExceededError, NotFoundError
from agentos_governance.evidence.durable_files import (
    make_private_folder,
    sync_folder,
    write_durable,
)

MAX_BLOB_BYTES = 16 * 1024 * 1024


class BlobStore:
    """Blobs below one folder, named by their SHA-256."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, content: bytes) -> str:
        """Store bytes durably; their SHA-256. LimitExceededError beyond 16 MiB."""
        if len(content) > MAX_BLOB_BYTES:
            raise LimitExceededError(
                f"evidence of {len(content)} bytes; the limit is {MAX_BLOB_BYTES} bytes",
                remedy="record the part that supports the claim",
            )
        sha256 = hashlib.sha256(content).hexdigest()
        target = self.path(sha256)
        if not target.exists():
            make_private_folder(self._folder)
            make_private_folder(target.parent)
            write_durable(target, content)
            sync_folder(target.parent)
            sync_folder(self._folder)
        return sha256

    def path(self, sha256: str) -> Path:
        """Where the blob of a digest lies, or would lie."""
        return self._folder / sha256[:2] / sha256

    def get(self, sha256: str) -> bytes:
        """The bytes of a digest; NotFoundError where they are not stored here."""
        try:
            return self.path(sha256).read_bytes()
        except FileNotFoundError:
            raise NotFoundError(f"no evidence with the digest {sha256} is stored here") from None
