"""Edges of calls: which symbols a call site reaches, and the sites that stay open.

What a name or attribute reaches is worked out once for a scope, however often it is called
there. A call on an instance names the method of its class alone; the methods that override it
are found through `overrides` edges when callers are asked for, since writing them out would cost
the square of a wide hierarchy. Above: edges. Below: the evaluator, the hierarchy, certainty.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agentos_memory.expressions import UNKNOWN, Name
from agentos_memory.identity import identity
from agentos_memory.model import CallSite, Edge, EdgeKind, Symbol, Tier, UnresolvedSite
from agentos_memory.resolution.builtin_methods import BUILTIN_METHODS
from agentos_memory.resolution.certainty import Certainties, Certainty
from agentos_memory.resolution.evaluation import Evaluator
from agentos_memory.resolution.evidence import CONFIDENCE
from agentos_memory.resolution.hierarchy import Hierarchy
from agentos_memory.resolution.program import Entity, Program
from agentos_memory.resolution.values import (
    BoundMethod,
    ClassValue,
    FunctionValue,
    Instance,
    Value,
    Values,
)

CONSTRUCTORS = ("__init__", "constructor", "__construct", "initialize")
# Languages in which a constructor has the name of its class.
NAMED_CONSTRUCTORS = frozenset({"java", "csharp", "cpp"})
_SUPER = Name("super")

# Kind, target, tier and rule of what a call reaches.
Reached = tuple[EdgeKind, Symbol, Tier, str]


@dataclass(slots=True, unsafe_hash=True)
class Outcome:
    """What a call reaches; it is open when nothing is known, not even that it lies outside."""

    reached: tuple[Reached, ...]
    is_open: bool


class CallEdges:
    """Writes the edges of calls, file by file; `unresolved` collects the open sites."""

    def __init__(self, evaluator: Evaluator, certainties: Certainties) -> None:
        self._evaluator = evaluator
        self._certainties = certainties
        self._program: Program = evaluator.program
        self._hierarchy: Hierarchy = evaluator.hierarchy
        self.unresolved: list[UnresolvedSite] = []

    def of(self, path: str, calls: Iterable[CallSite]) -> Iterator[Edge]:
        """The edges of the calls of one file."""
        entity = self._program.entity
        by_caller: dict[str, tuple[Entity, dict[int, Outcome]]] = {}
        for call in calls:
            caller, line = call.caller, call.line
            known = by_caller.get(caller)
            if known is None:
                known = by_caller[caller] = (entity(path, caller), {})
            scope, outcomes = known
            outcome = outcomes.get(identity(call.function))
            if outcome is None:
                outcome = self._outcome(call, scope)
                # All that is unknown is one expression, whatever it is called.
                if call.function is not UNKNOWN:
                    outcomes[identity(call.function)] = outcome
            for kind, target, tier, rule in outcome.reached:
                yield Edge(
                    caller, target.qualified_name, kind, path, line, target.path,
                    CONFIDENCE[tier], tier, rule,
                )  # fmt: skip
            if outcome.is_open:
                self.unresolved.append(
                    UnresolvedSite(caller, call.callee, call.receiver, path, line)
                )

    def _outcome(self, call: CallSite, scope: Entity) -> Outcome:
        if call.function == _SUPER:
            return Outcome(tuple(self._super_constructor(scope)), False)
        values = self._evaluator.evaluate(call.function, scope)
        if not values:
            return Outcome(tuple(self._by_name(call, scope)), True)
        reached = self._reached(call, values, scope)
        return Outcome(tuple(reached), False)

    def _reached(self, call: CallSite, values: Values, scope: Entity) -> Iterator[Reached]:
        certainty: Certainty | None = None
        for value in values:
            if isinstance(value, FunctionValue | BoundMethod | ClassValue | Instance):
                certainty = certainty or self._certainties.of(call.function, scope)
                yield from self._targets(value, *certainty)

    def _targets(self, value: Value, tier: Tier, rule: str) -> Iterator[Reached]:
        match value:
            case FunctionValue(entity) | BoundMethod(entity, _):
                yield "calls", entity.symbol, tier, rule
            case ClassValue(entity):
                yield "constructs", entity.symbol, tier, rule
                yield from self._constructor(entity, tier)
            case Instance(entity):
                method = self._hierarchy.find_method(entity, "__call__")
                if method is not None:
                    yield "calls", method.symbol, "typed", "__call__"

    def _constructor(self, entity: Entity, tier: Tier) -> Iterator[Reached]:
        own = (entity.symbol.name,) if entity.analysis.language in NAMED_CONSTRUCTORS else ()
        for name in (*CONSTRUCTORS, *own):
            method = self._hierarchy.find_method(entity, name)
            if method is not None:
                yield "calls", method.symbol, tier, "constructor"

    def _super_constructor(self, scope: Entity) -> Iterator[Reached]:
        if scope.analysis.language == "python" or scope.owner is None:
            return
        for base in self._hierarchy.bases(scope.owner):
            yield from self._constructor(base, "exact")

    def _by_name(self, call: CallSite, scope: Entity) -> Iterator[Reached]:
        if call.receiver is None or call.callee.startswith("__"):
            return
        if call.callee in BUILTIN_METHODS:
            return
        method = self._program.only_method(call.callee, scope.analysis.language)
        if method is not None:
            yield "calls", method.symbol, "name_only", "unique method name"
