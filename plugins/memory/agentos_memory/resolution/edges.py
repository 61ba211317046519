"""Edges of one program: calls, imports, inheritance and references, each with its rule.

`Evaluator` says what is called; this module says how sure that is and what stays open.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from agentos_memory.expressions import Attribute, Call, Expression, Name
from agentos_memory.model import (
    CallSite,
    Edge,
    EdgeKind,
    FileAnalysis,
    Import,
    Symbol,
    Tier,
    UnresolvedSite,
)
from agentos_memory.resolution.builtin_methods import BUILTIN_METHODS
from agentos_memory.resolution.evaluation import Evaluator
from agentos_memory.resolution.fixtures import fixture_function
from agentos_memory.resolution.program import Entity, Receiver
from agentos_memory.resolution.scopes import find_holder
from agentos_memory.resolution.values import (
    BoundMethod,
    ClassValue,
    FunctionValue,
    Instance,
    ModuleValue,
    Value,
    Values,
)

CONFIDENCE: dict[Tier, float] = {
    "exact": 1.0,
    "typed": 0.95,
    "may_dispatch": 0.5,
    "name_only": 0.3,
}
CONSTRUCTORS = ("__init__", "constructor")


class EdgeBuilder:
    """Writes the edges of a program, file by file."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._program = evaluator.program
        self._hierarchy = evaluator.hierarchy
        self.unresolved: list[UnresolvedSite] = []
        self._methods: dict[str, list[Entity]] = defaultdict(list)
        for entity in self._program.entities.values():
            if entity.owner is not None:
                self._methods[entity.symbol.name].append(entity)
        self._variables = _variables(self._program.analyses)
        self._hierarchy.index_subclasses(self._program.classes())

    def edges_of(self, analysis: FileAnalysis) -> Iterator[Edge]:
        """Every edge whose evidence lies in the file."""
        yield from self._imports(analysis)
        yield from self._inheritance(analysis)
        for call in analysis.calls:
            yield from self._calls(call, analysis.path)
        yield from self._references(analysis)
        yield from self._fixtures(analysis)

    def _calls(self, call: CallSite, path: str) -> Iterator[Edge]:
        scope = self._program.entity(path, call.caller)
        if call.function == Name("super"):
            yield from self._super_constructor(call, path, scope)
            return
        values = self._evaluator.evaluate(call.function, scope)
        tier, rule = self._certainty(call.function, scope)
        for value in values:
            yield from self._call_edges(call, path, value, tier, rule)
        if not values:
            self.unresolved.append(
                UnresolvedSite(call.caller, call.callee, call.receiver, path, call.line)
            )
            yield from self._by_name(call, path, scope)

    def _call_edges(
        self, call: CallSite, path: str, value: Value, tier: Tier, rule: str
    ) -> Iterator[Edge]:
        match value:
            case FunctionValue(entity):
                yield _edge("calls", call.caller, entity.symbol, path, call.line, tier, rule)
            case BoundMethod(entity, receiver):
                yield _edge("calls", call.caller, entity.symbol, path, call.line, tier, rule)
                if isinstance(receiver, Instance):
                    yield from self._dispatch(call, path, receiver.entity, entity)
            case ClassValue(entity):
                yield _edge("calls", call.caller, entity.symbol, path, call.line, tier, rule)
                yield from self._constructor(call, path, entity, tier)
            case Instance(entity):
                method = self._hierarchy.find_method(entity, "__call__")
                if method is not None:
                    yield _edge(
                        "calls", call.caller, method.symbol, path, call.line, "typed", "__call__"
                    )

    def _constructor(self, call: CallSite, path: str, entity: Entity, tier: Tier) -> Iterator[Edge]:
        for name in CONSTRUCTORS:
            method = self._hierarchy.find_method(entity, name)
            if method is not None:
                yield _edge(
                    "calls", call.caller, method.symbol, path, call.line, tier, "constructor"
                )

    def _super_constructor(self, call: CallSite, path: str, scope: Entity) -> Iterator[Edge]:
        if scope.analysis.language == "python" or scope.owner is None:
            return
        for base in self._hierarchy.bases(scope.owner):
            yield _edge("calls", call.caller, base.symbol, path, call.line, "exact", "super")
            yield from self._constructor(call, path, base, "exact")

    def _dispatch(
        self, call: CallSite, path: str, receiver: Entity, method: Entity
    ) -> Iterator[Edge]:
        for override in self._hierarchy.overrides(receiver, method.symbol.name):
            if override is not method:
                yield _edge(
                    "calls",
                    call.caller,
                    override.symbol,
                    path,
                    call.line,
                    "may_dispatch",
                    "override",
                )

    def _by_name(self, call: CallSite, path: str, scope: Entity) -> Iterator[Edge]:
        if call.receiver is None or call.callee.startswith("__"):
            return
        candidates = self._methods.get(call.callee, [])
        if len(candidates) != 1 or call.callee in BUILTIN_METHODS:
            return
        if candidates[0].analysis.language == scope.analysis.language:
            yield _edge(
                "calls",
                call.caller,
                candidates[0].symbol,
                path,
                call.line,
                "name_only",
                "unique method name",
            )

    def _certainty(self, function: Expression, scope: Entity) -> tuple[Tier, str]:
        match function:
            case Name(identifier):
                return self._name_certainty(identifier, scope)
            case Attribute(Name("this" | "super" as receiver), _):
                return "exact", receiver
            case Attribute(Call(Name("super")), _):
                return "exact", "super"
            case Attribute(Name(identifier), _):
                return self._owner_certainty(identifier, function, scope)
            case Attribute(owner, _):
                return self._value_certainty(self._evaluator.evaluate(owner, scope))
            case _:
                return "typed", "value"

    def _name_certainty(self, name: str, scope: Entity) -> tuple[Tier, str]:
        holder = find_holder(name, scope)
        definitions = holder.names[name] if holder is not None else []
        if not definitions:
            return "exact", "star import"
        if all(isinstance(each, Entity) for each in definitions):
            return "exact", "scope"
        if all(isinstance(each, Entity | Import) for each in definitions):
            return "exact", "import"
        return "typed", "value"

    def _owner_certainty(self, name: str, function: Attribute, scope: Entity) -> tuple[Tier, str]:
        holder = find_holder(name, scope)
        definitions = holder.names[name] if holder is not None else []
        if any(isinstance(each, Receiver) for each in definitions):
            return ("exact", "self") if len(definitions) == 1 else ("typed", "self")
        values = self._evaluator.evaluate(function.value, scope)
        if all(isinstance(each, Entity | Import) for each in definitions):
            return self._value_certainty(values)
        return "typed", "receiver type"

    def _value_certainty(self, owners: Values) -> tuple[Tier, str]:
        if owners and all(isinstance(owner, ModuleValue) for owner in owners):
            return "exact", "module member"
        if owners and all(isinstance(owner, ClassValue) for owner in owners):
            return "exact", "class member"
        return "typed", "receiver type"

    def _imports(self, analysis: FileAnalysis) -> Iterator[Edge]:
        for statement in analysis.imports:
            importer = self._program.modules[analysis.path]
            module = self._evaluator.modules.imported(statement, importer)
            targets = [module.symbol] if module is not None else []
            scope = self._program.entity(analysis.path, statement.scope)
            if statement.name not in (None, "*"):
                values = self._evaluator.named(statement.bound_name, scope)
                named = [s for value in values if (s := _symbol_of(value)) is not None]
                if module is not None and not named:
                    key = (module.symbol.path, str(statement.name))
                    named = [self._variables[key]] if key in self._variables else []
                targets = named or targets
            for target in targets:
                yield _edge(
                    "imports", statement.scope, target, analysis.path, statement.line,
                    "exact", "import",
                )  # fmt: skip

    def _inheritance(self, analysis: FileAnalysis) -> Iterator[Edge]:
        for facts in analysis.classes:
            entity = self._program.entity(analysis.path, facts.qualified_name)
            for base in self._hierarchy.bases(entity):
                yield _edge(
                    "inherits", facts.qualified_name, base.symbol, analysis.path, facts.line,
                    "exact", "base class",
                )  # fmt: skip

    def _references(self, analysis: FileAnalysis) -> Iterator[Edge]:
        for reference in analysis.references:
            scope = self._program.entity(analysis.path, reference.source)
            values = self._evaluator.evaluate(reference.value, scope)
            for value in values:
                if isinstance(value, FunctionValue | BoundMethod | ClassValue):
                    tier, rule = self._certainty(reference.value, scope)
                    yield _edge(
                        "references", reference.source, value.entity.symbol, analysis.path,
                        reference.line, tier, rule,
                    )  # fmt: skip

    def _fixtures(self, analysis: FileAnalysis) -> Iterator[Edge]:
        for facts in analysis.functions:
            function = self._program.entity(analysis.path, facts.qualified_name)
            for parameter in facts.parameters:
                fixture = fixture_function(self._program, function, parameter)
                if fixture is not None:
                    yield _edge(
                        "references", facts.qualified_name, fixture.symbol, analysis.path,
                        facts.line, "typed", "fixture",
                    )  # fmt: skip


def _edge(
    kind: EdgeKind, source: str, target: Symbol, path: str, line: int, tier: Tier, rule: str
) -> Edge:
    confidence = CONFIDENCE[tier]
    return Edge(
        source, target.qualified_name, kind, path, line, target.path, confidence, tier, rule
    )


def _symbol_of(value: Value) -> Symbol | None:
    match value:
        case ClassValue(entity) | FunctionValue(entity):
            return entity.symbol
        case ModuleValue(module):
            return module.symbol
        case _:
            return None


def _variables(analyses: list[FileAnalysis]) -> dict[tuple[str, str], Symbol]:
    return {
        (analysis.path, symbol.name): symbol
        for analysis in analyses
        for symbol in analysis.symbols
        if symbol.kind in ("variable", "type", "enum")
    }
