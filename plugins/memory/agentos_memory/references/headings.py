"""Blocks of a text whose headings are known by line, as in Markdown and reStructuredText.

Above: the readers of such formats. Below: sections.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agentos_memory.references.sections import Block, slug_of


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading on lines `first` to `body` - 1, both 0-based; 1 is the outermost level."""

    level: int
    title: str
    first: int
    body: int
    slug: str | None = None


def blocks_of(lines: Sequence[str], headings: Sequence[Heading]) -> Iterator[Block]:
    """What stands before the first heading, and below each; headings without text give none."""
    end = headings[0].first if headings else len(lines)
    yield Block((), lines[:end], 1)
    open_headings: list[Heading] = []
    for number, heading in enumerate(headings):
        while open_headings and open_headings[-1].level >= heading.level:
            open_headings.pop()
        open_headings.append(heading)
        end = headings[number + 1].first if number + 1 < len(headings) else len(lines)
        if not any(line.strip() for line in lines[heading.body : end]):
            continue
        yield Block(
            tuple(each.title for each in open_headings),
            lines[heading.first : end],
            heading.first + 1,
            slugs=tuple(each.slug or slug_of(each.title) for each in open_headings),
            n_heading_lines=heading.body - heading.first,
        )
