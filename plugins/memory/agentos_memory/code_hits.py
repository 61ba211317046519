"""One hit as it is shown: lines that are there now, their digest, and a readable part of them.

Above: search and the tool. Below: shards, and files as they are now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agentos import sha256_hex
from agentos_memory.chunks import chunk_text, source_lines
from agentos_memory.current_files import CurrentFile, found_again
from agentos_memory.generations import Repository
from agentos_memory.ranked import Found
from agentos_memory.shards import CodeChunk, Shard
from agentos_memory.spans import cut_lines

SNIPPET_LINES = 12
SNIPPET_LINE_CHARS = 160
_LINES_BEFORE_MATCH = 3


@dataclass(frozen=True, slots=True)
class CodeHit:
    """One chunk found. `line` is the one that answers, where it is not all of them.

    `sha256` is the digest of the lines from `start_line` to `end_line` with their line ends;
    `commit` has exactly these lines there, None while they are not committed. `is_stale`: the
    file changed since it was indexed; the lines were found again in it, unless `sha256` is None.
    """

    repository: Repository
    chunk: CodeChunk
    score: float
    start_line: int
    end_line: int
    line: int | None
    snippet: str
    sha256: str | None
    commit: str | None
    is_stale: bool


def hit_of(repository: Repository, shard: Shard, found: Found, file: CurrentFile) -> CodeHit:
    """The hit with the lines of the file as it is."""
    chunk = shard.chunk(found.position)
    if file.is_indexed:
        gaps = shard.gaps(found.position)
        return _shown(repository, chunk, found, file, (chunk.start_line, chunk.end_line), gaps)
    paths = [entry.path for entry in shard.files]
    again = found_again(file, chunk.symbol, chunk.kind, chunk.start_line, paths)
    if again is None:
        return CodeHit(
            repository, chunk, found.score, chunk.start_line, chunk.end_line, None,
            chunk.signature, None, None, True,
        )  # fmt: skip
    moved = Found(found.position, found.score)
    return _shown(repository, chunk, moved, file, (again.start_line, again.end_line), again.gaps)


def _shown(
    repository: Repository,
    chunk: CodeChunk,
    found: Found,
    file: CurrentFile,
    span: tuple[int, int],
    gaps: Sequence[tuple[int, int]],
) -> CodeHit:
    start, end = span
    assert file.content is not None
    cut = cut_lines(file.content, start, end)
    lines = source_lines(cut) if isinstance(cut, bytes) else []
    if found.line is None:
        inner = [(first - start + 1, last - start + 1) for first, last in gaps]
        text = chunk_text(lines, 1, len(lines), inner) or chunk.signature
    else:
        text = "\n".join(lines[max(0, found.line - start - _LINES_BEFORE_MATCH) :])
    return CodeHit(
        repository,
        chunk,
        found.score,
        start,
        end,
        found.line,
        snippet(text),
        sha256_hex(cut) if isinstance(cut, bytes) else None,
        repository.commit if file.is_committed else None,
        not file.is_indexed,
    )


def snippet(body: str) -> str:
    """The first lines of a text, short enough to read many of."""
    lines = body.splitlines()
    cut = [
        line if len(line) <= SNIPPET_LINE_CHARS else line[: SNIPPET_LINE_CHARS - 3] + "..."
        for line in lines[:SNIPPET_LINES]
    ]
    if len(lines) > SNIPPET_LINES:
        cut.append(f"... ({len(lines) - SNIPPET_LINES} more lines)")
    return "\n".join(cut)
