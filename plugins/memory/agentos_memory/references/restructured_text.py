"""reStructuredText: titles underlined, or between two lines; levels in order of appearance.

Source: docutils, "reStructuredText Markup Specification", Sections.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from agentos_memory.references.decoding import decode_text, lines_of
from agentos_memory.references.headings import Heading, blocks_of
from agentos_memory.references.sections import Document

_ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1+\s*$")
_ROLE = re.compile(r":[\w:+.-]+:`([^`<]*?)\s*(?:<[^`>]*>)?`")
_MARKS = re.compile(r"[*`]+")


def read_restructured_text(content: bytes) -> Document:
    """The document's sections, one per title with text below."""
    lines = [line.rstrip() for line in lines_of(decode_text(content))]
    headings = list(_headings(lines))
    title = headings[0].title if headings else ""
    return Document("restructuredtext", blocks_of(lines, headings), title)


def is_restructured_text(content: bytes) -> bool:
    """Whether a text of another name is written so: it has titles and directives."""
    if b"\n.. " not in content:
        return False
    lines = [line.rstrip() for line in lines_of(decode_text(content))]
    return len(list(islice(_headings(lines), 2))) == 2


def _headings(lines: Sequence[str]) -> Iterator[Heading]:
    levels: dict[tuple[str, bool], int] = {}
    number = 0
    while number + 1 < len(lines):
        overlined = _is_overlined(lines, number)
        title = number + overlined
        if overlined or _is_underlined(lines, number):
            style = (lines[title + 1][0], overlined)
            level = levels.setdefault(style, len(levels) + 1)
            yield Heading(level, _plain(lines[title]), number, title + 2)
            number = title + 2
        else:
            number += 1


def _is_overlined(lines: Sequence[str], number: int) -> bool:
    if number + 2 >= len(lines) or not _ADORNMENT.match(lines[number]):
        return False
    over, title, under = lines[number : number + 3]
    return over == under and bool(title.strip()) and len(title) <= len(over) and (
        _ADORNMENT.match(title) is None
    )  # fmt: skip


def _is_underlined(lines: Sequence[str], number: int) -> bool:
    title, under = lines[number], lines[number + 1]
    if not title or title[0].isspace() or not _ADORNMENT.match(under):
        return False
    # A shorter line below a text is punctuation, unless it is as long as four characters.
    if len(under) < len(title) and len(under) < 4:
        return False
    above = lines[number - 1] if number else ""
    return not above.strip() and _ADORNMENT.match(title) is None


def _plain(title: str) -> str:
    return " ".join(_MARKS.sub("", _ROLE.sub(r"\1", title)).split())
