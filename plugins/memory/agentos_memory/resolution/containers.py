"""What containers hold: items, positions, what iterating and entering gives.

Above: the evaluator and calls of built-in functions. Below: the hierarchy, and what the special
methods of the repository's classes return.
"""

from __future__ import annotations

from agentos_memory.resolution.hierarchy import Hierarchy
from agentos_memory.resolution.returns import Returns
from agentos_memory.resolution.values import (
    ClassValue,
    Elements,
    External,
    Instance,
    MappedValues,
    Parts,
    Value,
    Values,
    external,
    union,
)


class Containers:
    """Takes containers apart."""

    def __init__(self, hierarchy: Hierarchy, returns: Returns) -> None:
        self._hierarchy = hierarchy
        self._returns = returns

    def item(self, value: Value) -> Values:
        """What `value[...]` gives, for any index."""
        match value:
            case Elements(items) | MappedValues(_, items):
                return items
            case Parts(parts):
                return union(parts)
            case Instance(entity):
                method = self._hierarchy.find_method(entity, "__getitem__")
                return self._returns.of(method, value) if method is not None else ()
            case ClassValue():
                return (value,)
            case External(name):
                return external(f"{name}[]")
            case _:
                return ()

    def part(self, value: Value, index: int) -> Values:
        """What unpacking puts at position `index`."""
        if isinstance(value, Parts):
            return value.parts[index] if index < len(value.parts) else ()
        return self.iterated(value)

    def iterated(self, value: Value) -> Values:
        """What a loop over `value` gives."""
        match value:
            case Elements(items) | MappedValues(items, _):
                return items
            case Parts(parts):
                return union(parts)
            case External(name):
                return external(f"{name}[]")
            case Instance(entity):
                for name in ("__iter__", "__aiter__"):
                    method = self._hierarchy.find_method(entity, name)
                    if method is not None:
                        return union(map(_iterator_items, self._returns.of(method, value)))
                return ()
            case ClassValue(entity) if self._hierarchy.is_enum(entity):
                return (Instance(entity),)
            case _:
                return ()

    def entered(self, value: Value) -> Values:
        """What `with value as name` gives."""
        match value:
            case Elements(items):
                return items
            case Instance(entity):
                for name in ("__enter__", "__aenter__"):
                    method = self._hierarchy.find_method(entity, name)
                    if method is not None:
                        return self._returns.of(method, value) or (value,)
                return (value,)
            case External():
                return (value,)
            case _:
                return ()


def _iterator_items(value: Value) -> Values:
    return value.items if isinstance(value, Elements) else ()
