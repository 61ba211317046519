"""Questions about one scope and its surroundings that need no evaluation.

Above: names, calls, edges. Below: `program`.
"""

from __future__ import annotations

from agentos_memory.resolution.program import Entity
from agentos_memory.resolution.values import ClassValue, Values, instance_of


def find_holder(name: str, scope: Entity) -> Entity | None:
    """The scope that binds the name as seen from `scope`; class bodies are seen only inside."""
    holder: Entity | None = scope
    while holder is not None:
        if name in holder.names and (holder is scope or not holder.is_class):
            return holder
        holder = holder.parent
    return None


def find_method(scope: Entity) -> Entity | None:
    """The method in which the scope lies, itself included; None outside of classes."""
    method: Entity | None = scope
    while method is not None and method.owner is None:
        method = method.parent
    return method


def receiver_values(method: Entity) -> Values:
    """What a method's receiver holds: the class, or an instance of it."""
    owner = method.owner or method
    return (ClassValue(owner),) if method.receives_class else instance_of(owner)
