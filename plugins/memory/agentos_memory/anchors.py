"""References of observations to code, pinned by digest so that a reader sees when they moved.

Above: the observation tools. Below: working trees of indexed repositories, read without
following links out of them, and their commits. Any number of references is read in one pass, and
not again while nothing changed. What moved within its file, or with it, is found again.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

from agentos import InvalidArgumentError, sha256_hex
from agentos_memory.analysis import MAX_FILE_BYTES
from agentos_memory.anchor_recovery import find_span, find_symbol, symbol_around
from agentos_memory.generations import Repository
from agentos_memory.git_objects import find_merged
from agentos_memory.model import Symbol
from agentos_memory.place_digests import (
    MAX_REMEMBERED_PLACES,
    Digest,
    Place,
    PlaceDigests,
    Signature,
    signature_of,
)
from agentos_memory.rereading import Rereading
from agentos_memory.work_files import read_file

_NOT_THERE = "the commit does not have it"

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

    @property
    def n_lines(self) -> int:
        """How many lines it spans; 1 for a whole file."""
        first = self.start_line or 1
        return (self.end_line or first) - first + 1

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


class Anchors:
    """Pins anchors and checks them, remembering digests of commits and of unchanged files."""

    def __init__(self, rereading: Rereading) -> None:
        self._rereading = rereading
        self._digests = PlaceDigests()
        self._recovered: dict[Anchor, tuple[tuple[str, Signature | None], AnchorState]] = {}

    async def pin(
        self, anchors: Sequence[Anchor], repositories: Sequence[Repository]
    ) -> list[Anchor]:
        """The anchors with repository and digest, where exactly one repository has the file.

        Raises InvalidArgumentError for a path that leaves the repository, lines in the wrong
        order or beyond the end of the file, and an unknown `repo`.
        """
        for anchor in anchors:
            _check(anchor, repositories)
        anchors = [await self._with_lines(anchor, repositories) for anchor in anchors]
        digests = await self._digests.read(
            _place(anchor, repository)
            for anchor in anchors
            for repository in repositories
            if anchor.repo in (None, repository.name)
        )
        pinned = [_pinned(anchor, repositories, digests) for anchor in anchors]
        roots = {repository.name: repository.root for repository in repositories}
        return [await self._with_symbol(anchor, roots) for anchor in pinned]

    async def states(
        self,
        anchors: Iterable[Anchor],
        repositories: Sequence[Repository],
        renames: Renames | None = None,
    ) -> dict[Anchor, AnchorState]:
        """What has become of each place; unknown for one without digest.

        A place of a commit is compared with the working tree too: what was true then may not be
        true now. Where the commit is not in HEAD's history and the tree says something else,
        nobody knows which of them counts here.
        """
        by_name = {repository.name: repository for repository in repositories}
        states: dict[Anchor, AnchorState] = dict.fromkeys(anchors, UNKNOWN)
        places = {
            anchor: _place(anchor, by_name[anchor.repo])
            for anchor in states
            if anchor.sha256 is not None and anchor.repo in by_name
        }
        current = {anchor: replace(place, commit=None) for anchor, place in places.items()}
        digests = await self._digests.read([*places.values(), *current.values()])
        for anchor, place in places.items():
            if anchor.commit is not None and digests.get(place) != anchor.sha256:
                states[anchor] = AnchorState(True, _NOT_THERE)
            elif digests.get(current[anchor]) == anchor.sha256:
                states[anchor] = FRESH
            else:
                states[anchor] = await self._find_again(
                    replace(anchor, commit=None),
                    by_name[str(anchor.repo)],
                    current[anchor] in digests,
                    renames,
                )
        return states | await self._since_commits(states, places)

    async def _since_commits(
        self, states: Mapping[Anchor, AnchorState], places: Mapping[Anchor, Place]
    ) -> dict[Anchor, AnchorState]:
        """What the tree says otherwise than a commit did, told by whether HEAD comes after it."""
        changed = [
            anchor
            for anchor in places
            if anchor.commit is not None
            and states[anchor].is_stale
            and states[anchor].why != _NOT_THERE
        ]
        by_root: defaultdict[Path, set[str]] = defaultdict(set)
        for anchor in changed:
            by_root[places[anchor].root].add(str(anchor.commit))
        merged = {root: await find_merged(root, commits) for root, commits in by_root.items()}
        return {
            anchor: _since(
                anchor, states[anchor], str(anchor.commit) in merged[places[anchor].root]
            )
            for anchor in changed
        }

    async def _find_again(
        self, anchor: Anchor, repository: Repository, is_there: bool, renames: Renames | None
    ) -> AnchorState:
        path: str | None = anchor.path
        if not is_there:
            moved = await renames(repository) if renames is not None else {}
            path = moved.get(anchor.path)
        if path is None:
            return AnchorState(True, "the file is gone")
        signature = await asyncio.to_thread(signature_of, repository.root / path)
        known = self._recovered.get(anchor)
        if known is not None and known[0] == (path, signature):
            return known[1]
        state = await self._recover(anchor, repository.root, path)
        if len(self._recovered) > MAX_REMEMBERED_PLACES:
            self._recovered.clear()
        self._recovered[anchor] = (path, signature), state
        return state

    async def _with_lines(self, anchor: Anchor, repositories: Sequence[Repository]) -> Anchor:
        """One that names a symbol only gets its lines, where one repository has it."""
        if anchor.symbol is None or anchor.start_line is not None or anchor.commit is not None:
            return anchor
        places = {}
        for repository in repositories:
            if anchor.repo in (None, repository.name):
                content = await _content(repository.root, anchor.path)
                if content is not None:
                    symbols = await self._rereading.symbols(repository.root, anchor.path, content)
                    places[repository.name] = find_symbol(symbols, anchor.symbol)
        if len(places) != 1:
            return anchor
        ((name, lines),) = places.items()
        if lines is None:
            raise InvalidArgumentError(
                f"argument `refs`: {anchor.path} in {name} has no symbol {anchor.symbol!r}"
            )
        return replace(anchor, start_line=lines[0], end_line=lines[1])

    async def _with_symbol(self, anchor: Anchor, roots: Mapping[str, Path]) -> Anchor:
        """Lines of the working tree with the symbol around them."""
        first = anchor.start_line
        if anchor.sha256 is None or anchor.commit or anchor.symbol or first is None:
            return anchor
        root = roots[str(anchor.repo)]
        content = await _content(root, anchor.path)
        if content is None:
            return anchor
        symbols = await self._rereading.symbols(root, anchor.path, content)
        return replace(anchor, symbol=symbol_around(symbols, first, anchor.end_line or first))

    async def _recover(self, anchor: Anchor, root: Path, path: str) -> AnchorState:
        content = await _content(root, path)
        if content is None:
            return AnchorState(True, "the file cannot be read any more")
        where = f"the file is now {path}" if path != anchor.path else None
        first = anchor.start_line
        if first is None:
            is_same = sha256_hex(content) == anchor.sha256
            why = where if is_same else _joined(where, "the file has changed")
            return AnchorState(not is_same, why, path)
        start = await asyncio.to_thread(
            find_span, content, anchor.n_lines, str(anchor.sha256), first
        )
        if start == first:
            return AnchorState(False, where, path, first, first + anchor.n_lines - 1)
        symbols: Sequence[Symbol] = ()
        if anchor.symbol is not None:
            symbols = await self._rereading.symbols(root, path, content)
        return _moved_or_changed(anchor, path, where, start, symbols)


def _since(anchor: Anchor, state: AnchorState, is_merged: bool) -> AnchorState:
    commit = str(anchor.commit)[:12]
    if is_merged:
        return replace(state, why=f"since commit {commit}: {state.why}")
    why = f"commit {commit} is not in HEAD's history, where {state.why}"
    return replace(state, is_stale=None, why=why)


def _place(anchor: Anchor, repository: Repository) -> Place:
    return Place(repository.root, anchor.commit, anchor.path, anchor.start_line, anchor.end_line)


def _pinned(
    anchor: Anchor, repositories: Sequence[Repository], digests: Mapping[Place, Digest]
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


async def _content(root: Path, path: str) -> bytes | None:
    content = await asyncio.to_thread(read_file, root, path, max_bytes=MAX_FILE_BYTES)
    return content if isinstance(content, bytes) else None


def _moved_or_changed(
    anchor: Anchor, path: str, where: str | None, start: int | None, symbols: Sequence[Symbol]
) -> AnchorState:
    """`start` is where the same lines begin now, if anywhere."""
    if start is not None and _is_itself(anchor, symbols, start):
        why = _joined(where, f"its lines begin at {start} now")
        return AnchorState(False, why, path, start, start + anchor.n_lines - 1)
    near = anchor.start_line or 1
    lines = find_symbol(symbols, anchor.symbol, near) if anchor.symbol else None
    if lines is not None:
        return AnchorState(True, _joined(where, f"{anchor.symbol} has changed"), path, *lines)
    gone = f"{anchor.symbol} is gone" if anchor.symbol else "its lines have changed or are gone"
    return AnchorState(True, _joined(where, gone), path)


def _is_itself(anchor: Anchor, symbols: Sequence[Symbol], start: int) -> bool:
    """Whether equal lines elsewhere are those that were meant: of the same symbol, or several."""
    if anchor.symbol is None:
        return anchor.n_lines > 1
    around = symbol_around(symbols, start, start + anchor.n_lines - 1)
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
