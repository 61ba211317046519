"""Plain text: numbered headings as in RFCs, headings in capitals, else runs of paragraphs."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence

from agentos_memory.references.decoding import decode_text, lines_of
from agentos_memory.references.headings import Heading, blocks_of
from agentos_memory.references.restructured_text import (
    is_restructured_text,
    read_restructured_text,
)
from agentos_memory.references.sections import Block, Document

_NUMBERED = re.compile(r"(\d{1,3}(?:\.\d{1,3}){0,5})\.?\s{1,4}([A-Z][^.!?\n]{1,90})$")
_CAPITALS = re.compile(r"(?=.*[A-Z]{3})[A-Z0-9][A-Z0-9 ,:/&()'-]{2,60}$")
# A run ends after about four paragraphs, decided by the paragraph itself, or at this size.
_MAX_RUN_CHARS = 1_500
_MEAN_RUN_PARAGRAPHS = 4
_TITLE_CHARS = 60


def read_plain_text(content: bytes) -> Document:
    """The document's sections, below headings where it has at least two.

    What is reStructuredText by another name is read as such.
    """
    if is_restructured_text(content):
        return read_restructured_text(content)
    lines = lines_of(decode_text(content).replace("\f", "\n"))
    headings = list(_headings(lines))
    blocks = blocks_of(lines, headings) if len(headings) > 1 else _runs(lines)
    title = next((line.strip() for line in lines if line.strip()), "")
    return Document("text", blocks, title[:_TITLE_CHARS])


def _headings(lines: Sequence[str]) -> Iterator[Heading]:
    for number, line in enumerate(lines):
        stands_alone = (number == 0 or not lines[number - 1].strip()) and (
            number + 1 == len(lines) or not lines[number + 1].strip()
        )
        # A table of contents repeats the headings, with dots.
        if not stands_alone or ". ." in line or ".." in line:
            continue
        if found := _NUMBERED.match(line):
            title = f"{found.group(1)} {found.group(2).strip()}"
            yield Heading(found.group(1).count(".") + 1, title, number, number + 1)
        elif _CAPITALS.match(line):
            yield Heading(1, line.strip(), number, number + 1)


def _runs(lines: Sequence[str]) -> Iterator[Block]:
    start, size = 0, 0
    for number, line in enumerate(lines):
        size += len(line) + 1
        if line.strip() or not size:
            continue
        before = lines[number - 1] if number else ""
        ends = zlib.crc32(before.encode("utf-8", "replace")) % _MEAN_RUN_PARAGRAPHS == 0
        if size >= _MAX_RUN_CHARS or (before.strip() and ends):
            yield from _run(lines, start, number)
            start, size = number + 1, 0
    yield from _run(lines, start, len(lines))


def _run(lines: Sequence[str], start: int, end: int) -> Iterator[Block]:
    first = next((line.strip() for line in lines[start:end] if line.strip()), None)
    if first is not None:
        yield Block((first[:_TITLE_CHARS],), lines[start:end], start + 1)
