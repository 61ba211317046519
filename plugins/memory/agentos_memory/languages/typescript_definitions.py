"""Headers of TypeScript definitions: bases, modifiers, documentation comments."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from agentos_memory.expressions import Expression
from agentos_memory.languages.nodes import header_text, node_text
from agentos_memory.languages.typescript_types import read_type

FUNCTION_VALUES = frozenset({"arrow_function", "function_expression", "generator_function"})
HERITAGE_CLAUSES = frozenset({"extends_clause", "implements_clause", "extends_type_clause"})
# Nodes that hold statements; everything else is read as an expression.
BLOCKS = frozenset(
    {
        "program",
        "ERROR",
        "statement_block",
        "class_body",
        "interface_body",
        "object_type",
        "internal_module",
        "module",
        "ambient_declaration",
        "expression_statement",
        "if_statement",
        "else_clause",
        "for_statement",
        "while_statement",
        "do_statement",
        "try_statement",
        "catch_clause",
        "finally_clause",
        "switch_statement",
        "switch_body",
        "switch_case",
        "switch_default",
        "labeled_statement",
        "throw_statement",
        "class_static_block",
    }
)
# What stands around a definition, after its comment.
DECLARING = frozenset({
    "export_statement", "lexical_declaration", "variable_declaration", "expression_statement",
})  # fmt: skip
MODIFIERS = frozenset({"static", "get", "set", "async", "abstract"})


def heritage(node: Node) -> list[tuple[str, Expression]]:
    """Bases of a class or interface as (text, type): extended ones first, then implemented."""
    clauses = [child for child in node.named_children if child.type in HERITAGE_CLAUSES]
    for child in node.named_children:
        if child.type == "class_heritage":
            clauses.extend(c for c in child.named_children if c.type in HERITAGE_CLAUSES)
            # JavaScript writes the base straight into the heritage node.
            if not clauses and child.named_children:
                clauses.append(child)
    return [
        (node_text(base), read_type(base))
        for clause in clauses
        for base in clause.named_children
        if base.type not in ("type_arguments", "comment")
    ]


def modifiers(node: Node) -> tuple[str, ...]:
    """Keywords before a member's name that change how it is called."""
    return tuple(child.type for child in node.children if child.type in MODIFIERS)


def parameter_properties(node: Node) -> Iterator[tuple[str, Node]]:
    """Constructor parameters that also declare an attribute: name and type annotation."""
    parameters = node.child_by_field_name("parameters")
    for parameter in parameters.named_children if parameters is not None else []:
        pattern = parameter.child_by_field_name("pattern")
        declared = parameter.child_by_field_name("type")
        marks = {child.type for child in parameter.children}
        if (
            pattern is None
            or declared is None
            or not marks & {"accessibility_modifier", "readonly"}
        ):
            continue
        yield node_text(pattern), declared


def documentation_of(node: Node) -> str:
    """Text of the `/** */` comment right before a definition, "" without one."""
    parent = node.parent
    while parent is not None and parent.type in DECLARING:
        node, parent = parent, parent.parent
    comment = node.prev_named_sibling
    if comment is None or comment.type != "comment" or not node_text(comment).startswith("/**"):
        return ""
    lines = node_text(comment)[3:].removesuffix("*/").splitlines()
    return "\n".join(line.strip().removeprefix("*").strip() for line in lines).strip()


def signature_of(node: Node, body: Node | None) -> str:
    """The head of the function at `node`, without the arrow before its `body`."""
    head = header_text(node, body)
    return head.removesuffix(">").rstrip(" =") if head.endswith("=>") else head
