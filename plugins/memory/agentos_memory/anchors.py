"""References of observations to code, pinned by digest so that a reader sees when they moved.

Above: the observation tools. Below: working trees of indexed repositories, read without
following links out of them, and their commits. Any number of references is read in one pass:
once per place, in a thread, with a few git processes per repository, and not again while
nothing changed. What moved within its file, or with it, is found again.
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

from agentos import InvalidArgumentError, sha256_hex
from agentos_memory.analysis import MAX_FILE_BYTES
from agentos_memory.anchor_recovery import find_span, find_symbol, symbol_around
from agentos_memory.generations import Repository
from agentos_memory.git_objects import read_committed
from agentos_memory.spans import cut_lines
from agentos_memory.work_files import forget_folders, read_file

MAX_REMEMBERED_PLACES = 20_000

# The digest of a place, or the number of lines of a file that has fewer than it needs.
_Digest: TypeAlias = str | int
_Signature: TypeAlias = tuple[int, int, int]
Renames: TypeAlias = Callable[[Repository], Awaitable[Mapping[str, str]]]
"""Where the files of a repository are now that once had another path, by the old path."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A place in a repository; `sha256` is of the lines, or of the file where none are given.

    Without `commit` the place is in the working tree. `sha256` is None where no indexed
    repository, or more than one, has the file. `symbol` is the innermost one around the lines.
    """

    path: str
    start_line: int | None = None
    end_line: int | None = None
    commit: str | None = None
    repo: str | None = None
    sha256: str | None = None
    symbol: str | None = None

    def as_data(self) -> dict[str, Any]:
        """The JSON form without absent fields; `Anchor(**data)` gives it back."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class AnchorState:
    """What has become of a place.

    `is_stale`: it no longer says what was pinned, None where nothing was; `why` tells how. A place
    that is elsewhere now, changed or not, has its present path and lines.
    """

    is_stale: bool | None
    why: str | None = None
    path: str | None = None
    start_line: int | None = None
    end_line: int | None = None


UNKNOWN = AnchorState(None)
FRESH = AnchorState(False)


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
        self._recovered: dict[Anchor, tuple[tuple[str, _Signature | None], AnchorState]] = {}

    async def pin(
        self, anchors: Sequence[Anchor], repositories: Sequence[Repository]
    ) -> list[Anchor]:
        """The anchors with repository and digest, where exactly one repository has the file.

        Raises InvalidArgumentError for a path that leaves the repository, lines in the wrong
        order or beyond the end of the file, and an unknown `repo`.
        """
        for anchor in anchors:
            _check(anchor, repositories)
        anchors = await asyncio.to_thread(_with_lines, anchors, repositories)
        digests = await self._read(
            _place(anchor, repository)
            for anchor in anchors
            for repository in repositories
            if anchor.repo in (None, repository.name)
        )
        pinned = [_pinned(anchor, repositories, digests) for anchor in anchors]
        return await asyncio.to_thread(_with_symbols, pinned, repositories)

    async def states(
        self,
        anchors: Iterable[Anchor],
        repositories: Sequence[Repository],
        renames: Renames | None = None,
    ) -> dict[Anchor, AnchorState]:
        """What has become of each place; unknown for one without digest."""
        by_name = {repository.name: repository for repository in repositories}
        states: dict[Anchor, AnchorState] = dict.fromkeys(anchors, UNKNOWN)
        places = {
            anchor: _place(anchor, by_name[anchor.repo])
            for anchor in states
            if anchor.sha256 is not None and anchor.repo in by_name
        }
        digests = await self._read(places.values())
        for anchor, place in places.items():
            if digests.get(place) == anchor.sha256:
                states[anchor] = FRESH
            elif anchor.commit is not None:
                states[anchor] = AnchorState(True, "the commit does not have it")
            else:
                states[anchor] = await self._find_again(
                    anchor, by_name[str(anchor.repo)], place in digests, renames
                )
        return states

    async def _find_again(
        self, anchor: Anchor, repository: Repository, is_there: bool, renames: Renames | None
    ) -> AnchorState:
        path: str | None = anchor.path
        if not is_there:
            moved = await renames(repository) if renames is not None else {}
            path = moved.get(anchor.path)
        if path is None:
            return AnchorState(True, "the file is gone")
        signature = await asyncio.to_thread(_signature, repository.root / path)
        known = self._recovered.get(anchor)
        if known is not None and known[0] == (path, signature):
            return known[1]
        state = await asyncio.to_thread(_recovered, anchor, repository.root, path)
        self._recovered[anchor] = (path, signature), state
        return state

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
        n_places = len(self._committed) + len(self._in_tree) + len(self._recovered)
        if n_places > MAX_REMEMBERED_PLACES:
            self._committed, self._in_tree, self._recovered = {}, {}, {}


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


