"""What an expression may evaluate to, as far as a repository's own definitions go.

Several values stand for "one of these"; none at all means that nothing is known, which is
different from `External`: known to lie outside the repository.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from agentos_memory.expressions import FunctionType, Record
from agentos_memory.resolution.program import Entity


@dataclass(frozen=True, slots=True)
class ModuleValue:
    """A module of the repository."""

    module: Entity


@dataclass(frozen=True, slots=True)
class Namespace:
    """A dotted prefix of module names that is no module itself (PEP 420)."""

    name: str


@dataclass(frozen=True, slots=True)
class ClassValue:
    """A class itself."""

    entity: Entity


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance of a class or of one of its subclasses."""

    entity: Entity


@dataclass(frozen=True, slots=True)
class FunctionValue:
    """A function that is not bound to a receiver."""

    entity: Entity


@dataclass(frozen=True, slots=True)
class BoundMethod:
    """A method looked up on `receiver`."""

    entity: Entity
    receiver: ReceiverValue


@dataclass(frozen=True, slots=True)
class Super:
    """The bases of the class in which `super()` stands."""

    entity: Entity


@dataclass(frozen=True, slots=True)
class Elements:
    """A list, tuple, set or iterator that holds `items`."""

    items: Values


@dataclass(frozen=True, slots=True)
class Parts:
    """A tuple of known length; `parts[i]` is what stands at position i."""

    parts: tuple[Values, ...]


@dataclass(frozen=True, slots=True)
class MappedValues:
    """A dictionary from `keys` to `items`."""

    keys: Values
    items: Values


@dataclass(frozen=True, slots=True)
class SelfType:
    """The annotation `Self`: an instance of whatever class the method is called on."""


@dataclass(frozen=True, slots=True)
class External:
    """Something outside the repository: a builtin, a library, a missing attribute."""

    name: str


@dataclass(frozen=True, slots=True)
class Signature:
    """Some function of a declared type, which is read in `scope`."""

    declared: FunctionType
    scope: Entity


@dataclass(frozen=True, slots=True)
class RecordValue:
    """An object whose members are evaluated in `scope`."""

    record: Record
    scope: Entity


ReceiverValue = Instance | ClassValue | Super
Value = (
    ModuleValue
    | Namespace
    | ClassValue
    | Instance
    | FunctionValue
    | BoundMethod
    | Super
    | Elements
    | Parts
    | MappedValues
    | SelfType
    | External
    | Signature
    | RecordValue
)
# Tuples and not sets, so that evaluation order never depends on hashes.
Values = tuple[Value, ...]


def union(groups: Iterable[Values]) -> Values:
    """All values of the groups in order, each once; no group repeats a value."""
    found: Values = ()
    for group in groups:
        if not found:
            found = group
        elif group and group is not found:
            found = tuple(dict.fromkeys((*found, *group)))
    return found


def instance_of(entity: Entity) -> Values:
    """An instance of the class, as the only value."""
    if not entity.instance:
        entity.instance = (Instance(entity),)
    return entity.instance


def entity_itself(entity: Entity) -> Values:
    """What the name of a class or function holds, as the only value."""
    if not entity.itself:
        entity.itself = (ClassValue(entity) if entity.is_class else FunctionValue(entity),)
    return entity.itself
