"""One hit as it is shown: lines that are there now, their digest, and a readable part of them.

Above: search and the tool. Below: shards, and files as they are now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from agentos import sha256_hex
from agentos_memory.chunks import chunk_text, source_lines
from agentos_memory.current_files import CurrentFile
from agentos_memory.generations import Repository
from agentos_memory.naming_of_tests import is_test_symbol
from agentos_memory.ranked import Found
from agentos_memory.rereading import Reread
from agentos_memory.shards import CodeChunk, Shard
from agentos_memory.shown_lines import redact_lines, without_keys
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
    `is_redacted`: something that looks like a secret was taken out of the snippet. `is_test`: a
    test runner runs it.
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
    is_redacted: bool = False
    is_test: bool = False


def hit_of(
    repository: Repository, shard: Shard, found: Found, file: CurrentFile, reread: Reread | None
) -> CodeHit:
    """The hit with the lines of the file as it is; `reread` is what a changed one says now."""
    chunk = shard.chunk(found.position)
    if file.is_indexed:
        gaps = shard.gaps(found.position)
        return _shown(repository, chunk, found, file, (chunk.start_line, chunk.end_line), gaps)
    again = _found_again(reread, chunk)
    if again is None:
        text, is_redacted = snippet(chunk.signature)
        return CodeHit(
            repository, chunk, found.score, chunk.start_line, chunk.end_line, None, text, None,
            None, True, is_redacted, _is_test(chunk, ()),
        )  # fmt: skip
    moved = Found(found.position, found.score)
    return _shown(repository, chunk, moved, file, *again)


def _found_again(
    reread: Reread | None, chunk: CodeChunk
) -> tuple[tuple[int, int], Sequence[tuple[int, int]]] | None:
    """Lines and gaps of the chunk of that symbol that is nearest to where it was; None: gone."""
    if reread is None:
        return None
    chunks = reread.chunks
    same = [
        position
        for position, owner in enumerate(chunks.owners)
        if chunks.symbols[owner].qualified_name == chunk.symbol
        and chunks.symbols[owner].kind == chunk.kind
    ]
    if not same:
        return None
    nearest = min(same, key=lambda n: abs(chunks.lines[n][0] - chunk.start_line))
    return chunks.lines[nearest], chunks.gaps[nearest]


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
    lines: Sequence[str] = source_lines(cut) if isinstance(cut, bytes) else []
    lines = without_keys(lines, start, file.keys)
    if found.line is None:
        inner = [(first - start + 1, last - start + 1) for first, last in gaps]
        body = chunk_text(lines, 1, len(lines), inner) or chunk.signature
    else:
        body = "\n".join(lines[max(0, found.line - start - _LINES_BEFORE_MATCH) :])
    text, is_redacted = snippet(body)
    return CodeHit(
        repository,
        chunk,
        found.score,
        start,
        end,
        found.line,
        text,
        sha256_hex(cut) if isinstance(cut, bytes) else None,
        repository.commit if file.is_committed else None,
        not file.is_indexed,
        is_redacted,
        _is_test(chunk, lines),
    )


def _is_test(chunk: CodeChunk, lines: Sequence[str]) -> bool:
    """Whether the symbol is a test; its decorators open the lines."""
    above = takewhile(lambda line: line.startswith("@"), map(str.strip, lines))
    decorators = [line.removeprefix("@") for line in above]
    return is_test_symbol(chunk.path, chunk.symbol, chunk.kind, chunk.signature, decorators)


def snippet(body: str) -> tuple[str, bool]:
    """The first lines of a text, short enough to read many of, and whether it lacks a secret."""
    lines = body.splitlines()
    shown, is_redacted = redact_lines(lines[:SNIPPET_LINES])
    cut = [
        line if len(line) <= SNIPPET_LINE_CHARS else line[: SNIPPET_LINE_CHARS - 3] + "..."
        for line in shown
    ]
    if len(lines) > SNIPPET_LINES:
        cut.append(f"... ({len(lines) - SNIPPET_LINES} more lines)")
    return "\n".join(cut), is_redacted
