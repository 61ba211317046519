"""What a change of a symbol may break: everything that reaches it, however far away.

Above: `trace_symbol_dependencies`. Below: walks over the resident graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agentos_memory.graph import SymbolGraph, TracedKind
from agentos_memory.tracing import nearest_first

# Functions handed over, fixtures and subclasses break, too.
FOLLOWED: frozenset[TracedKind] = frozenset({"calls", "references", "inherits", "implements"})


@dataclass(frozen=True, slots=True)
class BlastRadius:
    """All that reaches a symbol; positions are in the order of the source, nearest first."""

    n_direct: int
    n_symbols: int
    n_files: int
    n_modules: int
    tests: Sequence[int]
    entry_points: Sequence[int]


def blast_radius(
    graph: SymbolGraph, start: Sequence[int], kinds: frozenset[TracedKind]
) -> BlastRadius:
    """What reaches `start` over `kinds` and what is always followed.

    An entry point is public code outside of tests that nothing in the index but tests reaches.
    """
    kinds = kinds | FOLLOWED
    distance = _distances(graph, start, kinds)
    is_reached = distance > 0
    n_files, n_modules = graph.n_files_of(np.flatnonzero(is_reached))
    is_test = is_reached & graph.is_test_function
    is_entry = is_reached & ~graph.is_test & graph.is_public & ~graph.used_outside_tests(kinds)
    return BlastRadius(
        int((distance == 1).sum()),
        int(is_reached.sum()),
        n_files,
        n_modules,
        nearest_first(graph, np.flatnonzero(is_test), distance).tolist(),
        nearest_first(graph, np.flatnonzero(is_entry), distance).tolist(),
    )


def _distances(
    graph: SymbolGraph, start: Sequence[int], kinds: frozenset[TracedKind]
) -> NDArray[np.int32]:
    """Steps from each definition to the start; -1 for what never gets there."""
    calling, dispatching = graph.sources_over(kinds)
    distance = np.full(len(graph.definitions), -1, np.int32)
    frontier = np.unique(np.array(start, np.int64))
    distance[frontier] = 0
    level = 0
    seen = np.zeros(len(distance), np.bool_)
    while len(frontier):
        level += 1
        there = calling.of(frontier)
        bases = graph.new_bases(frontier, seen)
        if len(bases):
            there = np.concatenate([there, dispatching.of(bases)])
        distance[there[distance[there] < 0]] = level
        frontier = np.flatnonzero(distance == level)
    return distance
