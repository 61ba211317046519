"""TypeScript and JavaScript expressions, recording calls on the way.

`languages.typescript` walks statements and passes itself in for the bodies of functions that
stand inside expressions; those have no symbol of their own, so their calls belong to the scope.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Mapping as MappingType
from contextlib import contextmanager

from tree_sitter import Node

from agentos_memory.expressions import (
    UNKNOWN,
    Attribute,
    Call,
    Choice,
    Expression,
    Item,
    Literal,
    Mapping,
    Name,
    Sequence,
    Subscript,
    Typed,
)
from agentos_memory.languages.collector import MAX_DEPTH, FactCollector, Scope
from agentos_memory.languages.nodes import node_text, start_line
from agentos_memory.languages.typescript_types import read_type

MAX_SAMPLES = 8
LITERALS: MappingType[str, Literal] = {
    "string": Literal("string"),
    "template_string": Literal("string"),
    "number": Literal("number"),
    "true": Literal("boolean"),
    "false": Literal("boolean"),
    "null": Literal("null"),
    "undefined": Literal("undefined"),
    "regex": Literal("RegExp"),
}
CHOOSING_OPERATORS = frozenset({"||", "&&", "??"})


class ExpressionReader:
    """Turns expression nodes of one file into expressions and records the calls they hold."""

    def __init__(self, facts: FactCollector, walk: Callable[[Node, Scope], None]) -> None:
        self.facts = facts
        self._walk = walk
        self._shadows: dict[str, Expression] = {}
        self._depth = 0
        self._readers: MappingType[str, Callable[[Node, Scope], Expression]] = {
            "identifier": self._identifier,
            "shorthand_property_identifier": self._identifier,
            "this": lambda node, scope: Name("this"),
            "super": lambda node, scope: Name("super"),
            "member_expression": self._member,
            "call_expression": self._call,
            "new_expression": self._new,
            "await_expression": self._first_child,
            "parenthesized_expression": self._first_child,
            "non_null_expression": self._first_child,
            "as_expression": self._cast,
            "satisfies_expression": self._first_child,
            "ternary_expression": self._ternary,
            "binary_expression": self._binary,
            "assignment_expression": self._assignment,
            "array": self._array,
            "object": self._object,
            "subscript_expression": self._subscript,
            "arrow_function": self._function,
            "function_expression": self._function,
            "generator_function": self._function,
            "method_definition": self._function,
            "class": self._class_expression,
            "jsx_self_closing_element": self._jsx,
            "jsx_opening_element": self._jsx,
            "type_arguments": lambda node, scope: UNKNOWN,
            "type_annotation": lambda node, scope: UNKNOWN,
        }

    def read(self, node: Node, scope: Scope) -> Expression:
        """The expression at `node`, looked up from `scope`."""
        if self._depth > MAX_DEPTH:
            return UNKNOWN
        self._depth += 1
        try:
            reader = self._readers.get(node.type)
            if reader is not None:
                return reader(node, scope)
            for child in node.named_children:
                self.read(child, scope)
            return LITERALS.get(node.type, UNKNOWN)
        finally:
            self._depth -= 1

    def bind_target(self, target: Node, value: Expression, scope: Scope) -> None:
        """Bind what an assignment or declaration names on its left side."""
        name = node_text(target)
        match target.type:
            case "identifier" | "shorthand_property_identifier_pattern":
                self._shadows.pop(name, None)
                self.facts.bind(scope.qualified_name, name, value, start_line(target))
            case "member_expression":
                self._bind_member(target, value, scope)
            case "object_pattern" | "array_pattern":
                for bound, part in pattern_parts(target, value):
                    self._shadows.pop(bound, None)
                    self.facts.bind(scope.qualified_name, bound, part, start_line(target))
            case _:
                self.read(target, scope)

    def _bind_member(self, target: Node, value: Expression, scope: Scope) -> None:
        owner, name = target.child_by_field_name("object"), target.child_by_field_name("property")
        if owner is None or name is None:
            return
        if owner.type == "this" and scope.self_class is not None:
            self.facts.bind(
                scope.self_class,
                node_text(name),
                value,
                start_line(target),
                evaluated_in=scope.qualified_name,
                on_instance=True,
            )
        else:
            self.read(owner, scope)

    def _identifier(self, node: Node, scope: Scope) -> Expression:
        name = node_text(node)
        return self._shadows.get(name) or Name(name)

    def _member(self, node: Node, scope: Scope) -> Expression:
        owner, name = node.child_by_field_name("object"), node.child_by_field_name("property")
        if owner is None or name is None:
            return UNKNOWN
        return Attribute(self.read(owner, scope), node_text(name))

    def _call(self, node: Node, scope: Scope) -> Expression:
        return self._called(node, node.child_by_field_name("function"), scope)

    def _new(self, node: Node, scope: Scope) -> Expression:
        return self._called(node, node.child_by_field_name("constructor"), scope)

    def _called(self, node: Node, function: Node | None, scope: Scope) -> Expression:
        if function is None:
            return UNKNOWN
        called = self.read(function, scope)
        receiver, line = None, start_line(function)
        owner, name = (
            function.child_by_field_name("object"),
            function.child_by_field_name("property"),
        )
        if owner is not None and name is not None:
            receiver, line = node_text(owner), start_line(name)
        self.facts.call(scope, called, receiver, line)
        arguments = node.child_by_field_name("arguments")
        values = []
        for argument in arguments.named_children if arguments is not None else []:
            value = self.read(argument, scope)
            self.facts.mention(scope, value, start_line(argument))
            values.append(value)
        return Call(called, tuple(values))

    def _first_child(self, node: Node, scope: Scope) -> Expression:
        children = [self.read(child, scope) for child in node.named_children]
        return children[0] if children else UNKNOWN

    def _cast(self, node: Node, scope: Scope) -> Expression:
        value, *declared = node.named_children
        expression = self.read(value, scope)
        # `as const` has no type child.
        return Typed(read_type(declared[0])) if declared else expression

    def _ternary(self, node: Node, scope: Scope) -> Expression:
        _, *options = [self.read(child, scope) for child in node.named_children]
        return Choice(tuple(options))

    def _binary(self, node: Node, scope: Scope) -> Expression:
        # Left-nested chains are walked in a loop: they exceed any recursion limit.
        operands: list[Expression] = []
        chooses = True
        current = node
        while current.type == "binary_expression":
            operator = current.child_by_field_name("operator")
            chooses = chooses and operator is not None and operator.type in CHOOSING_OPERATORS
            left, right = current.child_by_field_name("left"), current.child_by_field_name("right")
            if left is None or right is None:
                return UNKNOWN
            operands.append(self.read(right, scope))
            current = left
        operands.append(self.read(current, scope))
        return Choice(tuple(reversed(operands))) if chooses else UNKNOWN

    def _assignment(self, node: Node, scope: Scope) -> Expression:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is None or right is None:
            return UNKNOWN
        value = self.read(right, scope)
        self.facts.mention(scope, value, start_line(right))
        self.bind_target(left, value, scope)
        return value

    def _array(self, node: Node, scope: Scope) -> Expression:
        elements = [self.read(child, scope) for child in node.named_children]
        return Sequence(tuple(elements[:MAX_SAMPLES]))

    def _object(self, node: Node, scope: Scope) -> Expression:
        values: list[Expression] = []
        for member in node.named_children:
            value = member.child_by_field_name("value") if member.type == "pair" else member
            if value is not None:
                expression = self.read(value, scope)
                self.facts.mention(scope, expression, start_line(value))
                values.append(expression)
        return Mapping((), tuple(values[:MAX_SAMPLES]))

    def _subscript(self, node: Node, scope: Scope) -> Expression:
        value, *indices = [self.read(child, scope) for child in node.named_children]
        return Subscript(value, tuple(indices))

    def _function(self, node: Node, scope: Scope) -> Expression:
        body = node.child_by_field_name("body")
        with self.shadowing():
            for name, value in self.parameter_values(node, scope):
                self._shadows[name] = value
            if body is not None and body.type == "statement_block":
                self.facts.open_functions.append(type(self.facts.open_functions[-1])())
                self._walk(body, scope)
                self.facts.open_functions.pop()
            elif body is not None:
                self.read(body, scope)
        return UNKNOWN

    def _class_expression(self, node: Node, scope: Scope) -> Expression:
        self._walk(node, scope)
        return UNKNOWN

    def _jsx(self, node: Node, scope: Scope) -> Expression:
        name = node.child_by_field_name("name")
        for child in node.named_children:
            value = self.read(child, scope)
            # Lower-case elements are the platform's, not components.
            if child == name and node_text(child)[:1].isupper():
                self.facts.mention(scope, value, start_line(child))
        return UNKNOWN

    def parameter_values(self, node: Node, scope: Scope) -> list[tuple[str, Expression]]:
        """Every name bound by a function's parameters with its declared or default value."""
        single = node.child_by_field_name("parameter")
        if single is not None:
            return [(node_text(single), UNKNOWN)]
        parameters = node.child_by_field_name("parameters")
        values: list[tuple[str, Expression]] = []
        for parameter in parameters.named_children if parameters is not None else []:
            pattern = parameter.child_by_field_name("pattern")
            if pattern is not None:
                values.extend(pattern_parts(pattern, self._parameter_value(parameter, scope)))
        return values

    def _parameter_value(self, parameter: Node, scope: Scope) -> Expression:
        declared = parameter.child_by_field_name("type")
        default = parameter.child_by_field_name("value")
        value = self.read(default, scope) if default is not None else UNKNOWN
        return Typed(read_type(declared)) if declared is not None else value

    @contextmanager
    def shadowing(self) -> Iterator[None]:
        """Names that anonymous parameters hide are restored afterwards."""
        outer = self._shadows
        self._shadows = dict(outer)
        try:
            yield
        finally:
            self._shadows = outer


