"""Method resolution order and member lookup along it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from itertools import islice

from agentos_memory.resolution.program import Entity
from agentos_memory.resolution.values import ClassValue, External, Values

# The values of a class's base expressions, in order.
BaseReader = Callable[[Entity], Values]

ABSTRACT_BASES = frozenset({"Protocol", "ABC", "ABCMeta"})
# Classes in one linearisation, the class itself included; real code stays below thirty.
MAX_ORDER = 200


class Hierarchy:
    """Bases and linearisations of the repository's classes."""

    def __init__(self, read_bases: BaseReader) -> None:
        self._read_bases = read_bases
        self._bases: dict[Entity, tuple[Entity, ...]] = {}
        self._external: dict[Entity, tuple[str, ...]] = {}
        self._orders: dict[Entity, tuple[Entity, ...]] = {}

    def bases(self, entity: Entity) -> tuple[Entity, ...]:
        """Direct bases within the repository."""
        if entity not in self._bases:
            self._bases[entity] = ()
            try:
                values = self._read_bases(entity)
            except RecursionError:
                del self._bases[entity]
                raise
            bases = [v.entity for v in values if isinstance(v, ClassValue)]
            self._bases[entity] = tuple(b for b in dict.fromkeys(bases) if b is not entity)
            self._external[entity] = tuple(v.name for v in values if isinstance(v, External))
        return self._bases[entity]

    def order(self, entity: Entity) -> tuple[Entity, ...]:
        """The C3 linearisation, the class itself first; inconsistent bases fall back to order.

        It ends after MAX_ORDER classes, so that a chain of thousands costs no more than its
        length. Bases come before what inherits from them without recursion.
        """
        if entity not in self._orders:
            pending = [entity]
            try:
                self._order_all(pending)
            except RecursionError:
                for each in pending:
                    self._orders.pop(each, None)
                raise
        return self._orders[entity]

    def _order_all(self, pending: list[Entity]) -> None:
        started: set[Entity] = set()
        while pending:
            here = pending[-1]
            # A cycle of bases in broken code ends here.
            self._orders.setdefault(here, (here,))
            bases = self.bases(here)[:MAX_ORDER]
            missing = [base for base in bases if base not in self._orders]
            if here in started or not missing:
                self._orders[here] = self._linearised(here, bases)
                pending.pop()
            started.add(here)
            pending += missing

    def _linearised(self, entity: Entity, bases: tuple[Entity, ...]) -> tuple[Entity, ...]:
        orders = [self._orders.get(base, (base,)) for base in bases]
        above = orders[0] if len(orders) == 1 else _merge([*orders, bases])
        return (entity, *islice((each for each in above if each is not entity), MAX_ORDER - 1))

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

    def is_abstract(self, entity: Entity) -> bool:
        """Whether the class itself is declared a protocol, an abstract base or an interface."""
        if entity.symbol.kind == "interface":
            return True
        self.bases(entity)
        names = self._external.get(entity, ())
        return any(name.rsplit(".", 1)[-1] in ABSTRACT_BASES for name in names)


def _merge(sequences: list[tuple[Entity, ...]]) -> Iterator[Entity]:
    """The next is the first head that stands behind no other; each class comes once."""
    pending = [deque(sequence) for sequence in sequences if sequence]
    behind = Counter(each for sequence in sequences for each in sequence[1:])
    merged: set[Entity] = set()
    while pending:
        heads = [sequence[0] for sequence in pending]
        head = next((each for each in heads if not behind[each]), heads[0])
        yield head
        merged.add(head)
        for sequence in pending:
            while sequence and sequence[0] in merged:
                sequence.popleft()
                if sequence:
                    behind[sequence[0]] -= 1
        pending = [sequence for sequence in pending if sequence]
