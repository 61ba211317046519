"""References of observations to code, pinned by digest so that a reader sees when they moved.

Above: the observation tools. Below: working trees of indexed repositories, read without
following links out of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

from agentos import InvalidArgumentError, sha256_hex
from agentos_memory.analysis import MAX_FILE_BYTES
from agentos_memory.generations import Repository
from agentos_memory.git_files import read_committed, read_file


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


async def pin(anchor: Anchor, repositories: Sequence[Repository]) -> Anchor:
    """The anchor with repository and digest, where exactly one repository has the file.

    Raises InvalidArgumentError for a path that leaves the repository, lines in the wrong order
    or beyond the end of the file, and an unknown `repo`.
    """
    _check(anchor, repositories)
    found = []
    for repository in repositories:
        if anchor.repo in (None, repository.name):
            content = await _read(anchor, repository)
            if content is not None:
                found.append((repository, content))
    if len(found) != 1:
        return anchor
    repository, content = found[0]
    span = _span(anchor, content)
    return Anchor(
        anchor.path,
        anchor.start_line,
        anchor.end_line,
        anchor.commit,
        repository.name,
        sha256_hex(span),
    )


async def is_stale(anchor: Anchor, repositories: Sequence[Repository]) -> bool | None:
    """Whether the place no longer says what was pinned; None for an anchor without digest."""
    repository = next((r for r in repositories if r.name == anchor.repo), None)
    if anchor.sha256 is None or repository is None:
        return None
    content = await _read(anchor, repository)
    if content is None:
        return True
    try:
        return sha256_hex(_span(anchor, content)) != anchor.sha256
    except InvalidArgumentError:
        return True


def _check(anchor: Anchor, repositories: Sequence[Repository]) -> None:
    path = PurePosixPath(anchor.path)
    if path.is_absolute() or ".." in path.parts or anchor.path != str(path):
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


async def _read(anchor: Anchor, repository: Repository) -> bytes | None:
    if anchor.commit is not None:
        if not await asyncio.to_thread(repository.root.is_dir):
            return None
        return await read_committed(repository.root, anchor.commit, anchor.path)
    content = await asyncio.to_thread(
        read_file, repository.root, anchor.path, max_bytes=MAX_FILE_BYTES
    )
    return content if isinstance(content, bytes) else None


def _span(anchor: Anchor, content: bytes) -> bytes:
    if anchor.start_line is None:
        return content
    lines = content.splitlines(keepends=True)
    last = anchor.end_line or anchor.start_line
    if last > len(lines):
        raise InvalidArgumentError(
            f"argument `refs`: {anchor.path} has {len(lines)} lines, not {last}"
        )
    return b"".join(lines[anchor.start_line - 1 : last])
