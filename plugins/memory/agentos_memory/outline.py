"""The outline of a file: which definitions stand on their own, what lies between, where to cut.

Above: the analysis, which notes the statements of long stretches while it has the syntax tree,
and chunks, which cut there. Below: symbols and tree-sitter's nodes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from tree_sitter import Node

from agentos_memory.model import Symbol

LONG_LINES = 120
MIN_BLOCK_LINES = 3
DEFINING_KINDS = frozenset({"class", "interface", "function", "method"})


def outline(symbols: Sequence[Symbol]) -> list[Symbol]:
    """Definitions that are not inside a function, in source order."""
    functions: set[str] = set()
    outlined: list[Symbol] = []
    for symbol in symbols:
        if symbol.parent in functions:
            functions.add(symbol.qualified_name)
        elif symbol.kind in DEFINING_KINDS or _is_long_block(symbol):
            if symbol.kind in ("function", "method"):
                functions.add(symbol.qualified_name)
            outlined.append(symbol)
    return outlined


def _is_long_block(symbol: Symbol) -> bool:
    """Whether a piece of configuration says enough to be a chunk of its own."""
    return symbol.kind == "block" and symbol.end_line - symbol.start_line >= MIN_BLOCK_LINES


def by_parent(symbols: Sequence[Symbol]) -> Mapping[str | None, Sequence[Symbol]]:
    """The symbols of each parent, in source order."""
    children: defaultdict[str | None, list[Symbol]] = defaultdict(list)
    for symbol in symbols:
        children[symbol.parent].append(symbol)
    return children


def uncovered(start: int, end: int, spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """First and last line of each stretch of `start`..`end` outside the spans.

    `spans` are first and last lines, ordered by the first; they may overlap.
    """
    for first, last in spans:
        if first > start:
            yield start, min(first - 1, end)
        start = max(start, last + 1)
    if start <= end:
        yield start, end


def statement_lines(root: Node, symbols: Sequence[Symbol]) -> tuple[int, ...]:
    """Lines on which statements of stretches over LONG_LINES start, ascending.

    `symbols[0]` is the module. Empty for a file without such a stretch, which is most of them.
    """
    spans = list(_long_spans(symbols))
    if not spans:
        return ()
    starts: set[int] = set()
    # Without recursion, since a tree may be thousands of nodes deep.
    pending = [root]
    while pending:
        for child in pending.pop().named_children:
            first, last = child.start_point.row + 1, child.end_point.row + 1
            if any(first <= end and last >= start for start, end in spans):
                starts.add(first)
                if last - first >= LONG_LINES:
                    pending.append(child)
    return tuple(sorted(starts))


def _long_spans(symbols: Sequence[Symbol]) -> Iterator[tuple[int, int]]:
    module, outlined = symbols[0], outline(symbols)
    if module.end_line <= LONG_LINES:
        return
    top = sorted((s.start_line, s.end_line) for s in outlined)
    spans = list(uncovered(1, module.end_line, top))
    spans += [(s.start_line, s.end_line) for s in outlined if s.kind in ("function", "method")]
    yield from (span for span in spans if span[1] - span[0] >= LONG_LINES)
