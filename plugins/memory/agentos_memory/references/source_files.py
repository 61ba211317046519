"""Reading the file that a reference is made from, once, as its bytes were at that moment.

Above: adding references. Below: the file system; nothing is written.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from agentos import InvalidArgumentError, LimitExceededError, sha256_hex

MAX_SOURCE_BYTES = 128 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file's content; `path` is absolute and holds no symbolic link."""

    path: Path
    content: bytes
    sha256: str


async def load_source(path: str) -> SourceFile:
    """The regular file at an absolute path.

    Raises InvalidArgumentError for anything else, with the same words whatever is there, so that
    a refusal says nothing about files that the caller may not see; LimitExceededError beyond
    MAX_SOURCE_BYTES.
    """
    if not Path(path).is_absolute():
        raise InvalidArgumentError(
            f"{path!r} is not an absolute path",
            remedy="give the absolute path of a file on the server's machine",
        )
    try:
        return await asyncio.to_thread(_load, path)
    except (OSError, ValueError):
        raise InvalidArgumentError(
            f"{path!r} is not a file that can be read",
            remedy="give the absolute path of a document or package on the server's machine",
        ) from None


def digest_file(path: str) -> str:
    """SHA-256 of the file as it is now; ValueError or OSError where it cannot be read as a source."""
    digest = hashlib.sha256()
    with _opened(Path(path)) as file:
        while piece := file.read(1024 * 1024):
            digest.update(piece)
    return digest.hexdigest()


def _load(path: str) -> SourceFile:
    real = Path(os.path.realpath(path))
    with _opened(real) as file:
        content = file.read(MAX_SOURCE_BYTES + 1)
    if len(content) > MAX_SOURCE_BYTES:
        raise LimitExceededError(
            f"{path!r} is larger than {MAX_SOURCE_BYTES} bytes, the limit of a source",
            remedy="add its parts, or a smaller edition",
        )
    return SourceFile(real, content, sha256_hex(content))


def _opened(real: Path) -> BinaryIO:
    """A regular file, open for reading, its last part no symbolic link."""
    # Without O_NONBLOCK a named pipe would wait for a writer.
    descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    file = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise ValueError("not a regular file")
    return file
