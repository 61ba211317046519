"""Chunks of a file for retrieval: functions, methods, class heads, top-level code.

Cut along the symbols of `analysis`, so that a chunk carries the name it is found by. Long
functions are cut between statements.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tree_sitter import Node

from agentos import sha256_hex
from agentos_memory.embedding.texts import body_text, name_text
from agentos_memory.languages import find_language
from agentos_memory.model import FileAnalysis, Symbol
from agentos_memory.parsing import parse

MAX_CHUNK_LINES = 120
DEFINING_KINDS = frozenset({"class", "interface", "function", "method"})

ChunkKind = Literal["function", "method", "class", "interface", "module"]


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a file; `body` is its text.

    `embed_text` is what its vector is made of, `name_text` that of its name's; the digests are
    their SHA-256 in UTF-8, in hex: one digest, one vector. A class chunk spans the whole class, but its body leaves out methods and nested classes, which have
    chunks of their own. A function cut in parts has several chunks with one name.
    """

    path: str
    start_line: int
    end_line: int
    qualified_name: str
    name: str
    kind: ChunkKind
    signature: str
    docstring: str
    body: str
    embed_text: str
    digest: str
    name_text: str
    name_digest: str


def chunk_file(analysis: FileAnalysis, source: bytes) -> list[Chunk]:
    """The file's chunks in line order; together they hold every line that is not blank.

    `source` must be the bytes that `analysis` was made from.
    """
    chunker = _Chunker(analysis, source)
    chunks = [chunk for symbol in chunker.outlined for chunk in chunker.symbol_chunks(symbol)]
    chunks.extend(chunker.module_chunks())
    return sorted(chunks, key=lambda chunk: (chunk.start_line, chunk.end_line))


class _Chunker:
    def __init__(self, analysis: FileAnalysis, source: bytes) -> None:
        self._analysis = analysis
        self._source = source
        self._lines = source.decode("utf-8", "replace").splitlines()
        self._boundaries: list[int] | None = None
        self.outlined = list(_outlined(analysis))

    def symbol_chunks(self, symbol: Symbol) -> Iterator[Chunk]:
        """A class's head, or a function in one or more parts."""
        if symbol.kind in ("class", "interface"):
            children = [s for s in self.outlined if s.parent == symbol.qualified_name]
            numbers = _uncovered(symbol.start_line, symbol.end_line, children)
            text = "\n".join(self._lines[number - 1] for number in numbers)
            # A class on one line shares it with its methods.
            body = text or symbol.signature
            yield self._chunk(symbol, symbol.start_line, symbol.end_line, body)
            return
        for start, end in self._parts(symbol.start_line, symbol.end_line):
            yield self._chunk(symbol, start, end, self._text(start, end))

    def module_chunks(self) -> Iterator[Chunk]:
        """Top-level code between definitions, the imports first."""
        module = self._analysis.symbols[0]
        top = [s for s in self.outlined if s.parent == module.qualified_name]
        numbers = _uncovered(1, len(self._lines), top)
        for first, last in _runs(numbers):
            for start, end in self._parts(first, last):
                text = self._text(start, end)
                if text.strip():
                    yield self._chunk(module, start, end, text)

    def _chunk(self, symbol: Symbol, start: int, end: int, body: str) -> Chunk:
        embed_text = body_text(symbol.path, symbol.qualified_name, body)
        named = name_text(symbol.path, symbol.qualified_name)
        return Chunk(
            symbol.path,
            start,
            end,
            symbol.qualified_name,
            symbol.name,
            _chunk_kind(symbol),
            symbol.signature,
            symbol.docstring,
            body,
            embed_text,
            sha256_hex(embed_text.encode()),
            named,
            sha256_hex(named.encode()),
        )

    def _text(self, start: int, end: int) -> str:
        return "\n".join(self._lines[start - 1 : end])

    def _parts(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        while end - start >= MAX_CHUNK_LINES:
            boundaries = self._statement_starts()
            nearest = bisect_right(boundaries, start + MAX_CHUNK_LINES) - 1
            cut = boundaries[nearest] if nearest >= 0 else start
            if cut <= start:
                # One statement, such as a long table, has no inner boundary.
                cut = start + MAX_CHUNK_LINES
            yield start, cut - 1
            start = cut
        yield start, end

    def _statement_starts(self) -> list[int]:
        if self._boundaries is None:
            language = find_language(self._analysis.path)
            assert language is not None
            root = parse(language, self._source)
            self._boundaries = sorted(set(_starts_in(root)))
        return self._boundaries


def _outlined(analysis: FileAnalysis) -> Iterator[Symbol]:
    """Definitions with a chunk of their own: those not inside a function."""
    functions: set[str] = set()
    for symbol in analysis.symbols:
        if symbol.parent in functions:
            functions.add(symbol.qualified_name)
        elif symbol.kind in DEFINING_KINDS:
            if symbol.kind in ("function", "method"):
                functions.add(symbol.qualified_name)
            yield symbol


def _chunk_kind(symbol: Symbol) -> ChunkKind:
    match symbol.kind:
        case "function" | "method" | "class" | "interface" as kind:
            return kind
        case _:
            return "module"


def _uncovered(start: int, end: int, symbols: list[Symbol]) -> list[int]:
    covered = {n for symbol in symbols for n in range(symbol.start_line, symbol.end_line + 1)}
    return [number for number in range(start, end + 1) if number not in covered]


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """First and last of each stretch of consecutive numbers."""
    if not numbers:
        return
    start = previous = numbers[0]
    for number in numbers[1:]:
        if number != previous + 1:
            yield start, previous
            start = number
        previous = number
    yield start, previous


def _starts_in(root: Node) -> Iterator[int]:
    # Without recursion, since a tree may be thousands of nodes deep.
    pending = [root]
    while pending:
        for child in pending.pop().named_children:
            yield child.start_point.row + 1
            if child.end_point.row - child.start_point.row >= MAX_CHUNK_LINES:
                pending.append(child)
