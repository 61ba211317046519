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
                return self._in_namespace(f"{prefix}.{name}")
            case Instance(entity) | ClassValue(entity):
                return self._class_member(entity, name, value, self._hierarchy.order(entity))
            case Super(entity):
                return self._class_member(entity, name, value, self._hierarchy.order(entity)[1:])
            case External(owner):
                return (External(f"{owner}.{name}"),)
            case SelfType():
                return ()
            case _:
                return (External(name),)

    def _in_namespace(self, name: str) -> Values:
        module = self._modules.of_namespace(name)
        if module is not None:
            return (ModuleValue(module),)
        return (Namespace(name),) if name in self._modules.namespaces else (External(name),)

    def _class_member(
        self, entity: Entity, name: str, receiver: ReceiverValue, order: tuple[Entity, ...]
    ) -> Values:
        for each in order:
            definitions = each.names.get(name, [])
            attributes = each.attributes.get(name, [])
            if definitions or attributes:
                groups = [self._class_definition(d, each, receiver) for d in definitions]
                groups += [self._names.definition(binding, each) for binding in attributes]
                return union(groups)
        if any("__getattr__" in each.names for each in order):
            return ()
        return (External(f"{entity.symbol.qualified_name}.{name}"),)

    def _class_definition(
        self, definition: Definition, owner: Entity, receiver: ReceiverValue
    ) -> Values:
        if isinstance(definition, Entity) and definition.is_function:
            if definition.is_property and not isinstance(receiver, ClassValue):
                return self._returns.of(definition, receiver)
            return (BoundMethod(definition, receiver),)
        if isinstance(receiver, ClassValue) and self._hierarchy.is_enum(receiver.entity):
            return (Instance(receiver.entity),)
        return self._names.definition(definition, owner)
