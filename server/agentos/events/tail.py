"""What was acknowledged since the newest signed head, noted outside the database before anybody
learned of it.

Above: the signer owns it; the event store hands it what became durable; verification reads it.
Below: files beside the anchor file, one for each process, which only grow:

    anchors/NAME.tail/PID-RANDOM.jsonl    one line a commit: the last event of each stream in it,
                                          as [position, stream, seq, hash]

The hash of a stream's last event covers those before it. A line is written in one step and not
waited for: it outlives a killed process at once, and a power cut once the system or `sync` wrote
it out. A file whose events are all under a signed head, and still in the log, is removed.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import orjson
import structlog

from agentos.database.pool import Database
from agentos.database.queries import Queries
from agentos.errors import ConfigurationError, VerificationError
from agentos.events.model import Event
from agentos.events.verification import BadEvent

_sql = Queries("agentos", "sql/heads.sql")
_log = structlog.get_logger(__name__)


class Acknowledged(NamedTuple):
    """An event whose caller has its answer."""

    position: int
    stream: str
    seq: int
    hash: str


class Tail:
    """The notes of this process, and those of others beside them. Not for several threads."""

    def __init__(self, anchor_file: Path) -> None:
        self.folder = tail_folder(anchor_file)
        self._path: Path | None = None
        self._descriptor = -1
        self._last_position = 0
        self._is_synced = True
        self._closed: list[tuple[Path, int]] = []

    def record(self, events: Sequence[Event]) -> None:
        """Note events that are durable and not yet acknowledged; never raises."""
        last = {e.stream: (e.position, e.stream, e.seq, e.hash) for e in events}
        line = orjson.dumps(list(last.values())) + b"\n"
        try:
            # A restart of the chain, here or elsewhere, took the file away.
            if self._path is None or not os.fstat(self._descriptor).st_nlink:
                self._open()
            os.write(self._descriptor, line)
        except OSError as error:
            _log.error("acknowledged_events_not_noted", reason=error.strerror)
            return
        self._last_position = max(self._last_position, *(entry[0] for entry in last.values()))
        self._is_synced = False

    def rotate(self) -> None:
        """Begin another file with the next event, so that a later head covers this one whole."""
        if self._path is not None:
            self._closed.append((self._path, self._last_position))
            os.close(self._descriptor)
            self._path, self._descriptor = None, -1

    def covered(self, position: int) -> list[Path]:
        """This process's files whose events all lie at `position` or before; begins another."""
        self.rotate()
        return [path for path, last in self._closed if last <= position]

    def drop(self, path: Path) -> None:
        """Remove a file that is needed no more."""
        path.unlink(missing_ok=True)
        self._closed = [(other, last) for other, last in self._closed if other != path]

    def forget(self) -> None:
        """Remove everybody's: an operator accepts the log as it stands."""
        self.rotate()
        self._closed.clear()
        for path in tail_files(self.folder):
            path.unlink(missing_ok=True)

    def abandoned(self) -> list[Path]:
        """The files of processes that are no more."""
        own = {path for path, _ in self._closed} | {self._path}
        return [path for path in tail_files(self.folder) if path not in own and _is_free(path)]

    def dirty_descriptor(self) -> int | None:
        """A descriptor for `sync`, which closes it; None where everything was written out."""
        if self._path is None or self._is_synced:
            return None
        self._is_synced = True
        return os.dup(self._descriptor)

    def _open(self) -> None:
        if self._path is not None:
            os.close(self._descriptor)
            self._path = None
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / f"{os.getpid()}-{secrets.token_hex(8)}.jsonl"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o600)
        # Held until the process ends, however it ends: what is not locked was abandoned.
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._path, self._last_position = path, 0


def sync(descriptor: int) -> None:
    """Write a tail file out to disk, and close the descriptor."""
    try:
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


def tail_folder(anchor_file: Path) -> Path:
    """Where the notes beside an anchor file lie."""
    return anchor_file.with_suffix(".tail")


def tail_files(folder: Path) -> list[Path]:
    """The files of all processes."""
    return sorted(folder.glob("*.jsonl"))


def read_tail(path: Path) -> Iterator[Acknowledged]:
    """The notes in a file, none where it is gone; VerificationError for a line that is none.

    A last line without its end was being written when the power went.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.endswith(b"\n"):
                    yield from _entries(line, f"line {number} of {path.parent.name}/{path.name}")
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error


async def find_lost(database: Database, entries: Sequence[Acknowledged]) -> BadEvent | None:
    """The first acknowledged event that the log does not hold as it was; None for no such event."""
    rows = await database.fetch(_sql.find_events, [entry.position for entry in entries])
    stored = {row["position"]: (row["stream"], row["seq"], row["hash"]) for row in rows}
    for entry in sorted(entries):
        found = stored.get(entry.position)
        if found == entry[1:]:
            continue
        if found is not None:
            reason = "it was rewritten after its call was acknowledged"
            return BadEvent(entry.position, entry.stream, entry.seq, reason)
        end: int = await database.fetch_value(_sql.stream_end, entry.stream)
        reason = "it was acknowledged, and is no more: the end of its stream was cut off"
        if end >= entry.seq:
            reason = "it is not where it was when its call was acknowledged"
            return BadEvent(entry.position, entry.stream, entry.seq, reason)
        position = entry.position if end + 1 == entry.seq else None
        return BadEvent(position, entry.stream, end + 1, reason)
    return None


def _entries(line: bytes, where: str) -> Iterator[Acknowledged]:
    try:
        for position, stream, seq, hash in orjson.loads(line):
            entry = Acknowledged(position, stream, seq, hash)
            if [type(value) for value in entry] != [int, str, int, str]:
                raise ValueError("other types")
            yield entry
    except (ValueError, TypeError):
        raise VerificationError(f"{where} was changed") from None


def _is_free(path: Path) -> bool:
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        finally:
            os.close(descriptor)
    return False
