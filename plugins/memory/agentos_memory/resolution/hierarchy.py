"""Method resolution order, member lookup along it, and overrides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from agentos_memory.resolution.program import Entity
from agentos_memory.resolution.values import ClassValue, External, Values

# The values of a class's base expressions, in order.
BaseReader = Callable[[Entity], Values]


class Hierarchy:
    """Bases, linearisations and subclasses of the repository's classes."""

    def __init__(self, read_bases: BaseReader) -> None:
        self._read_bases = read_bases
        self._bases: dict[Entity, tuple[Entity, ...]] = {}
        self._external: dict[Entity, tuple[str, ...]] = {}
        self._orders: dict[Entity, tuple[Entity, ...]] = {}
        self._subclasses: dict[Entity, list[Entity]] = {}

    def bases(self, entity: Entity) -> tuple[Entity, ...]:
        """Direct bases within the repository."""
        if entity not in self._bases:
            self._bases[entity] = ()
            values = self._read_bases(entity)
            bases = [v.entity for v in values if isinstance(v, ClassValue)]
            self._bases[entity] = tuple(b for b in dict.fromkeys(bases) if b is not entity)
            self._external[entity] = tuple(v.name for v in values if isinstance(v, External))
        return self._bases[entity]

    def order(self, entity: Entity) -> tuple[Entity, ...]:
        """The C3 linearisation, the class itself first; inconsistent bases fall back to order."""
        if entity not in self._orders:
            # A cycle of bases in broken code ends here.
            self._orders[entity] = (entity,)
            bases = self.bases(entity)
            self._orders[entity] = (entity, *_merge([*map(self.order, bases), bases]))
        return self._orders[entity]

    def external_bases(self, entity: Entity) -> tuple[str, ...]:
        """Names of bases outside the repository, along the whole linearisation."""
        order = self.order(entity)
        return tuple(name for each in order for name in self._external.get(each, ()))

    def is_enum(self, entity: Entity) -> bool:
        """Whether the class's names are its members, instances of the class."""
        return any(name.endswith(("Enum", "Flag")) for name in self.external_bases(entity))

    def find_method(self, entity: Entity, name: str) -> Entity | None:
        """The method that an instance of the class would run."""
        for each in self.order(entity):
            for definition in reversed(each.names.get(name, [])):
                if isinstance(definition, Entity) and definition.is_function:
                    return definition
        return None

    def index_subclasses(self, classes: Iterable[Entity]) -> None:
        """Learn who inherits from whom; `overrides` needs it."""
        subclasses: dict[Entity, list[Entity]] = defaultdict(list)
        for entity in classes:
            for base in self.order(entity)[1:]:
                subclasses[base].append(entity)
        self._subclasses = subclasses

    def overrides(self, receiver: Entity, name: str) -> list[Entity]:
        """Methods of that name that subclasses of the receiver's class define themselves."""
        return [
            definition
            for subclass in self._subclasses.get(receiver, [])
            for definition in subclass.names.get(name, [])
            if isinstance(definition, Entity) and definition.is_function
        ]


def _merge(sequences: list[tuple[Entity, ...]]) -> list[Entity]:
    merged: list[Entity] = []
    pending = [list(sequence) for sequence in sequences if sequence]
    while pending:
        heads = [sequence[0] for sequence in pending]
        head = next(
            (h for h in heads if not any(h in sequence[1:] for sequence in pending)), heads[0]
        )
        merged.append(head)
        pending = [rest for s in pending if (rest := [each for each in s if each is not head])]
    return merged
