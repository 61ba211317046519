"""Edges beside calls: imports, inheritance, overrides, mentions, decorators, fixtures.

Above: edges. Below: the evaluator, the hierarchy, certainty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from agentos_memory.model import (
    Edge,
    EdgeKind,
    FileAnalysis,
    FunctionFacts,
    Reference,
    ReferenceRole,
    Symbol,
)
from agentos_memory.resolution.certainty import Certainties
from agentos_memory.resolution.evaluation import Evaluator
from agentos_memory.resolution.evidence import edge
from agentos_memory.resolution.program import Entity
from agentos_memory.resolution.values import (
    BoundMethod,
    ClassValue,
    FunctionValue,
    ModuleValue,
    Value,
)

_VARIABLES = frozenset({"variable", "type", "enum"})
# What a function becomes by where it is mentioned; a class that is mentioned is `references`.
_MENTIONED: Mapping[ReferenceRole, EdgeKind] = {
    "value": "references",
    "argument": "callback",
    "decorator": "decorates",
}


class RelationEdges:
    """Writes the edges of one file that are no calls."""

    def __init__(self, evaluator: Evaluator, certainties: Certainties) -> None:
        self._evaluator = evaluator
        self._certainties = certainties
        self._program = evaluator.program
        self._hierarchy = evaluator.hierarchy
        self._variables: dict[str, dict[str, Symbol]] = {}

    def of(self, analysis: FileAnalysis) -> Iterator[Edge]:
        """Imports first, then by kind."""
        yield from self._imports(analysis)
        yield from self._inheritance(analysis)
        for reference in analysis.references:
            yield from self._mention(reference, analysis.path)
        for function in analysis.functions:
            yield from self._fixtures(function, analysis.path)

    def _imports(self, analysis: FileAnalysis) -> Iterator[Edge]:
        importer = self._program.modules[analysis.path]
        for statement in analysis.imports:
            modules = self._evaluator.modules.imported(statement, importer)
            targets = [module.symbol for module in modules]
            scope = self._program.entity(analysis.path, statement.scope)
            if statement.name not in (None, "*"):
                values = self._evaluator.named(statement.bound_name, scope)
                named = [s for value in values if (s := _symbol_of(value)) is not None]
                if not named:
                    found = (self._variable(module, str(statement.name)) for module in modules)
                    named = [each for each in found if each is not None]
                targets = named or targets
            for target in targets:
                yield edge(
                    "imports", statement.scope, target, analysis.path, statement.line,
                    "exact", "import",
                )  # fmt: skip

    def _variable(self, module: Entity, name: str) -> Symbol | None:
        path = module.symbol.path
        if path not in self._variables:
            self._program.entity(path, module.symbol.qualified_name)
            symbols = module.analysis.symbols
            self._variables[path] = {s.name: s for s in symbols if s.kind in _VARIABLES}
        return self._variables[path].get(name)

    def _inheritance(self, analysis: FileAnalysis) -> Iterator[Edge]:
        path = analysis.path
        for facts in analysis.classes:
            name, line = facts.qualified_name, facts.line
            entity = self._program.entity(path, name)
            for base in self._hierarchy.bases(entity):
                yield edge("inherits", name, base.symbol, path, line, "exact", "base class")
                if self._hierarchy.is_abstract(base):
                    yield edge("implements", name, base.symbol, path, line, "exact", "base class")
            if entity.is_class:
                yield from self._overrides(entity, path)

    def _overrides(self, entity: Entity, path: str) -> Iterator[Edge]:
        for name, definitions in entity.names.items():
            method = next((d for d in definitions if isinstance(d, Entity) and d.is_function), None)
            if method is None:
                continue
            above = (self._hierarchy.find_method(b, name) for b in self._hierarchy.bases(entity))
            for overridden in dict.fromkeys(each for each in above if each is not None):
                # A class in parts has methods in several files.
                if overridden is not method and method.symbol.path == path:
                    symbol = method.symbol
                    yield edge(
                        "overrides", symbol.qualified_name, overridden.symbol, path,
                        symbol.name_line, "exact", "method resolution order",
                    )  # fmt: skip

    def _mention(self, reference: Reference, path: str) -> Iterator[Edge]:
        scope = self._program.entity(path, reference.source)
        if reference.role == "decorator":
            scope = scope.parent or scope
        for value in self._evaluator.evaluate(reference.value, scope):
            if isinstance(value, FunctionValue | BoundMethod | ClassValue):
                kind = _MENTIONED[reference.role]
                if kind == "callback" and isinstance(value, ClassValue):
                    kind = "references"
                tier, rule = self._certainties.of(reference.value, scope)
                yield edge(
                    kind, reference.source, value.entity.symbol, path, reference.line, tier, rule
                )

    def _fixtures(self, facts: FunctionFacts, path: str) -> Iterator[Edge]:
        function = self._program.entity(path, facts.qualified_name)
        for fixture, line, rule in self._evaluator.fixtures.asked_for(function):
            yield edge("fixture", facts.qualified_name, fixture.symbol, path, line, "typed", rule)


def _symbol_of(value: Value) -> Symbol | None:
    match value:
        case ClassValue(entity) | FunctionValue(entity):
            return entity.symbol
        case ModuleValue(module):
            return module.symbol
        case _:
            return None
