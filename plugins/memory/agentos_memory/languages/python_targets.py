"""The names that targets of assignments, loops and comprehensions bind.

Above: statements, headers and expressions. Below: the grammar.
"""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from agentos_memory.expressions import UNKNOWN, Expression, Item
from agentos_memory.languages.python_grammar import (
    IDENTIFIER,
    TARGET_PATTERNS,
    SourceText,
    kind_ids,
)

_WRAPPERS = kind_ids("list_splat_pattern", "parenthesized_expression")
_NO_NAMES = kind_ids("attribute", "subscript")


def target_parts(
    target: Node, value: Expression, source: SourceText
) -> Iterator[tuple[str, Expression]]:
    """Every name that a target pattern binds, with the part of `value` it gets."""
    kind = target.kind_id
    if kind == IDENTIFIER:
        yield source.of(target), value
    elif kind in TARGET_PATTERNS:
        for index, child in enumerate(target.named_children):
            yield from target_parts(child, Item(value, index), source)
    elif kind in _WRAPPERS:
        for child in target.named_children:
            yield from target_parts(child, UNKNOWN, source)


def identifiers(pattern: Node, source: SourceText) -> list[str]:
    """Every name that a target pattern binds."""
    kind = pattern.kind_id
    if kind == IDENTIFIER:
        return [source.of(pattern)]
    if kind in _NO_NAMES:
        return []
    return [name for child in pattern.named_children for name in identifiers(child, source)]
