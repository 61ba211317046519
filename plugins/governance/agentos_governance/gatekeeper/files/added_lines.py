"""The lines that a submission adds to a file, whatever was moved around in it.

Above: checks of single lines. Below: nothing. A line that the base has, anywhere in the same file, is
not new; one that it has once and the submission twice is new once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from agentos import ReviewedFile

PIECE_CHARS = 4_000
"""What is longer is no source that a person wrote, and comes in pieces."""
_SHARED_CHARS = 500
"""Of two pieces, so that what stands at their border is in one of them."""
# As compilers and git count; str.splitlines knows more, and whoever uses those moves every number.
_LINE_END = re.compile(r"\r\n|\r|\n")


def text_lines(content: bytes | None) -> list[str]:
    """The lines of a text, without their ends; none of what is binary."""
    if content is None or b"\0" in content[:8_000]:
        return []
    lines = _LINE_END.split(content.decode("utf-8", "replace"))
    return lines if lines[-1] else lines[:-1]


def added_lines(file: ReviewedFile) -> list[tuple[int, str]]:
    """Number and text of each line that is new in the file, in order; spaces around do not count.

    A long line comes in pieces that have its number.
    """
    old = Counter(line.strip() for line in text_lines(file.old))
    found = []
    for number, line in enumerate(text_lines(file.new), start=1):
        plain = line.strip()
        if not plain:
            continue
        if old[plain] > 0:
            old[plain] -= 1
        else:
            found += [(number, piece) for piece in _pieces(line)]
    return found


def removed_lines(file: ReviewedFile) -> list[str]:
    """The lines that the base had and the submission has not, without spaces around."""
    new = Counter(line.strip() for line in text_lines(file.new))
    found = []
    for line in text_lines(file.old):
        plain = line.strip()
        if plain and new[plain] > 0:
            new[plain] -= 1
        elif plain:
            found += _pieces(plain)
    return found


def _pieces(line: str) -> list[str]:
    if len(line) <= PIECE_CHARS:
        return [line]
    starts = range(0, len(line) - _SHARED_CHARS, PIECE_CHARS - _SHARED_CHARS)
    return [line[start : start + PIECE_CHARS] for start in starts]


def moved_texts(files: Iterable[ReviewedFile]) -> Counter[str]:
    """Lines that some file loses: where another gains them, they were moved and are not new."""
    found: Counter[str] = Counter()
    for file in files:
        found.update(removed_lines(file))
    return found
