"""Contents of files that were read before, for looking into many of them at every query.

Above: search, for messages that a query quotes and for the lines of its answers. Below: the files.
What is remembered is used only while the file on disk is the same by all that the system tells of
it, and was so for a while when it was read.
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
_FULL = 0.9
# A file that changed so recently may change again without another time of change.
SETTLED_AFTER_S = 2.0

Signature: TypeAlias = tuple[int, int, int, int, int]


class FileTexts:
    """The files read last, MAX_BYTES of them; may be used by several threads."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[Signature, TextLines]] = OrderedDict()
        self._n_bytes = 0
        self._lock = threading.Lock()

    @property
    def is_full(self) -> bool:
        """Whether what is read next drives out what was read before."""
        return self._n_bytes >= _FULL * MAX_BYTES

    def find(self, root: Path, path: str) -> TextLines | None:
        """The file as it is; None where it is gone, too large, or behind a symbolic link."""
        found = self.look_at(root, path)
        return None if found is None else found[1]

    def look_at(self, root: Path, path: str) -> tuple[Signature | None, TextLines] | None:
        """The same, with what the system told of the file before it was read."""
        place = f"{root}/{path}"
        # Taken before the content: a change in between is seen by the next look.
        signature = signature_of(place)
        known = self._used(place, signature)
        if known is not None:
            return signature, known
        content = read_file(root, path, max_bytes=MAX_FILE_BYTES)
        if not isinstance(content, bytes):
            return None
        text = TextLines.of(content)
        if signature is not None and is_settled(signature):
            self._remember(place, signature, text)
        return signature, text

    def _used(self, place: str, signature: Signature | None) -> TextLines | None:
        with self._lock:
            known = self._known.get(place)
            if known is None or known[0] != signature:
                return None
            self._known.move_to_end(place)
            return known[1]

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
