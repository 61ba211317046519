"""Contents of files that were read before, for looking through many of them at every query.

Above: search for messages that a query quotes. Below: the files. What is remembered is used only
while the file on disk is the same by all that the system tells of it; what an answer shows is read
anew (`current_files`), so that nothing rests on this.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from agentos_memory.analysis import MAX_FILE_BYTES
from agentos_memory.spans import LineStops, line_stops
from agentos_memory.work_files import read_file

MAX_BYTES = 32 * 1024 * 1024
# A file that changed so recently may change again without another time of change.
SETTLED_AFTER_S = 2.0

Signature: TypeAlias = tuple[int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class FileText:
    """A file's content with the ends of its lines."""

    content: bytes
    stops: LineStops

    def lines(self, first: int, last: int) -> bytes:
        """Lines `first` to `last` (1-based, inclusive); fewer where the file ends before."""
        begin = int(self.stops[first - 2]) if 1 < first <= len(self.stops) + 1 else 0
        if first > len(self.stops) + 1:
            return b""
        return self.content[begin : self._end(last)]

    def _end(self, line: int) -> int:
        return int(self.stops[line - 1]) if line <= len(self.stops) else len(self.content)


class FileTexts:
    """The files read last, MAX_BYTES of them; may be used by several threads."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[Signature, FileText]] = OrderedDict()
        self._n_bytes = 0
        self._lock = threading.Lock()

    def find(self, root: Path, path: str) -> FileText | None:
        """The file as it is; None where it is gone, too large, or behind a symbolic link."""
        place = f"{root}/{path}"
        signature = signature_of(place)
        with self._lock:
            known = self._known.get(place)
            if known is not None and known[0] == signature:
                self._known.move_to_end(place)
                return known[1]
        content = read_file(root, path, max_bytes=MAX_FILE_BYTES)
        if not isinstance(content, bytes):
            return None
        text = FileText(content, line_stops(content))
        if signature is not None and is_settled(signature):
            self._remember(place, signature, text)
        return text

    def _remember(self, place: str, signature: Signature, text: FileText) -> None:
        with self._lock:
            before = self._known.pop(place, None)
            self._known[place] = (signature, text)
            self._n_bytes += _n_bytes(text) - (0 if before is None else _n_bytes(before[1]))
            while self._n_bytes > MAX_BYTES:
                _, (_, dropped) = self._known.popitem(last=False)
                self._n_bytes -= _n_bytes(dropped)


def signature_of(path: str) -> Signature | None:
    """What changes with a file's content: times, size, and which file it is; None where none is."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return (
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_size,
        status.st_ino,
        status.st_dev,
    )


def is_settled(signature: Signature) -> bool:
    """Whether the next change of the file will show in its signature."""
    return time.time_ns() - max(signature[:2]) > SETTLED_AFTER_S * 1e9


def _n_bytes(text: FileText) -> int:
    return len(text.content) + text.stops.nbytes
