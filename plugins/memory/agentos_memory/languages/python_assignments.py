"""What the assignments of one Python module bind: names, attributes of `self`, and patterns.

Above: the walk over statements, which binds targets of loops and contexts here too. Below: the
reader of expressions.
"""

from __future__ import annotations

from tree_sitter import Node

from agentos_memory.expressions import UNKNOWN, Expression, Item, Sequence
from agentos_memory.languages.collector import FactCollector, Scope, Span
from agentos_memory.languages.nodes import end_line, start_line
from agentos_memory.languages.python_expressions import ExpressionReader
from agentos_memory.languages.python_fixtures import MARK_LISTS
from agentos_memory.languages.python_grammar import (
    ASSIGNMENT,
    ATTRIBUTE,
    FIELD_ATTRIBUTE,
    FIELD_LEFT,
    FIELD_OBJECT,
    FIELD_RIGHT,
    FIELD_TYPE,
    IDENTIFIER,
    TARGET_PATTERNS,
    SourceText,
)


class Assignments:
    """Binds targets in the collector; the module's own names become variables, once each."""

    def __init__(self, facts: FactCollector, source: SourceText, reader: ExpressionReader) -> None:
        self._facts = facts
        self._source = source
        self._reader = reader
        self._globals: set[tuple[str, str]] = set()
        self._variables: set[str] = set()

    def read(self, node: Node, scope: Scope) -> Expression:
        """What the assignment at `node` assigns, bound to its targets."""
        left, right = node.child_by_field_id(FIELD_LEFT), node.child_by_field_id(FIELD_RIGHT)
        declared = node.child_by_field_id(FIELD_TYPE)
        value: Expression = UNKNOWN
        if right is not None and right.kind_id == ASSIGNMENT:
            value = self.read(right, scope)
        elif right is not None:
            value = self._reader.read(right, scope)
            self._reader.mention(value, right, scope.qualified_name)
        if left is not None and declared is not None:
            annotation = self._reader.annotation(declared, scope)
            self.bind(left, annotation, scope, is_annotation=True)
        if left is not None and right is not None:
            if scope.kind != "function" and (name := self._source.of(left)) in MARK_LISTS:
                self._reader.fixtures.assign(name, right, scope)
            self.bind(left, value, scope)
        return value

    def bind(
        self, target: Node, value: Expression, scope: Scope, *, is_annotation: bool = False
    ) -> None:
        """Bind the names at `target` to `value`, or to their parts of it."""
        if target.kind_id == IDENTIFIER:
            self._bind_name(target, value, scope, is_annotation)
        elif target.kind_id == ATTRIBUTE:
            self._bind_attribute(target, value, scope, is_annotation)
        elif target.kind_id in TARGET_PATTERNS:
            self._bind_pattern(target, value, scope)
        else:
            for child in target.named_children:
                if target.type == "list_splat_pattern":
                    self.bind(child, UNKNOWN, scope)
                else:
                    self._reader.read(child, scope)

    def _bind_name(
        self, target: Node, value: Expression, scope: Scope, is_annotation: bool
    ) -> None:
        name, line = self._source.of(target), start_line(target)
        is_global = (scope.qualified_name, name) in self._globals
        owner = self._facts.module if is_global else scope.qualified_name
        self._facts.bind(
            owner,
            name,
            value,
            line,
            evaluated_in=scope.qualified_name,
            is_annotation=is_annotation,
        )
        if scope.kind == "module" and name not in self._variables:
            self._variables.add(name)
            span = Span(line, end_line(target.parent or target), line)
            signature = " ".join(self._source.of(target.parent or target).split())[:200]
            self._facts.define(scope, name, "variable", span, signature=signature)

    def _bind_attribute(
        self, target: Node, value: Expression, scope: Scope, is_annotation: bool
    ) -> None:
        owner, name = (
            target.child_by_field_id(FIELD_OBJECT),
            target.child_by_field_id(FIELD_ATTRIBUTE),
        )
        if owner is None or name is None:
            return
        is_self = owner.kind_id == IDENTIFIER and self._source.of(owner) == scope.self_name
        if is_self and scope.self_class is not None:
            self._facts.bind(
                scope.self_class,
                self._source.of(name),
                value,
                start_line(target),
                evaluated_in=scope.qualified_name,
                is_annotation=is_annotation,
                on_instance=True,
            )
        else:
            self._reader.read(owner, scope)

    def _bind_pattern(self, target: Node, value: Expression, scope: Scope) -> None:
        targets = target.named_children
        elements = value.elements if isinstance(value, Sequence) else ()
        pairwise = len(elements) == len(targets)
        for index, child in enumerate(targets):
            part = elements[index] if pairwise else Item(value, index)
            self.bind(child, part, scope)

    def declare_globals(self, node: Node, scope: Scope) -> None:
        """What the function of `scope` binds to these names, it binds in the module."""
        self._globals.update(
            (scope.qualified_name, self._source.of(c)) for c in node.named_children
        )
