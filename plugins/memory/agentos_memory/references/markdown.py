"""Markdown: ATX and setext headings; headings in fenced code and front matter are none.

Source: CommonMark 0.31, sections 4.2, 4.3 and 4.5. Explicit ids (`# Title {#id}`) name anchors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from agentos_memory.references.decoding import decode_text, lines_of
from agentos_memory.references.headings import Heading, blocks_of
from agentos_memory.references.sections import Document

_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)$")
_NO_PARAGRAPH = re.compile(r"\s*$| {4}|\t| {0,3}(?:[-*+>|]|\d+[.)]\s|<)")
_ID = re.compile(r"\s*\{#([\w.:-]{1,80})\}\s*$")
_LINK = re.compile(r"!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])")
_MARKS = re.compile(r"[*`]+|</?[A-Za-z][^>]*>")


def read_markdown(content: bytes) -> Document:
    """The document's sections, one per heading with text below."""
    lines = lines_of(decode_text(content))
    start = _after_front_matter(lines)
    headings = list(_headings(lines, start))
    lines[:start] = [""] * start
    title = next((each.title for each in headings if each.level == 1), "")
    return Document("markdown", blocks_of(lines, headings), title)


def _after_front_matter(lines: Sequence[str]) -> int:
    if lines[0].rstrip() not in ("---", "+++"):
        return 0
    for number in range(1, min(len(lines), 200)):
        if lines[number].rstrip() == lines[0].rstrip():
            return number + 1
    return 0


def _headings(lines: Sequence[str], start: int) -> Iterator[Heading]:
    fence: str | None = None
    for number in range(start, len(lines)):
        line = lines[number]
        fenced = _FENCE.match(line)
        if fence is not None:
            if fenced and fenced.group(1).startswith(fence) and not fenced.group(2).strip():
                fence = None
        elif fenced and not (fenced.group(1)[0] == "`" and "`" in fenced.group(2)):
            fence = fenced.group(1)
        elif found := _ATX.match(line):
            yield _heading(len(found.group(1)), found.group(2) or "", number, number + 1)
        elif (found := _SETEXT.match(line)) and _is_title(lines, number - 1, start):
            level = 1 if found.group(1)[0] == "=" else 2
            yield _heading(level, lines[number - 1].strip(), number - 1, number + 1)


def _is_title(lines: Sequence[str], number: int, start: int) -> bool:
    """Whether a line is a paragraph of one line; titles of several lines are not looked for."""
    if number < start or _NO_PARAGRAPH.match(lines[number]) or _ATX.match(lines[number]):
        return False
    return number == start or not lines[number - 1].strip() or bool(_ATX.match(lines[number - 1]))


def _heading(level: int, title: str, first: int, body: int) -> Heading:
    named = _ID.search(title)
    plain = _LINK.sub(r"\1", title[: named.start()] if named else title)
    text = " ".join(_MARKS.sub("", plain).split())
    return Heading(level, text, first, body, named.group(1) if named else None)
