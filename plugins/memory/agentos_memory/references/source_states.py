"""Whether a source still is what was read of it: its file compared with the digest that was kept.

A file is read again only where its time, size or inode differ from the last look. Above: the
tools. Below: the file system; nothing is written.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from agentos_memory.references.source_files import digest_file

MAX_REMEMBERED = 10_000

_Signature: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class SourceState:
    """`is_stale`: the file says something else by now, or is gone; None where nobody can tell."""

    is_stale: bool | None
    why: str | None = None


FRESH = SourceState(False)
CHANGED = SourceState(True, "the file has changed since it was added; add it again")
GONE = SourceState(True, "the file is gone")
UNREADABLE = SourceState(None, "the file cannot be read now")


class SourceStates:
    """Looks at files of sources, remembering the digests of those that did not change."""

    def __init__(self) -> None:
        self._digests: dict[str, tuple[_Signature, str]] = {}

    async def look_at(
        self, sources: Iterable[tuple[str, str]]
    ) -> dict[tuple[str, str], SourceState]:
        """The state of each source, given as its file's path and the digest that was kept."""
        wanted = list(dict.fromkeys(sources))
        return await asyncio.to_thread(lambda: {each: self._state(*each) for each in wanted})

    def _state(self, path: str, sha256: str) -> SourceState:
        try:
            found = os.stat(path, follow_symlinks=False)
            signature = (found.st_mtime_ns, found.st_size, found.st_ino)
            known = self._digests.get(path)
            digest = known[1] if known is not None and known[0] == signature else digest_file(path)
        except FileNotFoundError:
            return GONE
        except (OSError, ValueError):
            return UNREADABLE
        if len(self._digests) >= MAX_REMEMBERED:
            self._digests.clear()
        self._digests[path] = signature, digest
        return FRESH if digest == sha256 else CHANGED
