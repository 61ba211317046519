"""What functions return: their declared types, else what their bodies return and yield.

Above: attributes (properties), containers (`__iter__`, `__enter__`), calls. Below: annotations.
"""

from __future__ import annotations

from agentos_memory.expressions import Name
from agentos_memory.resolution.annotations import AnnotationReader
from agentos_memory.resolution.program import Entity
from agentos_memory.resolution.recursion import Recursion
from agentos_memory.resolution.values import (
    Elements,
    Instance,
    Parts,
    ReceiverValue,
    SelfType,
    Value,
    Values,
    union,
)

MAX_INFERRED_RETURNS = 6


class Returns:
    """Results of functions by the class they are called on; each is kept."""

    def __init__(self, annotations: AnnotationReader, recursion: Recursion) -> None:
        self._annotations = annotations
        self._recursion = recursion
        self._known: dict[tuple[Entity, Entity | None], Values] = {}
        self._open: set[tuple[Entity, Entity | None]] = set()

    def of(self, function: Entity, receiver: ReceiverValue | None) -> Values:
        """What a call of the function gives; a function that is being asked about gives nothing."""
        key = (function, receiver.entity if receiver is not None else None)
        if key in self._known:
            return self._known[key]
        if key in self._open or self._recursion.is_exhausted:
            return ()
        self._open.add(key)
        try:
            values = self._returned(function, receiver)
        finally:
            self._open.discard(key)
        self._known[key] = values
        return values

    def _returned(self, function: Entity, receiver: ReceiverValue | None) -> Values:
        scope = function.parent or function
        declared = [f.return_annotation for f in function.functions if f.return_annotation]
        own = receiver.entity if receiver is not None else function.owner
        if declared:
            values = union(self._annotations.read(each, scope) for each in declared)
            return union(_with_self(value, own) for value in values)
        return self._inferred(function, own)

    def _inferred(self, function: Entity, own: Entity | None) -> Values:
        evaluate = self._recursion.evaluate
        groups: list[Values] = []
        for facts in function.functions:
            for expression in facts.returned[:MAX_INFERRED_RETURNS]:
                is_self = expression == Name(function.receiver_name or "")
                if is_self and own is not None and not function.receives_class:
                    groups.append((Instance(own),))
                else:
                    groups.append(evaluate(expression, function))
            if facts.yielded:
                yielded = (evaluate(each, function) for each in facts.yielded)
                groups.append((Elements(union(yielded)),))
        return union(groups)


def _with_self(value: Value, own: Entity | None) -> Values:
    match value:
        case SelfType():
            return (Instance(own),) if own is not None else ()
        case Elements(items):
            return (Elements(union(_with_self(item, own) for item in items)),)
        case Parts(parts):
            return (Parts(tuple(union(_with_self(v, own) for v in part) for part in parts)),)
        case _:
            return (value,)
