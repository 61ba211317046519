"""TypeScript type annotations as expressions; pure over nodes, no facts are recorded."""

from __future__ import annotations

from collections.abc import Mapping

from tree_sitter import Node

from agentos_memory.expressions import (
    UNKNOWN,
    Attribute,
    Call,
    Choice,
    Element,
    Expression,
    FunctionType,
    Item,
    Literal,
    Name,
    Record,
    Subscript,
    Typed,
    TypeOf,
)
from agentos_memory.languages.nodes import node_text

WRAPPERS = frozenset(
    {
        "type_annotation",
        "readonly_type",
        "parenthesized_type",
        "optional_type",
        "asserts_annotation",
        "constraint",
        "default_type",
    }
)
# The name under which an object keeps what a call of it means.
CALL_SIGNATURE = "()"
MAX_MEMBERS = 200
# `ReturnType<typeof f>` is what a call of it gives.
RESULT_TYPES = frozenset({"ReturnType", "InstanceType"})


def read_type(node: Node) -> Expression:
    """The type written at `node`; conditional and mapped types are unknown."""
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
            return Subscript(Name("Array"), (Choice(tuple(map(_element, children))),))
        case "union_type" | "intersection_type":
            return Choice(tuple(map(read_type, _flat(node))))
        case "function_type":
            return function_type(node)
        case "object_type":
            return _record(children)
        case "type_query":
            return TypeOf(dotted_name(node_text(children[0]))) if children else UNKNOWN
        case "lookup_type" if len(children) == 2:
            return _looked_up(*children)
        case "type_predicate_annotation" | "type_predicate":
            return Literal("boolean")
        case _:
            return UNKNOWN


def function_type(node: Node) -> Expression:
    """The parameters and the result of a function type or of a signature."""
    return substitute(_function_type(node), read_type_parameters(node))


def _function_type(node: Node) -> FunctionType:
    parameters = node.child_by_field_name("parameters")
    result = node.child_by_field_name("return_type")
    declared: list[Expression] = []
    is_variadic = False
    for parameter in parameters.named_children if parameters is not None else []:
        pattern = parameter.child_by_field_name("pattern")
        if pattern is None or pattern.type == "this":
            continue
        annotation = parameter.child_by_field_name("type")
        declared.append(read_type(annotation) if annotation is not None else UNKNOWN)
        is_variadic = is_variadic or pattern.type == "rest_pattern"
    return FunctionType(
        tuple(declared), is_variadic, read_type(result) if result is not None else UNKNOWN
    )


def read_type_parameters(node: Node) -> dict[str, Expression]:
    """Type parameters that a declaration introduces, each with what it extends."""
    declared = node.child_by_field_name("type_parameters")
    found: dict[str, Expression] = {}
    for parameter in declared.named_children if declared is not None else []:
        name = parameter.child_by_field_name("name")
        constraint = parameter.child_by_field_name("constraint")
        if name is not None:
            bound = read_type(constraint) if constraint is not None else UNKNOWN
            found[node_text(name)] = substitute(bound, {**found, node_text(name): UNKNOWN})
    return found


def substitute(declared: Expression, parameters: Mapping[str, Expression]) -> Expression:
    """The type with what its parameters extend in their place."""
    if not parameters:
        return declared
    match declared:
        case Name(identifier):
            return parameters.get(identifier, declared)
        case Subscript(head, arguments):
            replaced = tuple(substitute(each, parameters) for each in arguments)
            return Subscript(substitute(head, parameters), replaced)
        case Choice(options):
            return Choice(tuple(substitute(each, parameters) for each in options))
        case Typed(annotation):
            return Typed(substitute(annotation, parameters))
        case TypeOf(Attribute(Typed() as held, name)):
            return TypeOf(Attribute(substitute(held, parameters), name))
        case TypeOf(Element(Typed() as held)):
            return TypeOf(Element(substitute(held, parameters)))
        case FunctionType(taken, is_variadic, result):
            types = tuple(substitute(each, parameters) for each in taken)
            return FunctionType(types, is_variadic, substitute(result, parameters))
        case Attribute(value, name):
            return Attribute(substitute(value, parameters), name)
        case Record(names, values, is_open):
            members = tuple(substitute(each, parameters) for each in values)
            return Record(names, members, is_open)
        case _:
            return declared


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
    if node_text(head) in RESULT_TYPES and arguments and arguments[0].type == "type_query":
        queried = arguments[0].named_children
        return Call(dotted_name(node_text(queried[0]))) if queried else UNKNOWN
    return Subscript(read_type(head), tuple(map(read_type, arguments)))


def _looked_up(owner: Node, index: Node) -> Expression:
    """`T["name"]` and `T[number]`."""
    held = Typed(read_type(owner))
    key = index.named_children[0] if index.type == "literal_type" and index.named_children else None
    if key is not None and key.type == "string":
        return TypeOf(Attribute(held, node_text(key).strip("\"'")))
    if key is not None and key.type == "number":
        return TypeOf(Item(held, int(node_text(key)) if node_text(key).isdecimal() else 0))
    return TypeOf(Element(held)) if node_text(index) == "number" else UNKNOWN


def _element(node: Node) -> Expression:
    """One element of a tuple type, whose name and dots do not matter."""
    declared = node.child_by_field_name("type")
    if declared is not None:
        return read_type(declared)
    if node.type == "rest_type" and node.named_children:
        inner = read_type(node.named_children[0])
        is_array = isinstance(inner, Subscript) and inner.indices
        return inner.indices[0] if isinstance(inner, Subscript) and is_array else UNKNOWN
    return read_type(node)


def _record(members: list[Node]) -> Record:
    names: list[str] = []
    values: list[Expression] = []
    is_open = False
    for member in members[:MAX_MEMBERS]:
        name = member.child_by_field_name("name")
        match member.type:
            case "property_signature" if name is not None:
                declared = member.child_by_field_name("type")
                names.append(node_text(name))
                values.append(Typed(read_type(declared)) if declared is not None else UNKNOWN)
            case "method_signature" if name is not None:
                names.append(node_text(name))
                values.append(Typed(function_type(member)))
            case "call_signature":
                names.append(CALL_SIGNATURE)
                values.append(Typed(function_type(member)))
            case _:
                is_open = True
    return Record(tuple(names), tuple(values), is_open or len(members) > MAX_MEMBERS)


def _flat(node: Node) -> list[Node]:
    # Unions nest to the left; generated ones have hundreds of members.
    members: list[Node] = []
    kind, current = node.type, node
    while current.type == kind and current.named_children:
        first, *rest = current.named_children
        members.extend(reversed(rest))
        current = first
    return [current, *reversed(members)]
