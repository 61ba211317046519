"""What became of the calls of one symbol when a language server was asked about them.

Above: verified callers and callees. Below: the arrays of the graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from agentos_memory.adjacency import KINDS, TIERS, Mask, Relation
from agentos_memory.answered_targets import class_of, constructor_of
from agentos_memory.graph import SymbolGraph
from agentos_memory.model import EdgeKind

CALLS: tuple[EdgeKind, ...] = ("calls", "constructs")
CONSTRUCTOR_RULE = "constructor"


@dataclass(frozen=True, slots=True)
class VerifiedCalls:
    """`relations` take the place of the edges `replaced`; `proven` are those the server knows."""

    replaced: Mask
    relations: Sequence[Relation]
    proven: frozenset[Relation]
    n_confirmed: int
    n_added: int
    n_removed: int
    n_unresolved: int


def call_edges(graph: SymbolGraph) -> Mask:
    """By edge, whether it is a call."""
    edges = graph.edges
    mask: Mask = np.isin(edges.kind, [KINDS.index(kind) for kind in CALLS])
    return mask


def known_relations(graph: SymbolGraph, replaced: Mask) -> list[Relation]:
    """The edges that will be replaced, guesses by name left out."""
    kept = replaced & (graph.edges.tier != TIERS.index("name_only"))
    return [graph.edges.relation(int(edge)) for edge in np.flatnonzero(kept)]


def proven(relation: Relation) -> Relation:
    """The relation as one that the server confirmed."""
    return replace(relation, tier="exact", confidence=1.0)


def reached(graph: SymbolGraph, target: int) -> Iterable[tuple[int, EdgeKind, str]]:
    """What a call of `target` reaches: itself; with a class its constructor, and the reverse."""
    owner = class_of(graph, target)
    if owner is not None:
        yield owner, "constructs", ""
        yield target, "calls", CONSTRUCTOR_RULE
    elif graph.definitions[target].kind == "class":
        yield target, "constructs", ""
        constructor = constructor_of(graph, target)
        if constructor is not None:
            yield constructor, "calls", CONSTRUCTOR_RULE
    else:
        yield target, "calls", ""
