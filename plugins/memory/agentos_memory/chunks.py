"""Chunks of a file for retrieval: functions, methods, class heads, top-level code.

Cut along the symbols of `analysis`, so that a chunk carries the name it is found by. Long
functions are cut between statements. Nothing is parsed here.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from agentos_memory.model import FileAnalysis, Symbol
from agentos_memory.outline import LONG_LINES, by_parent, outline, uncovered
from agentos_memory.vector_texts import TEXT_FORMAT, body_text, name_text

MAX_CHUNK_LINES = LONG_LINES

ChunkKind = Literal["function", "method", "class", "interface", "module"]


@dataclass(slots=True, unsafe_hash=True)
class Chunk:
    """A piece of a file; `body` is its text, `imports` what its scope imports, dotted.

    A class chunk spans the whole class, but its body leaves out methods and nested classes, which
    have chunks of their own: `gaps` are their first and last lines. A function cut in parts has
    several chunks with one name.
    """

    path: str
    start_line: int
    end_line: int
    qualified_name: str
    name: str
    kind: ChunkKind
    signature: str
    docstring: str
    imports: tuple[str, ...]
    body: str
    gaps: tuple[tuple[int, int], ...] = ()

    @property
    def embed_text(self) -> str:
        """What the chunk's vector is made of."""
        return body_text(self.path, self.qualified_name, self.body)

    @property
    def name_text(self) -> str:
        """What its name's vector is made of."""
        return name_text(self.path, self.qualified_name)

    @property
    def digest(self) -> str:
        """Stands for `embed_text`: one digest, one vector. SHA-256 in hex of what it is made of."""
        made_of = (TEXT_FORMAT, self.name_text, self.body)
        return hashlib.sha256("\0".join(made_of).encode("utf-8", "replace")).hexdigest()

    @property
    def name_digest(self) -> str:
        """Stands for `name_text`: its SHA-256 in hex."""
        return hashlib.sha256(self.name_text.encode()).hexdigest()


def chunk_file(analysis: FileAnalysis, source: bytes) -> list[Chunk]:
    """The file's chunks in line order; together they hold every line that is not blank.

    `source` must be the bytes that `analysis` was made from.
    """
    chunker = _Chunker(analysis, source)
    chunks = [chunk for symbol in chunker.outline for chunk in chunker.symbol_chunks(symbol)]
    chunks.extend(chunker.module_chunks())
    return sorted(chunks, key=lambda chunk: (chunk.start_line, chunk.end_line))


class _Chunker:
    def __init__(self, analysis: FileAnalysis, source: bytes) -> None:
        self._analysis = analysis
        self._lines = source_lines(source)
        self.outline = outline(analysis.symbols)
        self._children = by_parent(self.outline)
        self._imports: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
        for found in analysis.imports:
            dotted = f"{found.module}.{found.name}" if found.name else found.module
            self._imports[found.scope] += (dotted,)

    def symbol_chunks(self, symbol: Symbol) -> Iterator[Chunk]:
        """A class's head, or a function in one or more parts."""
        if symbol.kind in ("class", "interface"):
            start, end = symbol.start_line, symbol.end_line
            inner = self._children.get(symbol.qualified_name, ())
            # A class in several parts has members in each of them.
            here = (child for child in inner if start <= child.start_line <= end)
            gaps = tuple((child.start_line, min(child.end_line, end)) for child in here)
            # A class on one line shares it with its methods.
            body = chunk_text(self._lines, start, end, gaps) or symbol.signature
            yield self._chunk(symbol, start, end, body, gaps)
            return
        for start, end in self._parts(symbol.start_line, symbol.end_line):
            yield self._chunk(symbol, start, end, self._text(start, end))

    def module_chunks(self) -> Iterator[Chunk]:
        """Top-level code between definitions, the imports first."""
        module = self._analysis.symbols[0]
        # Also what lies in a namespace, or belongs to a class elsewhere.
        spans = sorted((symbol.start_line, symbol.end_line) for symbol in self.outline)
        for first, last in uncovered(1, len(self._lines), spans):
            for start, end in self._parts(first, last):
                text = self._text(start, end)
                if text and not text.isspace():
                    yield self._chunk(module, start, end, text)

    def _chunk(
        self,
        symbol: Symbol,
        start: int,
        end: int,
        body: str,
        gaps: tuple[tuple[int, int], ...] = (),
    ) -> Chunk:
        module = self._analysis.symbols[0]
        own = self._imports.get(symbol.qualified_name, ()) if symbol is not module else ()
        return Chunk(
            symbol.path,
            start,
            end,
            symbol.qualified_name,
            symbol.name,
            _chunk_kind(symbol),
            symbol.signature,
            symbol.docstring,
            self._imports.get(module.qualified_name, ()) + own,
            body,
            gaps,
        )

    def _text(self, start: int, end: int) -> str:
        return chunk_text(self._lines, start, end, ())

    def _parts(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        boundaries = self._analysis.statement_lines
        while end - start >= MAX_CHUNK_LINES:
            nearest = bisect_right(boundaries, start + MAX_CHUNK_LINES) - 1
            cut = boundaries[nearest] if nearest >= 0 else start
            if cut <= start:
                # One statement, such as a long table, has no inner boundary.
                cut = start + MAX_CHUNK_LINES
            yield start, cut - 1
            start = cut
        yield start, end


def chunk_text(lines: Sequence[str], start: int, end: int, gaps: Sequence[tuple[int, int]]) -> str:
    """Lines `start` to `end` without those of the gaps, which are in source order."""
    return "\n".join("\n".join(lines[a - 1 : b]) for a, b in uncovered(start, end, gaps))


def source_lines(source: bytes) -> list[str]:
    """The lines as the parser counts them: only a newline ends one."""
    lines = source.decode("utf-8", "replace").split("\n")
    if lines[-1] == "":
        lines.pop()
    return lines


def _chunk_kind(symbol: Symbol) -> ChunkKind:
    match symbol.kind:
        case "function" | "method" | "class" | "interface" as kind:
            return kind
        case _:
            return "module"
