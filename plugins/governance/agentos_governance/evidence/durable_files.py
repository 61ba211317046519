"""Files that are either completely there or not there at all, also after a power cut.

Above: packets, keys. Below: the file system (write, fsync, rename, fsync of the folder).
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from agentos import InvalidArgumentError

_CHUNK_BYTES = 1 << 20


def write_durable(path: Path, content: bytes) -> None:
    """Puts `content` at `path`, mode 0600, in one step; the caller syncs the folder at the end."""
    write_durable_chunks(path, iter([content]))


def write_durable_chunks(path: Path, chunks: Iterator[bytes | memoryview]) -> None:
    """As `write_durable`, for content that is read piece by piece."""
    part = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with os.fdopen(os.open(part, flags, 0o600), "wb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def make_private_folder(folder: Path) -> None:
    """Makes a folder and what is above it, where missing; only its owner may enter it."""
    folder.mkdir(parents=True, exist_ok=True)
    if stat.S_IMODE(folder.stat().st_mode) != 0o700:
        folder.chmod(0o700)


def sync_folder(folder: Path) -> None:
    """Makes the folder's entries durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def iter_file(path: Path) -> Iterator[bytes]:
    """The content of a regular file; InvalidArgumentError for links, folders and devices."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise InvalidArgumentError(f"{path.name} cannot be read: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise InvalidArgumentError(f"{path.name} is not a regular file")
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def file_sha256(path: Path) -> str:
    """SHA-256 of a regular file, in hexadecimal."""
    digest = hashlib.sha256()
    for chunk in iter_file(path):
        digest.update(chunk)
    return digest.hexdigest()