def pattern_parts(pattern: Node, value: Expression) -> list[tuple[str, Expression]]:
    """Names that a destructuring pattern binds, each with the part of `value` it gets."""
    match pattern.type:
        case "identifier" | "shorthand_property_identifier_pattern" | "this":
            return [(node_text(pattern), value)]
        case "object_pattern":
            return [part for child in pattern.named_children for part in _member(child, value)]
        case "array_pattern":
            return [
                part
                for index, child in enumerate(pattern.named_children)
                for part in pattern_parts(child, Item(value, index))
            ]
        case "rest_pattern":
            return [p for child in pattern.named_children for p in pattern_parts(child, value)]
        case "assignment_pattern":
            left = pattern.child_by_field_name("left")
            return pattern_parts(left, value) if left is not None else []
        case _:
            return []


def _member(member: Node, value: Expression) -> list[tuple[str, Expression]]:
    if member.type == "pair_pattern":
        key, bound = member.child_by_field_name("key"), member.child_by_field_name("value")
        if key is None or bound is None:
            return []
        return pattern_parts(bound, Attribute(value, node_text(key)))
    if member.type == "object_assignment_pattern":
        left = member.child_by_field_name("left")
        return _member(left, value) if left is not None else []
    if member.type == "rest_pattern":
        return pattern_parts(member, UNKNOWN)
    return [(node_text(member), Attribute(value, node_text(member)))]
