"""What an expression may evaluate to, as far as a repository's own definitions go.

Several values stand for "one of these"; none at all means that nothing is known, which is
different from `External`: known to lie outside the repository.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from agentos_memory.expressions import FunctionType, Record
from agentos_memory.resolution.program import Entity


@dataclass(slots=True, unsafe_hash=True)
class ModuleValue:
    """A module of the repository."""

    module: Entity


@dataclass(slots=True, unsafe_hash=True)
class Namespace:
    """A dotted prefix of module names that is no module itself (PEP 420)."""

    name: str


@dataclass(slots=True, unsafe_hash=True)
class ClassValue:
    """A class itself."""

    entity: Entity


@dataclass(slots=True, unsafe_hash=True)
class Instance:
    """An instance of a class or of one of its subclasses."""

    entity: Entity


@dataclass(slots=True, unsafe_hash=True)
class FunctionValue:
    """A function that is not bound to a receiver."""

    entity: Entity


@dataclass(slots=True, unsafe_hash=True)
class BoundMethod:
    """A method looked up on `receiver`."""

    entity: Entity
    receiver: ReceiverValue


@dataclass(slots=True, unsafe_hash=True)
class Super:
    """The bases of the class in which `super()` stands."""

    entity: Entity


@dataclass(slots=True, unsafe_hash=True)
class Elements:
    """A list, tuple, set or iterator that holds `items`."""

    items: Values


@dataclass(slots=True, unsafe_hash=True)
class Parts:
    """A tuple of known length; `parts[i]` is what stands at position i."""

    parts: tuple[Values, ...]


@dataclass(slots=True, unsafe_hash=True)
class MappedValues:
    """A dictionary from `keys` to `items`."""

    keys: Values
    items: Values


@dataclass(slots=True, unsafe_hash=True)
class SelfType:
    """The annotation `Self`: an instance of whatever class the method is called on."""


@dataclass(slots=True, unsafe_hash=True)
class External:
    """Something outside the repository: a builtin, a library, a missing attribute."""

    name: str


@dataclass(slots=True, eq=False)
class Signature:
    """Some function of a declared type, which is read in `scope`.

    Declared types live as long as the program, so one is known by its identity.
    """

    declared: FunctionType
    scope: Entity

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Signature):
            return NotImplemented
        return self.declared is other.declared and self.scope is other.scope

    def __hash__(self) -> int:
        return hash((id(self.declared), id(self.scope)))


@dataclass(slots=True, eq=False)
class RecordValue:
    """An object whose members are evaluated in `scope`; known by identity as a signature is."""

    record: Record
    scope: Entity

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RecordValue):
            return NotImplemented
        return self.record is other.record and self.scope is other.scope

    def __hash__(self) -> int:
        return hash((id(self.record), id(self.scope)))


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


@lru_cache(maxsize=65_536)
def external(name: str) -> Values:
    """Something outside of that name, as the only value; most are asked for again and again."""
    return (External(name),)


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
