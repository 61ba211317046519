"""Function types: what a function declares for its parameters, and so what a callback receives.

Above: the evaluator and calls. Below: names, annotations, containers.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from agentos_memory.expressions import SPREAD, Attribute, Parameter
from agentos_memory.model import FunctionFacts
from agentos_memory.resolution.annotations import AnnotationReader
from agentos_memory.resolution.containers import Containers
from agentos_memory.resolution.hierarchy import Hierarchy
from agentos_memory.resolution.names import Names
from agentos_memory.resolution.program import Entity
from agentos_memory.resolution.recursion import Recursion
from agentos_memory.resolution.values import (
    BoundMethod,
    ClassValue,
    Elements,
    External,
    FunctionValue,
    Instance,
    MappedValues,
    RecordValue,
    Signature,
    Value,
    Values,
    union,
)

# The attribute under which an interface keeps its call signatures.
CALL_SIGNATURE = "()"
# Marks the parameter that takes all further arguments.
VARIADIC = "..."
# Methods of arrays and maps that hand items to a function, and at which position.
ITEM_CALLBACKS = dict.fromkeys(
    ("map", "forEach", "filter", "find", "findLast", "some", "every", "flatMap", "findIndex"), 0
) | {"reduce": 1, "reduceRight": 1}
PAIR_CALLBACKS = frozenset({"sort", "toSorted"})
PROMISE_CALLBACKS = frozenset({"then"})


# Overloads that are told apart for one argument; generated ones come in hundreds.
MAX_OVERLOADS = 8


class Signatures:
    """Reads parameters and results of functions that are known by their type."""

    def __init__(
        self,
        names: Names,
        hierarchy: Hierarchy,
        annotations: AnnotationReader,
        containers: Containers,
        recursion: Recursion,
    ) -> None:
        self._names = names
        self._hierarchy = hierarchy
        self._annotations = annotations
        self._containers = containers
        self._recursion = recursion

    def parameter(self, expression: Parameter, scope: Entity) -> Values:
        """What the function declares for the argument, or hands to its own parameter."""
        handed = self._handed(expression, scope)
        if handed is not None:
            return handed
        functions = self._recursion.evaluate(expression.function, scope)
        return union(self._declared(value, expression.index) for value in functions)

    def member(self, owner: RecordValue, name: str) -> Values:
        """A member of an object; a closed one without it gives something outside."""
        record = owner.record
        if name in record.names:
            value = record.values[record.names.index(name)]
            return self._recursion.evaluate(value, owner.scope)
        if SPREAD in record.names:
            return self._spread_member(owner, name)
        return () if record.is_open else (External(name),)

    def _spread_member(self, owner: RecordValue, name: str) -> Values:
        """A member of what is spread into an object; the last one that has it."""
        record, evaluate = owner.record, self._recursion.evaluate
        for key, value in zip(reversed(record.names), reversed(record.values), strict=True):
            if key == SPREAD:
                held = evaluate(value, owner.scope)
                found = union(self._recursion.member(each, name) for each in held)
                if not held or any(not isinstance(each, External) for each in found):
                    return found
        return () if record.is_open else (External(name),)

    def result(self, called: Value) -> Values:
        """What a call of a function type, or of an object with call signatures, gives."""
        results = (
            self._annotations.read(each.declared.result, each.scope)
            for each in self._signatures(called)
        )
        return union(islice(filter(None, results), MAX_OVERLOADS))

    def _handed(self, expression: Parameter, scope: Entity) -> Values | None:
        """What `items.map` and the like hand to the function they are given."""
        outer = expression.function
        if not isinstance(outer, Parameter) or not isinstance(outer.function, Attribute):
            return None
        method, index = outer.function.name, expression.index
        if outer.index != 0 or not (
            ITEM_CALLBACKS.get(method) == index
            or (method in PAIR_CALLBACKS and index < 2)
            or (method in PROMISE_CALLBACKS and index == 0)
        ):
            return None
        owners = self._recursion.evaluate(outer.function.value, scope)
        if method in PROMISE_CALLBACKS:
            # Promises stand for what they resolve to.
            return owners
        held = [v for v in owners if isinstance(v, Elements | MappedValues)]
        return union(map(self._containers.item, held)) if held else None

    def _declared(self, function: Value, index: int) -> Values:
        match function:
            case FunctionValue(entity) | BoundMethod(entity, _):
                return union(self._of_function(entity, facts, index) for facts in entity.functions)
            case ClassValue(entity):
                constructor = self._hierarchy.find_method(entity, "constructor")
                return self._declared(FunctionValue(constructor), index) if constructor else ()
            case _:
                signatures = self._signatures(function)
                declared = (self._of_signature(each, index) for each in signatures)
                return union(islice(filter(None, declared), MAX_OVERLOADS))

    def _of_function(self, entity: Entity, facts: FunctionFacts, index: int) -> Values:
        last = len(facts.parameters) - 1
        if last >= 0 and facts.parameters[last].startswith(VARIADIC) and index >= last:
            name = facts.parameters[last].removeprefix(VARIADIC)
            return union(map(self._containers.iterated, self._bound(entity, name)))
        return self._bound(entity, facts.parameters[index]) if index <= last else ()

    def _bound(self, entity: Entity, name: str) -> Values:
        definitions = entity.names.get(name, ())
        return union(self._names.definition(each, entity) for each in definitions)

    def _of_signature(self, signature: Signature, index: int) -> Values:
        declared = signature.declared
        last = len(declared.parameters) - 1
        if declared.is_variadic and index >= last:
            values = self._annotations.read(declared.parameters[last], signature.scope)
            return union(map(self._containers.iterated, values))
        if index > last:
            return ()
        return self._annotations.read(declared.parameters[index], signature.scope)

    def _signatures(self, value: Value) -> Iterator[Signature]:
        if isinstance(value, Signature):
            yield value
        elif isinstance(value, Instance):
            for each in self._hierarchy.order(value.entity):
                for binding in each.attributes.get(CALL_SIGNATURE, ()):
                    found = self._names.definition(binding, each)
                    yield from (v for v in found if isinstance(v, Signature))
        elif isinstance(value, RecordValue):
            found = (
                self.member(value, CALL_SIGNATURE) if CALL_SIGNATURE in value.record.names else ()
            )
            yield from (v for v in found if isinstance(v, Signature))
