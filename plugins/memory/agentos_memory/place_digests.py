"""Digests of places in working trees and commits, remembered while nothing changed.

Above: references of observations. Below: files, read without following links out of their tree,
and git. Any number of places is read in one pass: once per file, in a thread, with a few git
processes per repository.
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from agentos import sha256_hex
from agentos_memory.analysis import MAX_FILE_BYTES
from agentos_memory.git_objects import read_committed
from agentos_memory.spans import cut_lines
from agentos_memory.work_files import forget_folders, read_file

MAX_REMEMBERED_PLACES = 20_000

Digest: TypeAlias = str | int
"""The digest of a place, or the number of lines of a file that has fewer than it needs."""
Signature: TypeAlias = tuple[int, int, int]
"""When a file was written, its size and its inode."""


@dataclass(frozen=True, slots=True)
class Place:
    """A file, or lines of one, in a repository's working tree or in a commit of it."""

    root: Path
    commit: str | None
    path: str
    start_line: int | None
    end_line: int | None

    def digest(self, content: bytes) -> Digest:
        """What the file's `content` says at this place."""
        if self.start_line is None:
            return sha256_hex(content)
        span = cut_lines(content, self.start_line, self.end_line or self.start_line)
        return sha256_hex(span) if isinstance(span, bytes) else span


class PlaceDigests:
    """Reads places, remembering those of commits and of unchanged files."""

    def __init__(self) -> None:
        self._committed: dict[Place, Digest] = {}
        self._in_tree: dict[Place, tuple[Signature, Digest]] = {}

    async def read(self, places: Iterable[Place]) -> dict[Place, Digest]:
        """Digests of the places that exist."""
        wanted = dict.fromkeys(places)
        committed = [place for place in wanted if place.commit is not None]
        in_tree = [place for place in wanted if place.commit is None]
        self._forget_if_many()
        digests = {p: self._committed[p] for p in committed if p in self._committed}
        digests |= await self._read_commits([p for p in committed if p not in digests])
        return digests | await asyncio.to_thread(self._read_trees, in_tree)

    async def _read_commits(self, places: Sequence[Place]) -> dict[Place, Digest]:
        by_root: defaultdict[Path, defaultdict[tuple[str, str], list[Place]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for place in places:
            by_root[place.root][str(place.commit), place.path].append(place)
        digests: dict[Place, Digest] = {}
        for root, files in by_root.items():
            if await asyncio.to_thread(root.is_dir):
                async for contents in read_committed(root, files):
                    digests |= await asyncio.to_thread(_digest_all, files, contents)
        self._committed |= digests
        return digests

    def _read_trees(self, places: Sequence[Place]) -> dict[Place, Digest]:
        forget_folders()
        digests: dict[Place, Digest] = {}
        for place in places:
            digest = self._read_tree(place)
            if digest is not None:
                digests[place] = digest
        return digests

    def _read_tree(self, place: Place) -> Digest | None:
        signature = signature_of(place.root / place.path)
        known = self._in_tree.get(place)
        if known is not None and known[0] == signature:
            return known[1]
        content = read_file(place.root, place.path, max_bytes=MAX_FILE_BYTES)
        if signature is None or not isinstance(content, bytes):
            return None
        digest = place.digest(content)
        self._in_tree[place] = (signature, digest)
        return digest

    def _forget_if_many(self) -> None:
        if len(self._committed) + len(self._in_tree) > MAX_REMEMBERED_PLACES:
            self._committed, self._in_tree = {}, {}


def _digest_all(
    files: Mapping[tuple[str, str], Sequence[Place]], contents: Mapping[tuple[str, str], bytes]
) -> dict[Place, Digest]:
    return {
        place: place.digest(content) for file, content in contents.items() for place in files[file]
    }


def signature_of(path: Path) -> Signature | None:
    """What changes with the file at `path`; None where there is none."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
