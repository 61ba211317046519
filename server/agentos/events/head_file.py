"""The anchor file: every signed head, one a line, outside the database; it only grows.

Above: the signer appends, verification reads. Below: the file system. A line that was being
written when the process was killed has no line feed, counts as not there, and is cut off by the
next append.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agentos.canonical import sha256_hex
from agentos.errors import ConfigurationError, VerificationError
from agentos.events.head import SignedHead, read_head

FOLDER = "anchors"
_TAIL_BYTES = 64 * 1024


def anchor_file(home: Path, database_url: str | None) -> Path:
    """Where the heads of a database are kept; another database has another file.

    The name depends on nothing that lies in the database: whoever exchanges the database meets
    the anchors of the one before.
    """
    if database_url is None:
        return home / FOLDER / "embedded.jsonl"
    place = database_url.rpartition("@")[2].rpartition("://")[2]
    return home / FOLDER / f"{sha256_hex(place.encode())[:16]}.jsonl"


class HeadFile:
    """The heads of one chain, at one path."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._newest: tuple[tuple[int, int, int], SignedHead | None] | None = None

    def newest(self) -> SignedHead | None:
        """The last whole head; VerificationError where the last line is not one."""
        try:
            with self.path.open("rb") as file:
                return self._newest_in(file.fileno())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unusable(self.path, error) from error

    def _newest_in(self, descriptor: int) -> SignedHead | None:
        """Read only where the file is not as it was when this process last looked or wrote."""
        version = _version_of(descriptor)
        if self._newest is None or self._newest[0] != version:
            line = _last_line(descriptor)
            self._newest = version, None if line is None else read_head(line)
        return self._newest[1]

    def read(self) -> Iterator[bytes]:
        """Every whole line, oldest first; none where there is no file."""
        try:
            with self.path.open("rb") as file:
                for line in file:
                    if line.endswith(b"\n"):
                        yield line
        except FileNotFoundError:
            return
        except OSError as error:
            raise _unusable(self.path, error) from error

    def append(self, signed: SignedHead) -> None:
        """Durable when this returns. VerificationError where another head was appended meanwhile."""
        try:
            with self._locked() as descriptor:
                newest = self._newest_in(descriptor)
                number = 0 if newest is None else newest.head.number
                if signed.head.number != number + 1:
                    raise VerificationError(f"{self.path} is at head {number} already")
                _write(descriptor, signed.line())
                self._newest = _version_of(descriptor), signed
        except OSError as error:
            raise _unusable(self.path, error) from error

    @contextmanager
    def _locked(self) -> Iterator[int]:
        is_new = not self.path.exists()
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
            if is_new:
                _sync_folder(self.path.parent)
        finally:
            os.close(descriptor)


def _version_of(descriptor: int) -> tuple[int, int, int]:
    status = os.fstat(descriptor)
    return status.st_ino, status.st_size, status.st_mtime_ns


def _write(descriptor: int, line: bytes) -> None:
    end = _whole_bytes(descriptor)
    os.ftruncate(descriptor, end)
    view = memoryview(line)
    while view:
        written = os.pwrite(descriptor, view, end)
        view, end = view[written:], end + written
    os.fsync(descriptor)


def _whole_bytes(descriptor: int) -> int:
    """Up to where the file holds whole lines."""
    end = os.fstat(descriptor).st_size
    while end:
        start = max(0, end - _TAIL_BYTES)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _last_line(descriptor: int) -> bytes | None:
    end = _whole_bytes(descriptor)
    if not end:
        return None
    start, line = end, b""
    while start and b"\n" not in line[:-1]:
        begin = max(0, start - _TAIL_BYTES)
        line = os.pread(descriptor, start - begin, begin) + line
        start = begin
    return line[line.rfind(b"\n", 0, -1) + 1 :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unusable(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(f"anchor file {path}: {error.strerror}")
