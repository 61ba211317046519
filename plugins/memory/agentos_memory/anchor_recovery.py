"""Finding again what a reference spoke of, in a file that has changed since.

Above: anchors. Pure. The same lines elsewhere are found by their digest, changed ones by the symbol
they belonged to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from agentos_memory.model import Symbol

# A long span in a long file is not looked for everywhere: bytes that are hashed at most.
MAX_HASHED_BYTES = 32 * 1024 * 1024


def find_span(content: bytes, n_lines: int, sha256: str, near_line: int) -> int | None:
    """The first line of the `n_lines` lines with that digest, the nearest to `near_line`."""
    lines = content.splitlines(keepends=True)
    n_starts = len(lines) - n_lines + 1
    left = MAX_HASHED_BYTES
    for start in _outwards(near_line - 1, n_starts):
        span = b"".join(lines[start : start + n_lines])
        left -= len(span)
        if left < 0:
            return None
        if hashlib.sha256(span).hexdigest() == sha256:
            return start + 1
    return None


def find_symbol(symbols: Sequence[Symbol], name: str, near_line: int = 1) -> tuple[int, int] | None:
    """Lines of the symbol of that qualified name, or of that name's end; the nearest of several."""
    exact = [each for each in symbols if each.qualified_name == name]
    ends = ("." + name, ":" + name)
    found = exact or [each for each in symbols if each.qualified_name.endswith(ends)]
    # A file that has moved gives its symbols another module's name.
    own = name.rpartition(":")[2].rpartition(".")[2]
    found = found or [each for each in symbols if each.name == own]
    best = min(found, key=lambda each: abs(each.start_line - near_line), default=None)
    return None if best is None else (best.start_line, best.end_line)


def symbol_around(symbols: Sequence[Symbol], first: int, last: int) -> str | None:
    """The qualified name of the innermost symbol that holds these lines; None for a module."""
    around = [each for each in symbols if each.start_line <= first and last <= each.end_line]
    best = min(around, key=lambda each: each.end_line - each.start_line, default=None)
    return None if best is None else best.qualified_name


def _outwards(start: int, size: int) -> Iterator[int]:
    """All of 0 .. size - 1, the nearest to `start` first."""
    start = min(max(start, 0), max(size - 1, 0))
    for distance in range(size):
        if start - distance >= 0:
            yield start - distance
        if distance and start + distance < size:
            yield start + distance
