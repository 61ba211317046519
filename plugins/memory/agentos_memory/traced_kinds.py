"""The kinds of relations that a walk over the symbol graph can be asked to follow.

Above: the graph, its walks and tools. Below: the kinds of stored edges.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Literal, TypeAlias

from agentos_memory.model import EdgeKind

TracedKind: TypeAlias = Literal[
    "calls",
    "implements",
    "imports",
    "inherits",
    "references",
    "constructs",
    "overrides",
    "decorates",
    "callback",
    "fixture",
]

# Finer kinds that a walk over a coarser one follows too. To decorate is to be called.
_COARSER: Mapping[EdgeKind, AbstractSet[TracedKind]] = {
    "constructs": frozenset({"calls"}),
    "decorates": frozenset({"calls", "references"}),
    "callback": frozenset({"references"}),
    "fixture": frozenset({"references"}),
    "implements": frozenset({"inherits"}),
}
_NOTHING: frozenset[TracedKind] = frozenset()


def is_followed(kind: EdgeKind, kinds: AbstractSet[TracedKind]) -> bool:
    """Whether a walk over `kinds` follows edges of `kind`, whatever their ends are."""
    return kind in kinds or not kinds.isdisjoint(_COARSER.get(kind, _NOTHING))
