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

from tree_sitter import Node

from agentos_memory.expressions import (
    UNKNOWN,
    Attribute,
    Call,
    Choice,
    Defined,
    Element,
    Expression,
    Literal,
    Name,
    Parameter,
    Record,
    Sequence,
    Subscript,
    Typed,
)
from agentos_memory.languages.collector import MAX_DEPTH, FactCollector, Scope
from agentos_memory.languages.nodes import node_text, start_line
from agentos_memory.languages.typescript_context import Context, pattern_parts
from agentos_memory.languages.typescript_definitions import FUNCTION_VALUES
from agentos_memory.languages.typescript_members import known_result, member_name, parameters_of
from agentos_memory.languages.typescript_modules import EXPORTED_VALUE, record_dynamic_import
from agentos_memory.languages.typescript_types import read_type

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


class Walker(Protocol):
    """The statement walker as expressions see it."""

    def walk(self, node: Node, scope: Scope) -> None:
        """Record what the statement or block at `node` holds."""
        ...

    def define_member(
        self, node: Node, name: str, whole: Node, scope: Scope, expected: Expression | None
    ) -> str:
        """Record a function that an object literal names, and give its qualified name."""
        ...


class ExpressionReader:
    """Turns expression nodes of one file into expressions and records the calls they hold."""

    def __init__(self, facts: FactCollector, walker: Walker) -> None:
        self.facts = facts
        self.context = Context()
        self._walker = walker
        self._depth = 0
        # What is expected of the node that is read next, and how its members are named.
        self._expected: Expression | None = None
        self._label: str | None = None
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
            "satisfies_expression": self._satisfies,
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
                self.context.uncover(name)
                self.facts.bind(scope.qualified_name, name, value, start_line(target))
            case "member_expression":
                self._bind_member(target, value, scope)
            case "object_pattern" | "array_pattern":
                for bound, part in pattern_parts(target, value):
                    self.context.uncover(bound)
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
        elif node_text(owner) in ("exports", "module.exports") and scope.kind == "module":
            self.facts.bind(scope.qualified_name, node_text(name), value, start_line(target))
        elif node_text(target) == "module.exports" and scope.kind == "module":
            self._bind_exports(value, scope, start_line(target))
        else:
            self.read(owner, scope)

    def _bind_exports(self, value: Expression, scope: Scope, line: int) -> None:
        """What `module.exports` holds is the module itself, its default and its members."""
        for name in ("default", EXPORTED_VALUE):
            self.facts.bind(scope.qualified_name, name, value, line)
        if isinstance(value, Record):
            for name, member in zip(value.names, value.values, strict=True):
                if member != Name(name):
                    self.facts.bind(scope.qualified_name, name, member, line)

    def _identifier(self, node: Node, scope: Scope) -> Expression:
        name = node_text(node)
        return self.context.covered(name) or Name(name)

    def _member(self, node: Node, scope: Scope) -> Expression:
        owner, name = node.child_by_field_name("object"), node.child_by_field_name("property")
        if owner is None or name is None:
            return UNKNOWN
        return Attribute(self.read(owner, scope), node_text(name))

    def _call(self, node: Node, scope: Scope) -> Expression:
        function = node.child_by_field_name("function")
        if function is not None and function.type == "import":
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
        return Choice(tuple(self.read(option, scope, expected) for option in options))

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
        name = left.child_by_field_name("property")
        if right.type in FUNCTION_VALUES and name is not None:
            defined = self._assigned_function(node, left, node_text(name), right, scope)
            if defined is not None:
                return defined
        is_module = node_text(left) == "module.exports" and scope.kind == "module"
        value = self.read(right, scope, label="" if is_module else None)
        self.facts.mention(scope, value, start_line(right))
        self.bind_target(left, value, scope)
        return value

    def _assigned_function(
        self, node: Node, left: Node, name: str, right: Node, scope: Scope
    ) -> Expression | None:
        """`this.name = () => ...` and `exports.name = function ...` define what they name."""
        owner = left.child_by_field_name("object")
        if owner is None:
            return None
        is_own = owner.type == "this" and scope.self_class is not None
        is_exported = node_text(owner) in ("exports", "module.exports")
        if not (is_own or (is_exported and scope.kind == "module")):
            return None
        expected = Attribute(Name("this"), name) if is_own else None
        defined = Defined(self._walker.define_member(right, name, node, scope, expected))
        self.bind_target(left, defined, scope)
        return defined

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
            if body is not None and body.type == "statement_block":
                self.facts.open_functions.append(type(self.facts.open_functions[-1])())
                self._walker.walk(body, scope)
                self.facts.open_functions.pop()
            elif body is not None:
                self.read(body, scope, self.context.returned)
        return UNKNOWN

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
