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
from pathlib import Path
from typing import TypeAlias

from agentos_memory.analysis import MAX_FILE_BYTES
from agentos_memory.spans import TextLines
from agentos_memory.work_files import read_file

MAX_BYTES = 32 * 1024 * 1024
# A file that changed so recently may change again without another time of change.
SETTLED_AFTER_S = 2.0

Signature: TypeAlias = tuple[int, int, int, int, int]


class FileTexts:
    """The files read last, MAX_BYTES of them; may be used by several threads."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[Signature, TextLines]] = OrderedDict()
        self._n_bytes = 0
        self._lock = threading.Lock()

    def find(self, root: Path, path: str) -> TextLines | None:
        """The file as it is; None where it is gone, too large, or behind a symbolic link."""
        place = f"{root}/{path}"
        signature = signature_of(place)
        known = self._used(place, signature)
        if known is not None:
            return known
        content = read_file(root, path, max_bytes=MAX_FILE_BYTES)
        return self._read(place, signature, content) if isinstance(content, bytes) else None

    def of(self, place: str, signature: Signature | None, content: bytes) -> TextLines:
        """The lines of what was read just now from a file that had that signature before."""
        known = self._used(place, signature)
        if known is not None and known.content == content:
            return known
        return self._read(place, signature, content)

    def _used(self, place: str, signature: Signature | None) -> TextLines | None:
        with self._lock:
            known = self._known.get(place)
            if known is None or known[0] != signature:
                return None
            self._known.move_to_end(place)
            return known[1]

    def _read(self, place: str, signature: Signature | None, content: bytes) -> TextLines:
        text = TextLines.of(content)
        if signature is not None and is_settled(signature):
            self._remember(place, signature, text)
        return text

    def _remember(self, place: str, signature: Signature, text: TextLines) -> None:
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


def _n_bytes(text: TextLines) -> int:
    return len(text.content) + text.stops.nbytes
