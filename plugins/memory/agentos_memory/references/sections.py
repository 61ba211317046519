"""Sections of a document, each with an anchor that stays as long as its headings do.

Readers of formats give blocks, the text below one heading; `make_sections` names them, cuts long
ones between paragraphs, and sums each up. Above: the parsing process. Below: summaries.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from agentos_memory.references.summaries import MAX_SUMMARY_CHARS, summarise

MAX_SECTIONS = 20_000
MAX_TEXT_CHARS = 64_000_000
MAX_SECTION_CHARS = 4_000
# Where a paragraph of its own accord ends a part, so that an insertion moves few boundaries.
_MIN_PART_CHARS = 1_500
_ENDS_PART = 3
_MAX_TITLE_CHARS = 200
_MAX_SLUG_CHARS = 80
_NOT_IN_SLUGS = re.compile(r"[^\w.]+")


@dataclass(frozen=True, slots=True)
class Block:
    """The lines below one heading; `headings` lead to it from the outermost.

    `slugs` name the headings in anchors, by default as they are written. `fragment` is the whole
    anchor where the format has a name of its own, such as an operation's id. `first_line` is None
    for what has no lines, such as a page. The first `n_heading_lines` are the heading itself.
    `summary` is a better one than the text's sentences make.
    """

    headings: tuple[str, ...]
    lines: Sequence[str]
    first_line: int | None = None
    page: int | None = None
    slugs: tuple[str, ...] | None = None
    fragment: str | None = None
    path: str | None = None
    last_line: int | None = None
    n_heading_lines: int = 0
    summary: str | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """One section; `fragment` is unique in its document, lines are 1-based and inclusive."""

    fragment: str
    title: str
    headings: tuple[str, ...]
    text: str
    summary: str
    start_line: int | None
    end_line: int | None
    page: int | None
    path: str | None


@dataclass(slots=True)
class Document:
    """What a reader found; `name` is the document's own, `notices` say what was left out."""

    format: str
    blocks: Iterable[Block]
    title: str = ""
    name: str | None = None
    notices: list[str] = field(default_factory=list)


def make_sections(document: Document) -> list[Section]:
    """The sections in order; cut off with a notice at MAX_SECTIONS and MAX_TEXT_CHARS."""
    sections: list[Section] = []
    taken: Counter[str] = Counter()
    n_chars = 0
    for block in document.blocks:
        for part, (first, lines) in enumerate(_parts(block.lines), 1):
            if len(sections) >= MAX_SECTIONS or n_chars >= MAX_TEXT_CHARS:
                document.notices.append(
                    f"only the first {len(sections)} sections are kept; the limits are "
                    f"{MAX_SECTIONS} sections and {MAX_TEXT_CHARS} characters"
                )
                return sections
            sections.append(_section(block, part, first, lines, taken, document.title))
            n_chars += len(sections[-1].text)
    return sections


def slug_of(heading: str) -> str:
    """A heading as it stands in anchors: lower-case words with dashes."""
    return _NOT_IN_SLUGS.sub("-", heading.lower()).strip("-.")[:_MAX_SLUG_CHARS] or "section"


def _section(
    block: Block, part: int, first: int, lines: Sequence[str], taken: Counter[str], named: str
) -> Section:
    text = "\n".join(lines)
    body = "\n".join(lines[block.n_heading_lines :]) if part == 1 else text
    headings = tuple(heading[:_MAX_TITLE_CHARS] for heading in block.headings)
    title = headings[-1] if headings else named[:_MAX_TITLE_CHARS]
    start = None if block.first_line is None else block.first_line + first
    end = None if start is None else start + len(lines) - 1
    if block.last_line is not None:
        start, end = block.first_line, block.last_line
    return Section(
        _unique(_fragment(block) + (f"~{part}" if part > 1 else ""), taken), title, headings, text,
        _summary(block, body, title), start, end, block.page, block.path,
    )  # fmt: skip


def _summary(block: Block, body: str, title: str) -> str:
    if block.summary is None:
        return summarise(body, title)
    if len(block.summary) <= MAX_SUMMARY_CHARS:
        return block.summary
    return block.summary[: MAX_SUMMARY_CHARS - 3] + "..."


def _fragment(block: Block) -> str:
    if block.fragment is not None:
        return block.fragment
    slugs = block.slugs or tuple(slug_of(heading) for heading in block.headings)
    return "/".join(slugs) or "top"


def _unique(fragment: str, taken: Counter[str]) -> str:
    """The fragment, numbered from its second occurrence on."""
    taken[fragment] += 1
    if taken[fragment] == 1:
        return fragment
    return _unique(f"{fragment}-{taken[fragment]}", taken)


def _parts(lines: Sequence[str]) -> Iterator[tuple[int, Sequence[str]]]:
    """Parts of at most about MAX_SECTION_CHARS with the offsets of their first lines."""
    total = sum(map(len, lines)) + len(lines)
    if total <= MAX_SECTION_CHARS:
        if any(line.strip() for line in lines):
            yield _trimmed(0, lines)
        return
    part: list[str] = []
    start, size = 0, 0
    for number, line in enumerate(lines):
        for piece in _pieces(line):
            if size and size + len(piece) > MAX_SECTION_CHARS:
                yield from _filled(start, part)
                part, start, size = [], number, 0
            part.append(piece)
            size += len(piece) + 1
        if not line.strip() and size >= _MIN_PART_CHARS and _ends_part(lines, number):
            yield from _filled(start, part)
            part, start, size = [], number + 1, 0
    yield from _filled(start, part)


def _filled(start: int, part: Sequence[str]) -> Iterator[tuple[int, Sequence[str]]]:
    if any(line.strip() for line in part):
        yield _trimmed(start, part)


def _trimmed(start: int, lines: Sequence[str]) -> tuple[int, Sequence[str]]:
    first, last = 0, len(lines)
    while not lines[first].strip():
        first += 1
    while not lines[last - 1].strip():
        last -= 1
    return start + first, lines[first:last]


def _pieces(line: str) -> Iterator[str]:
    yield line[:MAX_SECTION_CHARS]
    for start in range(MAX_SECTION_CHARS, len(line), MAX_SECTION_CHARS):
        yield line[start : start + MAX_SECTION_CHARS]


def _ends_part(lines: Sequence[str], number: int) -> bool:
    """Decided by the line before the gap alone, wherever in the document it stands."""
    line = lines[number - 1] if number else ""
    return zlib.crc32(line.encode("utf-8", "replace")) % _ENDS_PART == 0