def _with_lines(anchors: Sequence[Anchor], repositories: Sequence[Repository]) -> list[Anchor]:
    """Those that name a symbol only get its lines, where one repository has it."""
    return [
        _lines_of_symbol(anchor, repositories)
        if anchor.symbol is not None and anchor.start_line is None and anchor.commit is None
        else anchor
        for anchor in anchors
    ]


def _lines_of_symbol(anchor: Anchor, repositories: Sequence[Repository]) -> Anchor:
    places = {}
    for repository in repositories:
        if anchor.repo not in (None, repository.name):
            continue
        content = read_file(repository.root, anchor.path, max_bytes=MAX_FILE_BYTES)
        if isinstance(content, bytes):
            places[repository.name] = find_symbol(
                repository.root, anchor.path, content, str(anchor.symbol)
            )
    if len(places) != 1:
        return anchor
    ((name, lines),) = places.items()
    if lines is None:
        raise InvalidArgumentError(
            f"argument `refs`: {anchor.path} in {name} has no symbol {anchor.symbol!r}"
        )
    return replace(anchor, start_line=lines[0], end_line=lines[1])


def _with_symbols(anchors: Sequence[Anchor], repositories: Sequence[Repository]) -> list[Anchor]:
    """Lines of the working tree with the symbol around them."""
    roots = {repository.name: repository.root for repository in repositories}
    return [_with_symbol(anchor, roots) for anchor in anchors]


def _with_symbol(anchor: Anchor, roots: Mapping[str, Path]) -> Anchor:
    first = anchor.start_line
    if anchor.sha256 is None or anchor.commit or anchor.symbol or first is None:
        return anchor
    root = roots[str(anchor.repo)]
    content = read_file(root, anchor.path, max_bytes=MAX_FILE_BYTES)
    if not isinstance(content, bytes):
        return anchor
    last = anchor.end_line or first
    return replace(anchor, symbol=symbol_around(root, anchor.path, content, first, last))


def _recovered(anchor: Anchor, root: Path, path: str) -> AnchorState:
    content = read_file(root, path, max_bytes=MAX_FILE_BYTES)
    if not isinstance(content, bytes):
        return AnchorState(True, "the file cannot be read any more")
    where = f"the file is now {path}" if path != anchor.path else None
    first = anchor.start_line
    if first is None:
        is_same = sha256_hex(content) == anchor.sha256
        why = where if is_same else _joined(where, "the file has changed")
        return AnchorState(not is_same, why, path)
    n_lines = (anchor.end_line or first) - first + 1
    start = find_span(content, n_lines, str(anchor.sha256), first)
    if start is not None and (start == first or _is_itself(anchor, root, path, content, start)):
        why = where if start == first else _joined(where, f"its lines begin at {start} now")
        return AnchorState(False, why, path, start, start + n_lines - 1)
    lines = find_symbol(root, path, content, anchor.symbol, first) if anchor.symbol else None
    if lines is not None:
        return AnchorState(True, _joined(where, f"{anchor.symbol} has changed"), path, *lines)
    gone = f"{anchor.symbol} is gone" if anchor.symbol else "its lines have changed or are gone"
    return AnchorState(True, _joined(where, gone), path)


def _is_itself(anchor: Anchor, root: Path, path: str, content: bytes, start: int) -> bool:
    """Whether equal lines elsewhere are those that were meant: of the same symbol, or several."""
    n_lines = (anchor.end_line or anchor.start_line or 1) - (anchor.start_line or 1) + 1
    if anchor.symbol is None:
        return n_lines > 1
    around = symbol_around(root, path, content, start, start + n_lines - 1)
    return around is not None and _own_name(around) == _own_name(anchor.symbol)


def _own_name(symbol: str) -> str:
    return symbol.rpartition(":")[2].rpartition(".")[2]


def _joined(*parts: str | None) -> str:
    return "; ".join(part for part in parts if part)


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
