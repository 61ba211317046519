"""One hit as it is shown: lines that are there now, their digest, and a readable part of them.

Above: search and the tool. Below: shards, and files as they are now.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from agentos import sha256_hex
from agentos_memory.chunks import source_lines
from agentos_memory.current_files import CurrentFile
from agentos_memory.generations import Repository
from agentos_memory.naming_of_tests import is_test_symbol
from agentos_memory.outline import uncovered
from agentos_memory.ranked import Found
from agentos_memory.rereading import Reread
from agentos_memory.shards import CodeChunk, Shard
from agentos_memory.shown_lines import redact_lines, without_keys

SNIPPET_LINES = 12
SNIPPET_LINE_CHARS = 160
_LINES_BEFORE_MATCH = 3
# Of the first line, which is why it may not go on past its end.
_IS_DECORATED = re.compile(rb"[ \t\f\v]*@")


class CodeHit(NamedTuple):
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
        text, is_redacted = snippet(chunk.signature.splitlines())
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
    assert file.text is not None
    is_there = end <= file.text.n_lines
    lines = file.text.cut(start, end)
    decorators, shown, n_more = list[str](), list[str](), 0
    if is_there:
        # Most hits have none, and are not looked at line by line for it.
        if _IS_DECORATED.match(lines):
            decorators = _decorators(file, start, min(end, start + SNIPPET_LINES - 1))
        first = start if found.line is None else max(start, found.line - _LINES_BEFORE_MATCH)
        spans = uncovered(first, end, gaps if found.line is None else ())
        shown, n_more = _first_lines(file, spans)
    if found.line is None and not any(shown):
        shown, n_more = chunk.signature.splitlines(), 0
    text, is_redacted = snippet(shown, n_more)
    return CodeHit(
        repository,
        chunk,
        found.score,
        start,
        end,
        found.line,
        text,
        sha256_hex(lines) if is_there else None,
        repository.commit if file.is_committed else None,
        not file.is_indexed,
        is_redacted,
        _is_test(chunk, decorators),
    )


def _first_lines(file: CurrentFile, spans: Iterable[tuple[int, int]]) -> tuple[list[str], int]:
    """As many lines of the spans as a snippet has, and how many more there are.

    Those are counted and not looked at: most of a long definition is never shown.
    """
    assert file.text is not None
    lines: list[str] = []
    n_more, last = 0, 0
    for first, last in spans:
        n_taken = min(last - first + 1, SNIPPET_LINES - len(lines))
        if n_taken:
            lines += _lines(file, first, first + n_taken - 1)
        n_more += last - first + 1 - n_taken
    # Parts of a long definition end in what separates them.
    while n_more and not file.text.cut(last, last).strip():
        n_more, last = n_more - 1, last - 1
    while not n_more and lines and not lines[-1].strip():
        lines.pop()
    return lines, n_more


def _lines(file: CurrentFile, first: int, last: int) -> list[str]:
    """Lines of a file that has them, without the lines of private keys."""
    assert file.text is not None
    cut = file.text.cut(first, last)
    # Every end of a line counts as one.
    if b"\r" in cut:
        cut = cut.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return list(without_keys(source_lines(cut), first, file.keys))


def _decorators(file: CurrentFile, first: int, last: int) -> list[str]:
    """What the lines at the top say that begin with `@`."""
    assert file.text is not None
    n = first
    while n <= last and _IS_DECORATED.match(file.text.cut(n, n)):
        n += 1
    return [line.strip().removeprefix("@") for line in _lines(file, first, n - 1)]


def _is_test(chunk: CodeChunk, decorators: Sequence[str]) -> bool:
    """Whether the symbol, so decorated, is a test."""
    return is_test_symbol(chunk.path, chunk.symbol, chunk.kind, chunk.signature, decorators)


def snippet(lines: Sequence[str], n_more: int = 0) -> tuple[str, bool]:
    """The first lines of a text, short enough to read many of, and whether it lacks a secret.

    `n_more` lines are left out already.
    """
    shown, is_redacted = redact_lines(lines[:SNIPPET_LINES])
    cut = [
        line if len(line) <= SNIPPET_LINE_CHARS else line[: SNIPPET_LINE_CHARS - 3] + "..."
        for line in shown
    ]
    n_more += max(0, len(lines) - SNIPPET_LINES)
    if n_more:
        cut.append(f"... ({n_more} more lines)")
    return "\n".join(cut), is_redacted
