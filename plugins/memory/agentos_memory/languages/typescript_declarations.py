"""Small declarations of TypeScript: aliases, enumerations, parameters that are attributes.

Above: statements. Below: types and what surrounds them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tree_sitter import Node

from agentos_memory.expressions import Choice, Defined, Expression, Generic, Record, Typed
from agentos_memory.languages.collector import FactCollector, Scope, Span
from agentos_memory.languages.nodes import end_line, header_text, node_text, start_line
from agentos_memory.languages.typescript_assignments import MemberDefiner
from agentos_memory.languages.typescript_context import Context
from agentos_memory.languages.typescript_definitions import documentation_of, parameter_properties
from agentos_memory.languages.typescript_types import read_type, read_type_parameters

COMPOSED = frozenset({"intersection_type", "union_type", "parenthesized_type"})


def define_alias(
    node: Node, scope: Scope, facts: FactCollector, context: Context, walker: MemberDefiner
) -> None:
    """Record `type Name<T> = ...`, with the methods of objects that it names."""
    name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
    if name is None or value is None:
        return
    span = Span(start_line(node), end_line(node), start_line(name))
    text, signature = node_text(name), " ".join(node_text(node).split())
    comment = documentation_of(node)
    facts.define(scope, text, "type", span, signature=signature, docstring=comment)
    methods: dict[str, Expression] = {}
    with context.generic(node):
        for member in _methods(value):
            called = node_text(member.child_by_field_name("name") or member)
            defined = walker.define_member(member, f"{text}.{called}", member, scope, None)
            methods[called] = Defined(defined)
    declared = _with_methods(context.bounded(read_type(value)), methods)
    parameters = read_type_parameters(node)
    if parameters:
        declared = Generic(tuple(parameters.items()), declared)
    facts.bind(scope.qualified_name, text, declared, start_line(node), is_annotation=True)


def _methods(value: Node) -> Iterator[Node]:
    """Method signatures of the object types that a type is made of."""
    pending = [value]
    while pending:
        node = pending.pop(0)
        if node.type == "object_type":
            yield from (c for c in node.named_children if c.type == "method_signature")
        elif node.type in COMPOSED:
            pending += node.named_children


def _with_methods(declared: Expression, methods: Mapping[str, Expression]) -> Expression:
    """The type whose members are the recorded methods, beside what their signatures say."""
    match declared:
        case Choice(options) if methods:
            return Choice(tuple(_with_methods(each, methods) for each in options))
        case Record(names, values, is_open) if methods:
            members = (
                Choice((methods[name], value)) if name in methods else value
                for name, value in zip(names, values, strict=True)
            )
            return Record(names, tuple(members), is_open)
        case _:
            return declared


def define_enum(node: Node, scope: Scope, facts: FactCollector) -> None:
    """Record `enum Name { ... }`."""
    name = node.child_by_field_name("name")
    if name is not None:
        span = Span(start_line(node), end_line(node), start_line(name))
        signature = header_text(node, node.child_by_field_name("body"))
        facts.define(scope, node_text(name), "enum", span, signature=signature)


def bind_parameter_properties(
    node: Node, scope: Scope, facts: FactCollector, context: Context
) -> None:
    """Bind `constructor(private name: T)` in the class."""
    for name, declared in parameter_properties(node):
        value = Typed(context.bounded(read_type(declared)))
        facts.bind(scope.qualified_name, name, value, start_line(declared), on_instance=True)
