"""TypeScript and JavaScript expressions, recording calls on the way.

`languages.typescript` walks statements and passes itself in, for the bodies of functions that
stand inside expressions and for those that get a name there. A function without a name has no
symbol of its own, so its calls belong to the scope around it; what it receives follows from where
it is handed to.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as MappingType
from typing import Protocol
from weakref import proxy

from tree_sitter import Node

from agentos_memory.expressions import (
    SPREAD,
    UNKNOWN,
    Attribute,
    Call,
    Choice,
    Defined,
    Element,
    Expression,
    FunctionType,
    Literal,
    Name,
    Parameter,
    Record,
    Sequence,
    Subscript,
    Typed,
    TypeOf,
    Unknown,
)
from agentos_memory.languages.collector import MAX_DEPTH, FactCollector, OpenFunction, Scope
from agentos_memory.languages.nodes import node_text, start_line
from agentos_memory.languages.typescript_assignments import Assignments, MemberDefiner
from agentos_memory.languages.typescript_context import Context, pattern_parts
from agentos_memory.languages.typescript_definitions import FUNCTION_VALUES
from agentos_memory.languages.typescript_members import (
    known_result,
    member_name,
    parameters_of,
)
from agentos_memory.languages.typescript_modules import (
    is_module_call,
    record_dynamic_import,
)
from agentos_memory.languages.typescript_narrowing import narrowed_by
from agentos_memory.languages.typescript_types import function_type, read_type

MAX_SAMPLES = 8
# Members of one object literal that are told apart.
MAX_MEMBERS = 100
GENERIC_CONTAINERS = frozenset({"Map", "Set", "Array", "WeakMap"})
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


class Walker(MemberDefiner, Protocol):
    """The statement walker as expressions see it."""

    def walk(self, node: Node, scope: Scope) -> None:
        """Record what the statement or block at `node` holds."""
        ...


class ExpressionReader:
    """Turns expression nodes of one file into expressions and records the calls they hold."""

    def __init__(self, facts: FactCollector, walker: Walker) -> None:
        self.facts = facts
        self.context = Context()
        self.assignments = Assignments(facts, self.context, walker, proxy(self))
        self._walker = walker
        self._depth = 0
        # What is expected of the node that is read next, and how its members are named.
        self._expected: Expression | None = None
        self._label: str | None = None

    def read(
        self,
        node: Node,
        scope: Scope,
        expected: Expression | None = None,
        label: str | None = None,
    ) -> Expression:
        """The expression at `node`, looked up from `scope`.

        `expected` is what stands for it where it is handed to, and gives parameters of functions
        their types. Functions in an object literal get symbols where it has a `label`.
        """
        if self._depth > MAX_DEPTH:
            return UNKNOWN
        self._depth += 1
        self._expected, self._label = expected, label
        try:
            reader = _READERS.get(node.type)
            if reader is not None:
                return reader(self, node, scope)
            for child in node.named_children:
                self.read(child, scope)
            return LITERALS.get(node.type, UNKNOWN)
        finally:
            self._depth -= 1

    def _assignment(self, node: Node, scope: Scope) -> Expression:
        return self.assignments.read(node, scope)

    def _identifier(self, node: Node, scope: Scope) -> Expression:
        name = node_text(node)
        return self.context.covered(name) or Name(name)

    def _member(self, node: Node, scope: Scope) -> Expression:
        owner, name = node.child_by_field_name("object"), node.child_by_field_name("property")
        if owner is None or name is None:
            return UNKNOWN
        own_object = self.context.own_object
        if owner.type == "this" and own_object is not None:
            return Defined(own_object + node_text(name))
        return Attribute(self.read(owner, scope), node_text(name))

    def _call(self, node: Node, scope: Scope) -> Expression:
        function = node.child_by_field_name("function")
        if function is not None and is_module_call(node, function):
            return record_dynamic_import(node, scope, self.facts)
        called, values = self._called(node, function, scope)
        return known_result(called, values) or Call(called, values)

    def _new(self, node: Node, scope: Scope) -> Expression:
        constructor = node.child_by_field_name("constructor")
        called, values = self._called(node, constructor, scope)
        arguments = node.child_by_field_name("type_arguments")
        if (
            constructor is not None
            and arguments is not None
            and node_text(constructor) in GENERIC_CONTAINERS
        ):
            types = tuple(self.context.bounded(read_type(c)) for c in arguments.named_children)
            return Typed(Subscript(called, types))
        return Call(called, values)

    def _called(
        self, node: Node, function: Node | None, scope: Scope
    ) -> tuple[Expression, tuple[Expression, ...]]:
        if function is None:
            return UNKNOWN, ()
        called = self.read(function, scope)
        self._record_call(function, called, scope)
        arguments = node.child_by_field_name("arguments")
        values: list[Expression] = []
        for argument in arguments.named_children if arguments is not None else []:
            if argument.type == "comment":
                continue
            value = self.read(argument, scope, Parameter(called, len(values)))
            self.facts.mention(scope, value, start_line(argument), "argument")
            values.append(value)
        return called, tuple(values)

    def _record_call(self, function: Node, called: Expression, scope: Scope) -> None:
        owner = function.child_by_field_name("object")
        name = function.child_by_field_name("property")
        receiver, line = None, start_line(function)
        if owner is not None and name is not None:
            receiver, line = node_text(owner), start_line(name)
        self.facts.call(scope, called, receiver, line)

    def _first_child(self, node: Node, scope: Scope) -> Expression:
        expected = self._expected
        values = [
            self.read(child, scope, expected if index == 0 else None)
            for index, child in enumerate(node.named_children)
        ]
        return values[0] if values else UNKNOWN

    def _cast(self, node: Node, scope: Scope) -> Expression:
        value, *declared = node.named_children
        # `as const` has no type child.
        if not declared:
            return self.read(value, scope, self._expected, self._label)
        typed = Typed(self.context.bounded(read_type(declared[0])))
        self.read(value, scope, typed)
        return typed

    def _satisfies(self, node: Node, scope: Scope) -> Expression:
        label = self._label
        value, *declared = node.named_children
        expected = Typed(self.context.bounded(read_type(declared[0]))) if declared else None
        return self.read(value, scope, expected, label)

    def _ternary(self, node: Node, scope: Scope) -> Expression:
        expected = self._expected
        condition, *options = node.named_children
        self.read(condition, scope)
        with self.context.narrowed(narrowed_by(condition)):
            first = [self.read(option, scope, expected) for option in options[:1]]
        return Choice((*first, *(self.read(option, scope, expected) for option in options[1:])))

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

    def _array(self, node: Node, scope: Scope) -> Expression:
        expected = Element(self._expected) if self._expected is not None else None
        elements = [self.read(child, scope, expected) for child in node.named_children]
        return Sequence(tuple(elements[:MAX_SAMPLES]))

    def _object(self, node: Node, scope: Scope) -> Expression:
        expected, label = self._expected, self._label
        names: list[str] = []
        values: list[Expression] = []
        is_open = False
        for member in node.named_children:
            if member.type == "spread_element" and member.named_children:
                names.append(SPREAD)
                values.append(self.read(member.named_children[0], scope))
                continue
            key = member_name(member)
            if key is None or len(names) >= MAX_MEMBERS:
                is_open = is_open or member.type != "comment"
                self.read(member, scope)
                continue
            names.append(key)
            values.append(self._object_member(member, key, scope, expected, label))
        return Record(tuple(names), tuple(values), is_open)

    def _object_member(
        self,
        member: Node,
        name: str,
        scope: Scope,
        expected: Expression | None,
        label: str | None,
    ) -> Expression:
        wanted = Attribute(expected, name) if expected is not None else None
        value = member.child_by_field_name("value") if member.type == "pair" else member
        if value is None:
            return UNKNOWN
        inner = None if label is None else f"{label}.{name}" if label else name
        is_function = value.type in FUNCTION_VALUES or value.type == "method_definition"
        if is_function and inner is not None:
            return Defined(self._walker.define_member(value, inner, member, scope, wanted))
        expression = self.read(value, scope, wanted, inner)
        self.facts.mention(scope, expression, start_line(value))
        return expression

    def _subscript(self, node: Node, scope: Scope) -> Expression:
        value, *indices = [self.read(child, scope) for child in node.named_children]
        return Subscript(value, tuple(indices))

    def _function(self, node: Node, scope: Scope) -> Expression:
        expected = self._expected
        body = node.child_by_field_name("body")
        with self.context.function(node, expected):
            for name, value in self.parameter_values(node, scope, expected):
                self.context.cover(name, value)
            returned: list[Expression] = []
            if body is not None and body.type == "statement_block":
                self.facts.open_functions.append(OpenFunction(returned))
                self._walker.walk(body, scope)
                self.facts.open_functions.pop()
            elif body is not None:
                returned.append(self.read(body, scope, self.context.returned))
            return self._anonymous(node, returned)

    def _anonymous(self, node: Node, returned: list[Expression]) -> Expression:
        """The type of a function without a symbol, as far as it says what a call gives."""
        known = [each for each in returned if type(each) not in (Unknown, Literal)]
        if node.child_by_field_name("return_type") is not None:
            return Typed(self.context.bounded(function_type(node)))
        if not known:
            return UNKNOWN
        result = known[0] if len(known) == 1 else Choice(tuple(known[:MAX_SAMPLES]))
        return FunctionType((), False, TypeOf(result))

    def _class_expression(self, node: Node, scope: Scope) -> Expression:
        self._walker.walk(node, scope)
        return UNKNOWN

    def _jsx(self, node: Node, scope: Scope) -> Expression:
        name = node.child_by_field_name("name")
        for child in node.named_children:
            value = self.read(child, scope)
            # Lower-case elements are the platform's, not components.
            is_component = child.type == "member_expression" or node_text(child)[:1].isupper()
            if child == name and is_component:
                self._record_call(child, value, scope)
        return UNKNOWN

    def parameter_values(
        self, node: Node, scope: Scope, expected: Expression | None = None
    ) -> list[tuple[str, Expression]]:
        """Every name bound by a function's parameters with its declared or default value.

        Without either it is what `expected` hands to the function.
        """
        values: list[tuple[str, Expression]] = []
        for index, pattern, parameter in parameters_of(node):
            handed: Expression = UNKNOWN
            if expected is not None:
                handed = Parameter(expected, index)
            if pattern.type == "rest_pattern" and expected is not None:
                handed = Sequence((handed,))
            value = self._parameter_value(parameter, scope) if parameter is not None else UNKNOWN
            values.extend(pattern_parts(pattern, handed if value == UNKNOWN else value))
        return values

    def _parameter_value(self, parameter: Node, scope: Scope) -> Expression:
        declared = parameter.child_by_field_name("type")
        default = parameter.child_by_field_name("value")
        value = self.read(default, scope) if default is not None else UNKNOWN
        if declared is None:
            return value
        return Typed(self.context.bounded(read_type(declared)))


# Of the class and not of its instances, which would hold themselves alive by their own methods.
_READERS: MappingType[str, Callable[[ExpressionReader, Node, Scope], Expression]] = {
    "identifier": ExpressionReader._identifier,
    "shorthand_property_identifier": ExpressionReader._identifier,
    "this": lambda reader, node, scope: Name("this"),
    "super": lambda reader, node, scope: Name("super"),
    "member_expression": ExpressionReader._member,
    "call_expression": ExpressionReader._call,
    "new_expression": ExpressionReader._new,
    "await_expression": ExpressionReader._first_child,
    "parenthesized_expression": ExpressionReader._first_child,
    "non_null_expression": ExpressionReader._first_child,
    "as_expression": ExpressionReader._cast,
    "satisfies_expression": ExpressionReader._satisfies,
    "ternary_expression": ExpressionReader._ternary,
    "binary_expression": ExpressionReader._binary,
    "assignment_expression": ExpressionReader._assignment,
    "array": ExpressionReader._array,
    "object": ExpressionReader._object,
    "subscript_expression": ExpressionReader._subscript,
    "arrow_function": ExpressionReader._function,
    "function_expression": ExpressionReader._function,
    "generator_function": ExpressionReader._function,
    "method_definition": ExpressionReader._function,
    "class": ExpressionReader._class_expression,
    "jsx_self_closing_element": ExpressionReader._jsx,
    "jsx_opening_element": ExpressionReader._jsx,
    "type_arguments": lambda reader, node, scope: UNKNOWN,
    "type_annotation": lambda reader, node, scope: UNKNOWN,
}
