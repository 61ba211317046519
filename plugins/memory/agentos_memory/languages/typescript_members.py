"""Parts of TypeScript functions, objects and calls, read off their nodes; no facts are recorded.

Above: expressions and statements.
"""

from __future__ import annotations

from tree_sitter import Node

from agentos_memory.expressions import (
    Attribute,
    Choice,
    Element,
    Expression,
    Name,
    Sequence,
    Subscript,
)
from agentos_memory.languages.nodes import node_text


def parameters_of(node: Node) -> list[tuple[int, Node, Node | None]]:
    """Position, pattern and whole of a function's parameters; `this` takes no position."""
    single = node.child_by_field_name("parameter")
    if single is not None:
        return [(0, single, None)]
    parameters = node.child_by_field_name("parameters")
    found: list[tuple[int, Node, Node | None]] = []
    index = 0
    for parameter in parameters.named_children if parameters is not None else []:
        pattern = parameter.child_by_field_name("pattern")
        if pattern is not None:
            found.append((index, pattern, parameter))
            index += pattern.type != "this"
    return found


def member_name(member: Node) -> str | None:
    """The name of an object literal's member; None for spreads and computed names."""
    match member.type:
        case "shorthand_property_identifier":
            return node_text(member)
        case "pair":
            key = member.child_by_field_name("key")
        case "method_definition":
            key = member.child_by_field_name("name")
        case _:
            return None
    if key is None or key.type == "computed_property_name":
        return None
    return node_text(key).strip("\"'")


def prototype_owner(node: Node) -> str | None:
    """`Class` where the node is `Class.prototype`."""
    owner, name = node.child_by_field_name("object"), node.child_by_field_name("property")
    if owner is None or name is None or owner.type != "identifier":
        return None
    return node_text(owner) if node_text(name) == "prototype" else None


def known_result(called: Expression, arguments: tuple[Expression, ...]) -> Expression | None:
    """What a function of the language gives that only passes items on."""
    if not isinstance(called, Attribute) or not arguments:
        return None
    argument = arguments[0]
    match called:
        case Attribute(Name("Object"), "values"):
            return Sequence((Subscript(argument, ()),))
        case Attribute(Name("Object"), "entries"):
            return Sequence((Sequence((Subscript(argument, ()),)),))
        case Attribute(Name("Object"), "freeze" | "assign"):
            return Choice(arguments)
        case Attribute(Name("Array"), "from"):
            return Sequence((Element(argument),))
        case Attribute(Name("Promise"), "all"):
            return argument
        case Attribute(Name("Promise"), "resolve"):
            return argument
        case _:
            return None


def parameter_names(node: Node) -> tuple[str, ...]:
    """Names by position: "" for a pattern, with dots for the one that takes all the rest."""
    names = []
    for _, pattern, _ in parameters_of(node):
        if pattern.type == "rest_pattern":
            names.append(node_text(pattern))
        elif pattern.type != "this":
            names.append(node_text(pattern) if pattern.type == "identifier" else "")
    return tuple(names)
