"""What `value.name` is: members of modules and of classes along their linearisation.

Above: the evaluator. Below: names, the hierarchy, and what properties return.
"""

from __future__ import annotations

from agentos_memory.resolution.hierarchy import Hierarchy
from agentos_memory.resolution.modules import ModuleIndex
from agentos_memory.resolution.names import Names
from agentos_memory.resolution.program import Definition, Entity
from agentos_memory.resolution.returns import Returns
from agentos_memory.resolution.values import (
    BoundMethod,
    ClassValue,
    External,
    Instance,
    ModuleValue,
    Namespace,
    ReceiverValue,
    SelfType,
    Super,
    Value,
    Values,
    external,
    instance_of,
    union,
)


class Attributes:
    """Looks attributes up."""

    def __init__(
        self, modules: ModuleIndex, names: Names, hierarchy: Hierarchy, returns: Returns
    ) -> None:
        self._modules = modules
        self._names = names
        self._hierarchy = hierarchy
        self._returns = returns

    def of(self, value: Value, name: str) -> Values:
        """What `value.name` is. A known class without it gives `External`, never a guess."""
        match value:
            case ModuleValue(module):
                return self._names.member(module, name)
            case Namespace(prefix):
                return self._modules.namespace_member(f"{prefix}.{name}")
            case Instance():
                return self._of_instance(value, name)
            case ClassValue(entity):
                return self._class_member(entity, name, value, self._hierarchy.order(entity))
            case Super(entity):
                return self._class_member(entity, name, value, self._hierarchy.order(entity)[1:])
            case External(owner):
                return external(f"{owner}.{name}")
            case SelfType():
                return ()
            case _:
                return external(name)

    def _class_member(
        self, entity: Entity, name: str, receiver: ReceiverValue, order: tuple[Entity, ...]
    ) -> Values:
        for each in order:
            definitions = each.names.get(name, ()) if not each.is_function else ()
            attributes = each.attributes.get(name, ())
            if definitions or attributes:
                groups = [self._class_definition(d, each, receiver) for d in definitions]
                groups += [self._names.definition(binding, each) for binding in attributes]
                return union(groups)
        if any("__getattr__" in each.names for each in order):
            return ()
        return external(f"{entity.symbol.qualified_name}.{name}")

    def _of_instance(self, receiver: Instance, name: str) -> Values:
        """The member, kept where it is a method or missing, which hangs on nothing else."""
        entity = receiver.entity
        known = entity.members.get(name)
        if known is None:
            known = self._class_member(entity, name, receiver, self._hierarchy.order(entity))
            if len(known) == 1 and isinstance(known[0], BoundMethod | External):
                entity.members[name] = known
        return known

    def _class_definition(
        self, definition: Definition, owner: Entity, receiver: ReceiverValue
    ) -> Values:
        if isinstance(definition, Entity) and definition.is_function:
            if definition.is_property and not isinstance(receiver, ClassValue):
                return self._returns.of(definition, receiver)
            return (BoundMethod(definition, receiver),)
        if isinstance(receiver, ClassValue) and self._hierarchy.is_enum(receiver.entity):
            return instance_of(receiver.entity)
        return self._names.definition(definition, owner)
