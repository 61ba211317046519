"""The accumulator that an extractor fills while it walks one file.

Above it stand the extractors of `agentos_memory.languages`; below, the values of `model`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from agentos_memory.expressions import Attribute, Expression, Name
from agentos_memory.model import (
    Binding,
    CallSite,
    ClassFacts,
    FixtureNote,
    FunctionFacts,
    Import,
    Reference,
    ReferenceRole,
    Symbol,
    SymbolKind,
)

MAX_RECEIVER_CHARS = 120
# Trees deeper than this are generated data; the walk costs up to three frames a level.
MAX_DEPTH = 150


@dataclass(slots=True, unsafe_hash=True)
class Scope:
    """Where the walk stands: the enclosing symbol and, within methods, the instance's name."""

    qualified_name: str
    kind: Literal["module", "class", "function"]
    self_name: str | None = None
    self_class: str | None = None


@dataclass(slots=True, unsafe_hash=True)
class Span:
    """1-based lines of a definition, inclusive, and the line of its name."""

    start_line: int
    end_line: int
    name_line: int


@dataclass(slots=True)
class OpenFunction:
    """A function whose body is being walked."""

    returned: list[Expression] = field(default_factory=list)
    yielded: list[Expression] = field(default_factory=list)


@dataclass(slots=True)
class FactCollector:
    """Facts of one file in the order in which they were met."""

    path: str
    module: str
    separator: str
    module_docstring: str = ""
    symbols: list[Symbol] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    calls: list[CallSite] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    bindings: list[Binding] = field(default_factory=list)
    functions: list[FunctionFacts] = field(default_factory=list)
    classes: list[ClassFacts] = field(default_factory=list)
    fixtures: list[FixtureNote] = field(default_factory=list)
    open_functions: list[OpenFunction] = field(default_factory=list)

    def qualify(self, scope: Scope, name: str) -> str:
        """Qualified name of `name` defined in `scope`."""
        separator = self.separator if scope.kind == "module" else "."
        return f"{scope.qualified_name}{separator}{name}"

    def define(
        self,
        scope: Scope,
        name: str,
        kind: SymbolKind,
        span: Span,
        *,
        signature: str,
        docstring: str = "",
        bases: Sequence[str] = (),
        decorators: Sequence[str] = (),
    ) -> str:
        """Record a definition in `scope` and give its qualified name."""
        qualified_name = self.qualify(scope, name)
        self.symbols.append(
            Symbol(
                qualified_name,
                name,
                kind,
                self.path,
                span.start_line,
                span.end_line,
                span.name_line,
                signature,
                docstring,
                scope.qualified_name,
                tuple(bases),
                tuple(decorators),
            )
        )
        return qualified_name

    def bind(
        self,
        scope: str,
        name: str,
        value: Expression,
        line: int,
        *,
        evaluated_in: str | None = None,
        is_annotation: bool = False,
        on_instance: bool = False,
    ) -> None:
        """Record that `name` gets `value` in `scope`."""
        self.bindings.append(
            Binding(scope, name, value, evaluated_in or scope, is_annotation, on_instance, line)
        )

    def call(self, scope: Scope, function: Expression, receiver: str | None, line: int) -> None:
        """Record a call of `function` standing in `scope`."""
        callee = last_name(function)
        if receiver is not None:
            receiver = receiver[:MAX_RECEIVER_CHARS]
        self.calls.append(CallSite(scope.qualified_name, callee, receiver, line, function))

    def mention(
        self, scope: Scope, value: Expression, line: int, role: ReferenceRole = "value"
    ) -> None:
        """Record `value` as a reference if it is a name or a dotted name."""
        if isinstance(value, Name | Attribute):
            self.references.append(Reference(scope.qualified_name, value, line, role))


def last_name(expression: Expression) -> str:
    """The identifier that ends a dotted expression, "" for any other."""
    match expression:
        case Name(identifier):
            return identifier
        case Attribute(_, name):
            return name
        case _:
            return ""
