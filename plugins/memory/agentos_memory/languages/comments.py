"""The comment above a definition as its documentation.

Comments are noted in the order of the text, as they are met: asking a tree for the siblings of
each definition would cost the square of a long file. Above: the extractor that reads by queries.
"""

from __future__ import annotations

import re

from tree_sitter import Node

from agentos_memory.languages.nodes import node_text

MAX_COMMENT_LINES = 200
_MARKS = re.compile(r"^\s*(?:/\*\*?!?|//[/!]?|\*+(?!/)|#+!?|--|<!--)?\s?")
_END = re.compile(r"\s*(?:\*+/|-->)\s*$")


class Comments:
    """The comments of one file that may still belong to a definition."""

    def __init__(self, root: Node) -> None:
        self._source = root.text or b""
        # A tree begins at the first byte that is no space.
        self._offset = root.start_byte
        # First line, last line and text of adjoining comments; other lines in between have "".
        self._run: list[tuple[int, int, str]] = []

    def note(self, node: Node) -> None:
        """Take in a comment."""
        start = node.start_byte - self._offset
        line_start = self._source.rfind(b"\n", 0, start) + 1
        # A comment behind code belongs to that code.
        if not self._source[line_start:start].strip():
            end = node.end_point
            self._add(node.start_point.row, end.row - (end.column == 0), node_text(node))

    def note_between(self, node: Node) -> None:
        """Take in what stands between comment and definition, such as an attribute."""
        self._add(node.start_point.row, node.end_point.row, "")

    def note_around(self, node: Node) -> None:
        """Take in what a definition is wrapped in, which carries its comment."""
        self._add(node.start_point.row, 1 << 40, "")

    def above(self, row: int) -> str:
        """The text of the comments that end right above the 0-based row, "" without any."""
        run, self._run = self._run, []
        if not run or run[-1][1] < row - 1 or run[-1][0] > row:
            return ""
        return "\n".join(_plain(text) for _, _, text in run[-MAX_COMMENT_LINES:] if text).strip()

    def _add(self, first: int, last: int, text: str) -> None:
        if self._run and self._run[-1][1] < first - 1:
            self._run.clear()
        self._run.append((first, last, text))


def _plain(comment: str) -> str:
    lines = (_MARKS.sub("", line) for line in _END.sub("", comment).splitlines())
    return "\n".join(line.rstrip() for line in lines).strip()
