"""Go expressions as `agentos_memory.expressions`, recording calls and mentions on the way.

A composite literal is a call site whose function is the typed value itself. `<-ch` is an element
of `ch`, `range` gives items 0 and 1 of an element, `&x` and `*x` are `x`. The statements of
`languages.go` use it; below are types and block scopes.
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
    Element,
    Expression,
    Literal,
    Name,
    Subscript,
    Typed,
)
from agentos_memory.languages.collector import MAX_DEPTH, MAX_RECEIVER_CHARS, FactCollector
from agentos_memory.languages.go_locals import Locals
from agentos_memory.languages.go_types import PREDECLARED_TYPES, TYPE_KINDS, TypeReader
from agentos_memory.languages.nodes import node_text
from agentos_memory.model import CallSite, Reference, ReferenceRole

# Nobody shadows these for a whole package; as call sites they say nothing.
SILENT_CALLS = PREDECLARED_TYPES | {"append", "cap", "len", "make", "panic", "recover"}
COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">=", "&&", "||"})
SHIFTS = frozenset({"<<", ">>"})
BOOLEAN = Literal("bool")
# Node type -> type of the untyped constant.
CONSTANTS: MappingType[str, Literal] = {
    "int_literal": Literal("int"),
    "float_literal": Literal("float64"),
    "imaginary_literal": Literal("complex128"),
    "rune_literal": Literal("rune"),
    "interpreted_string_literal": Literal("string"),
    "raw_string_literal": Literal("string"),
    "true": BOOLEAN,
    "false": BOOLEAN,
    "nil": Literal("nil"),
    "iota": Literal("int"),
}


class FunctionWalker(Protocol):
    """The walk over statements as expressions see it."""

    def function_literal(self, node: Node, scope: str) -> Expression:
        """Walk a function literal in a scope and give its type."""
        ...


class ExpressionReader:
    """Turns expression nodes of one file into expressions; `scope` is a qualified name."""

    def __init__(
        self, facts: FactCollector, names: Locals, types: TypeReader, walker: FunctionWalker
    ) -> None:
        self._facts = facts
        self._names = names
        self._types = types
        self._walker = walker
        self._depth = 0
        # One object wherever the same is written, so that facts are small and found out once.
        self._shared_names: dict[str, Name] = {}
        self._shared_selectors: dict[tuple[int, str], Attribute] = {}

    def read(self, node: Node, scope: str) -> Expression:
        """The expression at `node`; what it calls and mentions belongs to `scope`."""
        kind = node.type
        reader = _READERS.get(kind)
        if reader is None and kind in CONSTANTS:
            return CONSTANTS[kind]
        if self._depth > MAX_DEPTH:
            return UNKNOWN
        self._depth += 1
        try:
            if reader is not None:
                return reader(self, node, scope)
            for child in node.named_children:
                self.read(child, scope)
            return UNKNOWN
        finally:
            self._depth -= 1

    def value(self, node: Node, scope: str, role: ReferenceRole = "value") -> Expression:
        """The expression at `node`, which is passed on: a function named here may be called."""
        read = self.read(node, scope)
        is_name = isinstance(read, Name) and "'" not in read.identifier
        if is_name or isinstance(read, Attribute):
            line = node.start_point[0] + 1
            self._facts.references.append(Reference(scope, read, line, role))
        return read

    def values(self, node: Node, scope: str) -> list[Expression]:
        """What an expression list passes on, in order."""
        if node.type != "expression_list":
            return [self.value(node, scope)]
        return [self.value(each, scope) for each in node.named_children if each.type != "comment"]

    def _type(self, node: Node, scope: str) -> Expression:
        return self._types.read(node, scope)

    def _function(self, node: Node, scope: str) -> Expression:
        return Typed(self._walker.function_literal(node, scope))

    def _identifier(self, node: Node, scope: str) -> Expression:
        name = node_text(node)
        identifier = self._names.find(name) or name
        shared = self._shared_names.get(identifier)
        if shared is None:
            shared = self._shared_names[identifier] = Name(identifier)
        return shared

    def _selector(self, node: Node, scope: str) -> Expression:
        children = node.named_children
        if len(children) < 2:
            return UNKNOWN
        owner, name = self.read(children[0], scope), node_text(children[-1])
        # The owner lives as long as its selectors, so ids are stable.
        key = (id(owner), name)
        shared = self._shared_selectors.get(key)
        if shared is None:
            shared = self._shared_selectors[key] = Attribute(owner, name)
        return shared

    def _call(self, node: Node, scope: str) -> Expression:
        function = node.child_by_field_name("function")
        if function is None:
            return UNKNOWN
        arguments = node.child_by_field_name("arguments")
        called = self.read(function, scope)
        given = node.child_by_field_name("type_arguments")
        if given is not None:
            called = Subscript(called, self._type_arguments(given, scope))
        if not (isinstance(called, Name) and called.identifier in SILENT_CALLS):
            self._record(function, called, scope)
        if arguments is None:
            return Call(called)
        children = [each for each in arguments.named_children if each.type != "comment"]
        values = [self.value(each, scope, "argument") for each in children]
        if isinstance(called, Name) and called.identifier == "new" and children:
            self._construct(children[0], Typed(values[0]), scope)
        return Call(called, tuple(values) if _may_be_generic(called) else ())

    def _record(self, function: Node, called: Expression, scope: str) -> None:
        while function.type in ("parenthesized_expression", "index_expression"):
            children = function.named_children
            if not children:
                break
            function = children[0]
        receiver: str | None = None
        callee, line = "", function.start_point[0] + 1
        if function.type in ("selector_expression", "qualified_type"):
            operand, *_, name = function.named_children
            callee, line = node_text(name), name.start_point[0] + 1
            # Four bytes a character at most; a chain of calls may be long.
            start = (operand.text or b"")[: 4 * MAX_RECEIVER_CHARS]
            receiver = start.decode("utf-8", "replace")[:MAX_RECEIVER_CHARS]
        elif function.type in ("identifier", "type_identifier"):
            callee = node_text(function)
        elif function.type == "func_literal":
            return
        self._facts.calls.append(CallSite(scope, callee, receiver, line, called))

    def _type_arguments(self, node: Node, scope: str) -> tuple[Expression, ...]:
        children = (each for each in node.named_children if each.type != "comment")
        return tuple([self._types.read(each, scope) for each in children])

    def _conversion(self, node: Node, scope: str) -> Expression:
        declared, operand = node.child_by_field_name("type"), node.child_by_field_name("operand")
        if declared is None or operand is None:
            return UNKNOWN
        if declared.type == "generic_type":
            return self._instantiated_call(declared, operand, scope)
        target = self._types.read(declared, scope)
        self.value(operand, scope)
        return Typed(target)

    def _instantiated_call(self, declared: Node, operand: Node, scope: str) -> Expression:
        # `f[T](x)` is written like a conversion, and `handlers[i](x)` like both.
        head, *rest = [each for each in declared.named_children if each.type != "comment"]
        given = self._type_arguments(rest[-1], scope) if rest else ()
        called = Subscript(self._head(head), given)
        self._record(head, called, scope)
        return Call(called, (self.value(operand, scope, "argument"),))

    def _head(self, node: Node) -> Expression:
        if node.type == "qualified_type" and len(node.named_children) == 2:
            package, name = node.named_children
            return Attribute(self._identifier(package, ""), node_text(name))
        return self._identifier(node, "")

    def _instantiation(self, node: Node, scope: str) -> Expression:
        head, *given = [each for each in node.named_children if each.type != "comment"]
        return Subscript(
            self._types.read(head, scope), tuple([self._types.read(each, scope) for each in given])
        )

    def _inner(self, node: Node, scope: str) -> Expression:
        children = [self.read(e, scope) for e in node.named_children if e.type != "comment"]
        return children[0] if children else UNKNOWN

    def _unary(self, node: Node, scope: str) -> Expression:
        operator, operand = node.child(0), node.child_by_field_name("operand")
        if operator is None or operand is None:
            return UNKNOWN
        read = self.read(operand, scope)
        if operator.type == "<-":
            return Element(read)
        return BOOLEAN if operator.type == "!" else read

    def _binary(self, node: Node, scope: str) -> Expression:
        # Left-nested chains (long sums of strings) exceed any recursion limit.
        operands: list[Expression] = []
        result: Expression | None = None
        current: Node | None = node
        while current is not None and current.type == "binary_expression":
            operator = current.child_by_field_name("operator")
            right = current.child_by_field_name("right")
            kind = operator.type if operator is not None else ""
            if kind in COMPARISONS and not operands:
                result = BOOLEAN
            if right is not None:
                read = self.read(right, scope)
                operands.extend([] if kind in SHIFTS else [read])
            current = current.child_by_field_name("left")
        if current is not None:
            operands.append(self.read(current, scope))
        if result is not None:
            return result
        operands.reverse()
        return _common_type(operands)

    def _index(self, node: Node, scope: str) -> Expression:
        operand, *rest = [e for e in node.named_children if e.type != "comment"]
        return Subscript(
            self.read(operand, scope), tuple([self.read(each, scope) for each in rest])
        )

    def _slice(self, node: Node, scope: str) -> Expression:
        operand, *rest = [e for e in node.named_children if e.type != "comment"]
        read = self.read(operand, scope)
        for each in rest:
            self.read(each, scope)
        return read

    def _assertion(self, node: Node, scope: str) -> Expression:
        operand, declared = node.child_by_field_name("operand"), node.child_by_field_name("type")
        if operand is None or declared is None:
            return UNKNOWN
        self.read(operand, scope)
        return Typed(self._types.read(declared, scope))

    def _composite(self, node: Node, scope: str) -> Expression:
        declared, body = node.child_by_field_name("type"), node.child_by_field_name("body")
        if declared is None:
            return UNKNOWN
        value = Typed(self._types.read(declared, scope))
        self._construct(declared, value, scope)
        if body is not None:
            self._elided(declared, body, value.annotation, scope)
            self._literal_elements(body, scope, keys_are_values=declared.type == "map_type")
        return value

    def _construct(self, declared: Node, value: Typed, scope: str) -> None:
        while declared.type in ("generic_type", "pointer_type") and declared.named_children:
            declared = declared.named_children[0]
        if declared.type in ("type_identifier", "qualified_type"):
            self._record(declared, value, scope)

    def _elided(self, declared: Node, body: Node, read: Expression, scope: str) -> None:
        """Record that `[]T{{...}}` makes values of T without naming it again."""
        element = declared.child_by_field_name("element") or declared.child_by_field_name("value")
        if element is None or not isinstance(read, Subscript):
            return
        if any(_is_elided(each) for each in body.named_children):
            self._construct(element, Typed(read.indices[-1]), scope)

    def _literal_elements(self, body: Node, scope: str, *, keys_are_values: bool) -> None:
        for element in body.named_children:
            if element.type == "literal_value":
                self._literal_elements(element, scope, keys_are_values=False)
            elif element.type == "literal_element":
                self._literal_element(element, scope)
            elif element.type == "keyed_element":
                parts = [each for each in element.named_children if each.type != "comment"]
                if len(parts) == 2:
                    self._literal_key(parts[0], scope, is_value=keys_are_values)
                    self._literal_element(parts[1], scope)

    def _literal_key(self, node: Node, scope: str, *, is_value: bool) -> None:
        # In a struct a bare key is a field's name.
        children = node.named_children
        if is_value or (children and children[0].type != "identifier"):
            self._literal_element(node, scope)

    def _literal_element(self, node: Node, scope: str) -> None:
        for child in node.named_children if node.type == "literal_element" else [node]:
            if child.type == "literal_value":
                self._literal_elements(child, scope, keys_are_values=False)
            else:
                self.value(child, scope, "argument")


# Of the class and not of its instances, which would hold themselves alive by their own methods.
_READERS: MappingType[str, Callable[[ExpressionReader, Node, str], Expression]] = {
    **dict.fromkeys(TYPE_KINDS, ExpressionReader._type),
    "identifier": ExpressionReader._identifier,
    "selector_expression": ExpressionReader._selector,
    "call_expression": ExpressionReader._call,
    "type_conversion_expression": ExpressionReader._conversion,
    "type_instantiation_expression": ExpressionReader._instantiation,
    "parenthesized_expression": ExpressionReader._inner,
    "unary_expression": ExpressionReader._unary,
    "binary_expression": ExpressionReader._binary,
    "index_expression": ExpressionReader._index,
    "slice_expression": ExpressionReader._slice,
    "type_assertion_expression": ExpressionReader._assertion,
    "composite_literal": ExpressionReader._composite,
    "func_literal": ExpressionReader._function,
    "variadic_argument": ExpressionReader._inner,
}


def _may_be_generic(called: Expression) -> bool:
    """Whether the result may depend on the arguments; methods have no type parameters."""
    while isinstance(called, Attribute | Subscript):
        if isinstance(called.value, Attribute | Call | Element):
            return False
        called = called.value
    return isinstance(called, Name) and "'" not in called.identifier


def _is_elided(element: Node) -> bool:
    """Whether the element of a literal is one without its type."""
    value = element
    if element.type == "keyed_element" and element.named_children:
        value = element.named_children[-1]
    return value.type == "literal_element" and any(
        child.type == "literal_value" for child in value.named_children
    )


def _common_type(operands: list[Expression]) -> Expression:
    """Operands of arithmetic share a type; constants take that of the others."""
    telling = [each for each in operands if not isinstance(each, Literal)]
    if not telling:
        return operands[0] if operands else UNKNOWN
    return telling[0] if len(telling) == 1 else Choice(tuple(telling[:2]))
