"""Lines of a file cut out by number, as fast for a file of newlines as for any other.

Above: anchors, hits of a search. Lines end where `bytes.splitlines` ends them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

_NEWLINE = 10

LineStops: TypeAlias = NDArray[np.int64]
"""Where each line ends, after its newline."""


def line_stops(content: bytes) -> LineStops:
    """The ends of the lines that end in a newline and nothing else, as parsers count them."""
    stops: LineStops = np.flatnonzero(np.frombuffer(content, np.uint8) == _NEWLINE)
    stops += 1
    return stops


@dataclass(frozen=True, slots=True)
class TextLines:
    """A file's content with the ends of its lines, from which any number of them is cut."""

    content: bytes
    stops: LineStops
    n_lines: int

    @classmethod
    def of(cls, content: bytes) -> Self:
        """The content, looked through once."""
        ends = content
        if b"\r" in content:
            # Of the same length as the content, with exactly one newline at every end of a line.
            ends = content.replace(b"\r\n", b" \n").replace(b"\r", b"\n")
        stops = line_stops(ends)
        is_open = not ends.endswith(b"\n") and bool(ends)
        return cls(content, stops, len(stops) + is_open)

    def cut(self, first: int, last: int) -> bytes:
        """Lines `first` to `last` (1-based, inclusive, with their ends), as far as there are any."""
        if first > self.n_lines:
            return b""
        begin = int(self.stops[first - 2]) if first > 1 else 0
        end = int(self.stops[last - 1]) if last <= len(self.stops) else len(self.content)
        return self.content[begin:end]


def cut_lines(content: bytes, first: int, last: int) -> bytes | int:
    """Lines `first` to `last` (1-based, inclusive, with their ends), or how many lines there are.

    The number stands for a file that has fewer than `last`.
    """
    lines = TextLines.of(content)
    return lines.cut(first, last) if last <= lines.n_lines else lines.n_lines
