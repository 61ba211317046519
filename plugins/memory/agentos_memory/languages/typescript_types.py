"""TypeScript type annotations as expressions; pure over nodes, no facts are recorded."""

from __future__ import annotations

from tree_sitter import Node

from agentos_memory.expressions import (
    UNKNOWN,
    Attribute,
    Choice,
    Expression,
    Literal,
    Name,
    Subscript,
)
from agentos_memory.languages.nodes import node_text

WRAPPERS = frozenset(
    {
        "type_annotation",
        "readonly_type",
        "parenthesized_type",
        "optional_type",
        "asserts_annotation",
    }
)


def read_type(node: Node) -> Expression:
    """The type written at `node`; function, conditional and mapped types are unknown."""
    children = [child for child in node.named_children if child.type != "comment"]
    match node.type:
        case kind if kind in WRAPPERS:
            return read_type(children[0]) if children else UNKNOWN
        case "type_identifier" | "identifier":
            return Name(node_text(node))
        case "this_type":
            return Name("Self")
        case "predefined_type" | "literal_type":
            return Literal(node_text(node))
        case "nested_type_identifier" | "nested_identifier" | "member_expression":
            return dotted_name(node_text(node))
        case "generic_type":
            return _generic(children)
        case "array_type":
            return Subscript(Name("Array"), (read_type(children[0]),))
        case "tuple_type":
            return Subscript(Name("Array"), (Choice(tuple(map(read_type, children))),))
        case "union_type" | "intersection_type":
            return Choice(tuple(map(read_type, _flat(node))))
        case _:
            return UNKNOWN


def dotted_name(text: str) -> Expression:
    """`a.b.c` as attributes of a name."""
    first, *rest = text.split(".")
    expression: Expression = Name(first)
    for part in rest:
        expression = Attribute(expression, part)
    return expression


def _generic(children: list[Node]) -> Expression:
    head, *rest = children
    arguments = rest[0].named_children if rest else []
    return Subscript(read_type(head), tuple(map(read_type, arguments)))


def _flat(node: Node) -> list[Node]:
    # Unions nest to the left; generated ones have hundreds of members.
    members: list[Node] = []
    kind, current = node.type, node
    while current.type == kind and current.named_children:
        first, *rest = current.named_children
        members.extend(reversed(rest))
        current = first
    return [current, *reversed(members)]
