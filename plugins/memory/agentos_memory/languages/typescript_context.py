"""What surrounds an expression of TypeScript: covered names, type parameters, expected results.

Parameters of functions without a symbol live here and not in a scope, since their calls belong to
the scope around them. Above: expressions and statements.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tree_sitter import Node

from agentos_memory.expressions import UNKNOWN, Attribute, Call, Expression, Item, Typed
from agentos_memory.languages.nodes import node_text
from agentos_memory.languages.typescript_types import (
    read_type,
    read_type_parameters,
    substitute,
)


class Context:
    """What holds at the place that is being read."""

    def __init__(self) -> None:
        self._covering: dict[str, Expression] = {}
        self._type_parameters: dict[str, Expression] = {}
        # What is expected of the values that the innermost function returns.
        self.returned: Expression | None = None
        # The way to the object whose member is being read; `this` in it is that object.
        self.own_object: str | None = None

    def cover(self, name: str, value: Expression) -> None:
        """Let the name stand for `value` in the innermost function."""
        self._covering[name] = value

    def uncover(self, name: str) -> None:
        """Let the name mean what the scope binds."""
        self._covering.pop(name, None)

    def covered(self, name: str) -> Expression | None:
        """What a parameter of a function without a symbol holds."""
        return self._covering.get(name)

    def bounded(self, declared: Expression) -> Expression:
        """The type with what its parameters extend in their place."""
        return substitute(declared, self._type_parameters)

    @contextmanager
    def narrowed(self, names: Mapping[str, Expression]) -> Iterator[None]:
        """Let names stand for something narrower for a while."""
        outer = {name: self._covering.get(name) for name in names}
        self._covering.update(names)
        try:
            yield
        finally:
            for name, value in outer.items():
                if value is None:
                    self._covering.pop(name, None)
                else:
                    self._covering[name] = value

    @contextmanager
    def generic(self, node: Node) -> Iterator[None]:
        """The type parameters of a declaration hold inside of it."""
        outer = self._type_parameters
        declared = read_type_parameters(node)
        if declared:
            self._type_parameters = {**outer, **declared}
        try:
            yield
        finally:
            self._type_parameters = outer

    @contextmanager
    def function(self, node: Node, expected: Expression | None) -> Iterator[None]:
        """Names and results of a function that is expected to be `expected`."""
        covering, returned, own_object = self._covering, self.returned, self.own_object
        if node.type != "arrow_function":
            self.own_object = None
        self._covering = dict(covering)
        with self.generic(node):
            declared = node.child_by_field_name("return_type")
            if declared is not None:
                self.returned = Typed(self.bounded(read_type(declared)))
            else:
                self.returned = Call(expected) if expected is not None else None
            try:
                yield
            finally:
                self._covering, self.returned = covering, returned
                self.own_object = own_object


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
