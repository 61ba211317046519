"""Python's literals by the kinds of their nodes; only their types are kept.

Above: the reader of expressions. Below: the grammar.
"""

from __future__ import annotations

from collections.abc import Mapping

from agentos_memory.expressions import Literal
from agentos_memory.languages.python_grammar import SourceText, kind_id

CONSTANTS: Mapping[int, Literal] = {
    kind_id("integer"): Literal("int"),
    kind_id("float"): Literal("float"),
    kind_id("true"): Literal("bool"),
    kind_id("false"): Literal("bool"),
    kind_id("none"): Literal("None"),
}
# What gives a truth value, whatever it holds.
TESTS: Mapping[int, Literal] = {
    kind_id("not_operator"): Literal("bool"),
    kind_id("comparison_operator"): Literal("bool"),
}
TEXT, BYTES = Literal("str"), Literal("bytes")


def string_prefix(start: int, source: SourceText) -> str:
    """The letters before the quotes of the string at a byte offset, in lower case."""
    opening = source.between(start, start + 3).lower()
    return opening.partition('"')[0].partition("'")[0]
