"""Where names stand in a source file, and what they do there: what to ask a server about.

Text finds the names, the syntax tree says what they are, so that a file without the name costs a
search and no more. Above: verification and the benchmarks.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from tree_sitter import Node

from agentos_memory.languages import Language
from agentos_memory.parsing import parse, parses_within

IDENTIFIERS = frozenset({
    "identifier", "property_identifier", "private_property_identifier", "field_identifier",
    "type_identifier", "shorthand_property_identifier", "package_identifier",
})  # fmt: skip
# Expressions that pass their last name on, by the field or position that holds it.
MEMBERS: Mapping[str, str] = {
    "attribute": "attribute",
    "member_expression": "property",
    "selector_expression": "field",
    "qualified_type": "name",
    "nested_identifier": "property",
}
WRAPPERS = frozenset({
    "parenthesized_expression", "non_null_expression", "instantiation_expression",
    "type_instantiation_expression", "generic_type",
})  # fmt: skip
CALLS: Mapping[str, str] = {
    "call": "function",
    "call_expression": "function",
    "new_expression": "constructor",
    "jsx_opening_element": "name",
    "jsx_self_closing_element": "name",
    "composite_literal": "type",
}
DEFINITIONS: Mapping[str, str] = dict.fromkeys((
    "function_definition", "class_definition", "function_declaration", "class_declaration",
    "generator_function_declaration", "function_signature", "abstract_class_declaration", "class",
    "interface_declaration", "method_definition", "method_signature", "abstract_method_signature",
    "variable_declarator", "public_field_definition", "property_signature", "enum_declaration",
    "type_alias_declaration", "method_declaration", "method_elem", "type_spec", "type_alias",
), "name") | {"pair": "key", "field_definition": "property"}  # fmt: skip
MAX_PARSE_CPU_S = 1.0
IDENTIFIER = re.compile(rb"#?[A-Za-z_$\x80-\xff][\w$\x80-\xff]*")


@dataclass(frozen=True, slots=True)
class Mention:
    """A name in the source: 1-based line, 0-based column in characters."""

    name: str
    line: int
    column: int
    role: Literal["call", "definition", "other"]


def find_mentions(
    language: Language, source: bytes, names: Collection[str] | None = None
) -> Iterator[Mention]:
    """Every identifier of the file that is one of `names`, or any; comments and strings are none.

    None at all of a file whose tree takes over MAX_PARSE_CPU_S: such ones are made to be slow.
    """
    wanted = IDENTIFIER if names is None else _any_of(names)
    if wanted.search(source) is None or not parses_within(language, source, MAX_PARSE_CPU_S):
        return
    root = parse(language, source)
    for match in wanted.finditer(source):
        node = root.descendant_for_byte_range(match.start(), match.end())
        if node is None or node.type not in IDENTIFIERS:
            continue
        if (node.start_byte, node.end_byte) != match.span():
            continue
        yield _mention(node, source)


def _any_of(names: Collection[str]) -> re.Pattern[bytes]:
    options = b"|".join(re.escape(name.encode()) for name in sorted(names))
    return re.compile(rb"(?<![\w$\x80-\xff])(?:" + options + rb")(?![\w$\x80-\xff])")


def _mention(node: Node, source: bytes) -> Mention:
    row, column = node.start_point.row, node.start_point.column
    before = source[node.start_byte - column : node.start_byte].decode("utf-8", "replace")
    name = (node.text or b"").decode("utf-8", "replace")
    role: Literal["call", "definition", "other"] = "call" if _is_called(node) else "other"
    return Mention(name, row + 1, len(before), "definition" if _is_defined(node) else role)


def _is_defined(node: Node) -> bool:
    parent = node.parent
    field = DEFINITIONS.get(parent.type) if parent is not None else None
    return parent is not None and field is not None and parent.child_by_field_name(field) == node


def _is_called(node: Node) -> bool:
    parent = node.parent
    while parent is not None:
        field = MEMBERS.get(parent.type)
        if field is not None:
            if parent.child_by_field_name(field) != node:
                return False
        elif parent.type not in WRAPPERS:
            called = CALLS.get(parent.type)
            return called is not None and parent.child_by_field_name(called) == node
        node, parent = parent, parent.parent
    return False
