"""HTML: the text below each heading, without navigation, scripts and styles.

A heading's id, or that of the section it opens, names its anchor.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser

from agentos_memory.references.decoding import decode_text
from agentos_memory.references.sections import Block, Document, slug_of

_LEFT_OUT = frozenset({"script", "style", "nav", "footer", "template", "noscript", "svg"})
_BREAKS = frozenset(
    {"p", "div", "section", "article", "main", "header", "ul", "ol", "dl", "li", "dt", "dd",
     "table", "tr", "pre", "blockquote", "br", "hr", "figure", "details", "summary"}
)  # fmt: skip
_CELLS = frozenset({"td", "th"})
_HEADING = re.compile(r"h[1-6]$")


def read_html(content: bytes) -> Document:
    """The page's sections, one per heading with text below."""
    page = _Page()
    page.feed(decode_text(content, is_html=True))
    page.close()
    page.end_block()
    return Document("html", page.blocks, page.title)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self.title = ""
        self._left_out = 0
        self._pre = 0
        self._text: list[str] = []
        self._first_line = 1
        self._last_line = 1
        self._heading: tuple[int, str] | None = None
        self._section_id = ""
        self._in_title = False
        self._open: list[tuple[int, str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _LEFT_OUT:
            self._left_out += 1
        elif self._left_out:
            return
        elif tag == "title":
            self._in_title = True
        elif _HEADING.match(tag):
            self._begin_heading(int(tag[1]), dict(attrs).get("id") or self._section_id)
        elif tag in _BREAKS:
            self._text.append("\n- " if tag == "li" else "\n")
            self._pre += tag == "pre"
        elif tag in _CELLS:
            self._text.append(" | ")
        if tag in ("section", "div", "article"):
            self._section_id = dict(attrs).get("id") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag in _LEFT_OUT:
            self._left_out = max(0, self._left_out - 1)
        elif self._left_out:
            return
        elif tag == "title":
            self._in_title = False
        elif _HEADING.match(tag) and self._heading is not None:
            self._end_heading()
        elif tag in _BREAKS:
            self._text.append("\n")
            self._pre = max(0, self._pre - (tag == "pre"))

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title = (self.title + " ".join(data.split()))[:200]
        elif not self._left_out:
            self._text.append(data if self._pre else re.sub(r"\s+", " ", data))
            self._last_line = self.getpos()[0] + data.rstrip().count("\n")

    def _begin_heading(self, level: int, name: str) -> None:
        self.end_block()
        self._heading = (level, name)
        self._section_id = ""
        self._first_line = self._last_line = self.getpos()[0]

    def _end_heading(self) -> None:
        assert self._heading is not None
        level, name = self._heading
        title = " ".join("".join(self._text).split()).rstrip("¶#§ ")
        while self._open and self._open[-1][0] >= level:
            self._open.pop()
        self._open.append((level, title, slug_of(name or title)))
        self._heading = None
        self._text = []

    def end_block(self) -> None:
        """Keep what was read since the last heading, if it is anything."""
        if self._heading is not None:
            self._end_heading()
        lines = _tidy("".join(self._text).split("\n"))
        self._text = []
        if lines:
            self.blocks.append(
                Block(
                    tuple(title for _, title, _ in self._open), lines, self._first_line,
                    slugs=tuple(slug for _, _, slug in self._open),
                    last_line=max(self._first_line, self._last_line),
                )
            )  # fmt: skip
        self._first_line = self.getpos()[0]


def _tidy(lines: Sequence[str]) -> list[str]:
    """Without blank lines at the ends, and at most one between others."""
    tidy: list[str] = []
    for line in lines:
        if line.strip(" |-"):
            tidy.append(line.rstrip())
        elif tidy and tidy[-1]:
            tidy.append("")
    while tidy and not tidy[-1]:
        tidy.pop()
    return tidy
