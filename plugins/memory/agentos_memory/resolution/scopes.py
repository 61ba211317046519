"""Questions about one scope and its surroundings that need no evaluation.

Above: names, calls, edges. Below: `program`.
"""

from __future__ import annotations

from agentos_memory.resolution.program import Entity
from agentos_memory.resolution.values import ClassValue, FunctionValue, Instance, Value


def find_holder(name: str, scope: Entity) -> Entity | None:
    """The scope that binds the name as seen from `scope`; class bodies are seen only inside."""
    holder: Entity | None = scope
    while holder is not None:
        if name in holder.names and (holder is scope or not holder.is_class):
            return holder
        holder = holder.parent
    return None


def module_of(scope: Entity) -> Entity:
    """The module around a scope."""
    while scope.parent is not None:
        scope = scope.parent
    return scope


def find_method(scope: Entity) -> Entity | None:
    """The method in which the scope lies, itself included; None outside of classes."""
    method: Entity | None = scope
    while method is not None and method.owner is None:
        method = method.parent
    return method


def entity_value(entity: Entity) -> Value:
    """What the name of a class or function holds."""
    return ClassValue(entity) if entity.is_class else FunctionValue(entity)


def receiver_value(method: Entity) -> Value:
    """What a method's receiver holds: the class, or an instance of it."""
    owner = method.owner or method
    return ClassValue(owner) if method.receives_class else Instance(owner)
