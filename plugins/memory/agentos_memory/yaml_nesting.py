"""YAML that the grammar must not be given: its scanner crashes the process at deep nesting.

tree-sitter-yaml 0.7.2 writes its stack of indentations into a buffer of fixed size without looking
whether it fits; some 260 entries are too many. Above: whoever parses YAML. Below: nothing.
"""

from __future__ import annotations

import re

# A sequence may stand at the column of its key, so a column counts for up to two entries.
MAX_COLUMNS = 100

_LINE_START = re.compile(rb"(?:^|[\r\n])([ \t]*)((?:[-?:][ \t]+)*)")
_MARKERS = re.compile(rb"(?<![^\s])[-?:][ \t]+(?=[-?:]\s)(?:[-?:](?:[ \t]+|(?=[\r\n]|$)))+")
_MARKER = re.compile(rb"[-?:]")


def require_shallow(source: bytes) -> None:
    """Raise RecursionError where blocks may begin at more than MAX_COLUMNS different columns.

    It looks at the columns of lines and of `- ? :` in a row; nested blocks begin at ever greater
    ones, so there are no more levels than columns, whatever the grammar makes of broken text.
    """
    columns: set[int] = set()
    for line in _LINE_START.finditer(source):
        columns.add(len(line.group(1)))
        columns.add(line.end() - line.start(1))
        _require_few(columns)
    for run in _MARKERS.finditer(source):
        start = 1 + max(source.rfind(b"\n", 0, run.start()), source.rfind(b"\r", 0, run.start()))
        columns.update(found.start() - start for found in _MARKER.finditer(source, *run.span()))
        _require_few(columns)


def _require_few(columns: set[int]) -> None:
    if len(columns) > MAX_COLUMNS:
        raise RecursionError(f"YAML with blocks at more than {MAX_COLUMNS} columns")
