"""References of observations to code, pinned by digest so that a reader sees when they moved.

Above: the observation tools. Below: working trees of indexed repositories, read without
following links out of them, and their commits. Any number of references is read in one pass:
once per place, in a thread, with a few git processes per repository, and not again while
nothing changed.
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

from agentos import InvalidArgumentError, sha256_hex
from agentos_memory.analysis import MAX_FILE_BYTES
from agentos_memory.generations import Repository
from agentos_memory.git_files import forget_folders, read_file
from agentos_memory.git_objects import read_committed
from agentos_memory.spans import cut_lines

MAX_REMEMBERED_PLACES = 20_000

# The digest of a place, or the number of lines of a file that has fewer than it needs.
_Digest: TypeAlias = str | int
_Signature: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Anchor:
    """A place in a repository; `sha256` is of the lines, or of the file where none are given.

    Without `commit` the place is in the working tree. `sha256` is None where no indexed
    repository, or more than one, has the file.
    """

    path: str
    start_line: int | None = None
    end_line: int | None = None
    commit: str | None = None
    repo: str | None = None
    sha256: str | None = None

    def as_data(self) -> dict[str, Any]:
        """The JSON form without absent fields; `Anchor(**data)` gives it back."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class _Place:
    """What an anchor means in one repository."""

    root: Path
    commit: str | None
    path: str
    start_line: int | None
    end_line: int | None

    def digest(self, content: bytes) -> _Digest:
        if self.start_line is None:
            return sha256_hex(content)
        span = cut_lines(content, self.start_line, self.end_line or self.start_line)
        return sha256_hex(span) if isinstance(span, bytes) else span


class Anchors:
    """Pins anchors and checks them, remembering digests of commits and of unchanged files."""

    def __init__(self) -> None:
        self._committed: dict[_Place, _Digest] = {}
        self._in_tree: dict[_Place, tuple[_Signature, _Digest]] = {}

    async def pin(
        self, anchors: Sequence[Anchor], repositories: Sequence[Repository]
    ) -> list[Anchor]:
        """The anchors with repository and digest, where exactly one repository has the file.

        Raises InvalidArgumentError for a path that leaves the repository, lines in the wrong
        order or beyond the end of the file, and an unknown `repo`.
        """
        for anchor in anchors:
            _check(anchor, repositories)
        digests = await self._read(
            _place(anchor, repository)
            for anchor in anchors
            for repository in repositories
            if anchor.repo in (None, repository.name)
        )
        return [_pinned(anchor, repositories, digests) for anchor in anchors]

    async def staleness(
        self, anchors: Iterable[Anchor], repositories: Sequence[Repository]
    ) -> dict[Anchor, bool | None]:
        """Whether each place no longer says what was pinned; None for one without digest."""
        by_name = {repository.name: repository for repository in repositories}
        stale: dict[Anchor, bool | None] = dict.fromkeys(anchors)
        places = {
            anchor: _place(anchor, by_name[anchor.repo])
            for anchor in stale
            if anchor.sha256 is not None and anchor.repo in by_name
        }
        digests = await self._read(places.values())
        stale |= {a: digests.get(place) != a.sha256 for a, place in places.items()}
        return stale

    async def _read(self, places: Iterable[_Place]) -> dict[_Place, _Digest]:
        """Digests of the places that exist."""
        wanted = dict.fromkeys(places)
        committed = [place for place in wanted if place.commit is not None]
        in_tree = [place for place in wanted if place.commit is None]
        self._forget_if_many()
        digests = {p: self._committed[p] for p in committed if p in self._committed}
        digests |= await self._read_commits([p for p in committed if p not in digests])
        return digests | await asyncio.to_thread(self._read_trees, in_tree)

    async def _read_commits(self, places: Sequence[_Place]) -> dict[_Place, _Digest]:
        by_root: defaultdict[Path, defaultdict[tuple[str, str], list[_Place]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for place in places:
            by_root[place.root][str(place.commit), place.path].append(place)
        digests: dict[_Place, _Digest] = {}
        for root, files in by_root.items():
            if await asyncio.to_thread(root.is_dir):
                async for contents in read_committed(root, files):
                    digests |= await asyncio.to_thread(_digest_all, files, contents)
        self._committed |= digests
        return digests

    def _read_trees(self, places: Sequence[_Place]) -> dict[_Place, _Digest]:
        forget_folders()
        digests: dict[_Place, _Digest] = {}
        for place in places:
            digest = self._read_tree(place)
            if digest is not None:
                digests[place] = digest
        return digests

    def _read_tree(self, place: _Place) -> _Digest | None:
        signature = _signature(place.root / place.path)
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


def _place(anchor: Anchor, repository: Repository) -> _Place:
    return _Place(repository.root, anchor.commit, anchor.path, anchor.start_line, anchor.end_line)


def _pinned(
    anchor: Anchor, repositories: Sequence[Repository], digests: Mapping[_Place, _Digest]
) -> Anchor:
    found = [
        (repository, digests[place])
        for repository in repositories
        if anchor.repo in (None, repository.name)
        and (place := _place(anchor, repository)) in digests
    ]
    if len(found) != 1:
        return anchor
    repository, digest = found[0]
    if isinstance(digest, int):
        raise InvalidArgumentError(
            f"argument `refs`: {anchor.path} has {digest} lines, "
            f"not {anchor.end_line or anchor.start_line}"
        )
    return replace(anchor, repo=repository.name, sha256=digest)


def _check(anchor: Anchor, repositories: Sequence[Repository]) -> None:
    path = PurePosixPath(anchor.path)
    is_plain = anchor.path == str(path) and anchor.path.isprintable()
    if path.is_absolute() or ".." in path.parts or not is_plain:
        raise InvalidArgumentError(
            f"argument `refs`: {anchor.path!r} must be a plain path inside the repository",
            remedy="give the path relative to the repository's root, with `/`",
        )
    if anchor.end_line is not None and (anchor.start_line or 0) > anchor.end_line:
        raise InvalidArgumentError(f"argument `refs`: {anchor.path}: end_line is before start_line")
    if anchor.end_line is not None and anchor.start_line is None:
        raise InvalidArgumentError(f"argument `refs`: {anchor.path}: end_line needs start_line")
    if anchor.repo is not None and all(r.name != anchor.repo for r in repositories):
        raise InvalidArgumentError(
            f"argument `refs`: no indexed repository is called {anchor.repo!r}"
        )


def _digest_all(
    files: Mapping[tuple[str, str], Sequence[_Place]], contents: Mapping[tuple[str, str], bytes]
) -> dict[_Place, _Digest]:
    return {
        place: place.digest(content) for file, content in contents.items() for place in files[file]
    }


def _signature(path: Path) -> _Signature | None:
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
