"""What a change of a symbol may break: everything that reaches it, however far away.

Above: `trace_symbol_dependencies`. Below: walks over the resident graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agentos_memory.adjacency import KINDS, Ints, Mask
from agentos_memory.circles import Circles
from agentos_memory.graph import SymbolGraph
from agentos_memory.traced_kinds import TracedKind
from agentos_memory.tracing import nearest_first

# Functions handed over, fixtures and subclasses break, too.
FOLLOWED: frozenset[TracedKind] = frozenset({"calls", "references", "inherits", "implements"})
# Tests and entry points named; all are counted.
MAX_NAMED = 20
NONE: Ints = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class BlastRadius:
    """All that reaches a symbol. Named are the nearest, then in the order of the source."""

    n_direct: int
    n_symbols: int
    n_files: int
    n_modules: int
    n_tests: int
    tests: Sequence[int]
    n_entry_points: int
    entry_points: Sequence[int]


def blast_radius(
    graph: SymbolGraph, positions: Sequence[int], kinds: frozenset[TracedKind]
) -> BlastRadius:
    """What reaches the symbol at `positions` over `kinds` and what is always followed.

    The symbol is everything written inside it: a class stands for its methods too, a module for
    all of its file and with what imports it. Methods that override one of it count, but not who
    calls only those. An entry point is public code outside of tests that nothing in the index
    but tests reaches.
    """
    kinds = kinds | FOLLOWED
    start = np.array(graph.inside(positions), np.int64)
    importing, overriding = _importing(graph, start), _overriding(graph, start)
    is_reached = graph.closures(kinds).of(np.concatenate([start, importing]))
    is_reached[overriding] = True
    is_reached[start] = False
    is_test = is_reached & graph.is_test
    is_entry = is_reached & graph.is_public & ~graph.is_in_tests
    is_entry &= ~graph.used_outside_tests(kinds)
    nearby = _Nearby(graph, kinds, start, (is_test, is_entry))
    n_direct = nearby.grow(importing, overriding)
    while nearby.is_lacking:
        nearby.grow()
    n_files, n_modules = graph.n_files_of(np.flatnonzero(is_reached))
    return BlastRadius(
        n_direct,
        int(is_reached.sum()),
        n_files,
        n_modules,
        int(is_test.sum()),
        nearby.named(is_test),
        int(is_entry.sum()),
        nearby.named(is_entry),
    )


def prepare(graph: SymbolGraph) -> None:
    """Work out what the usual questions need; otherwise the first of them does, and waits."""
    for is_incoming in (True, False):
        graph.steps(frozenset({"calls"}), is_incoming=is_incoming)
    graph.closures(FOLLOWED)
    graph.used_outside_tests(FOLLOWED)


class _Nearby:
    """The first circles around a start, until the nearest MAX_NAMED of all wanted are in them."""

    def __init__(
        self,
        graph: SymbolGraph,
        kinds: frozenset[TracedKind],
        start: Ints,
        wanted: Sequence[Mask],
    ) -> None:
        self._graph = graph
        self._circles = Circles(graph.steps(kinds, is_incoming=True), start)
        self._wanted = wanted
        self._n_lacking = [min(int(each.sum()), MAX_NAMED) for each in wanted]
        self._distance: NDArray[np.int32] = np.full(len(graph.definitions), -1, np.int32)
        self._distance[start] = 0
        self._found = [NONE]

    @property
    def is_lacking(self) -> bool:
        """Whether more of what is wanted lies beyond the circles."""
        can_grow = len(self._circles.frontier) > 0
        return can_grow and any(n_lacking > 0 for n_lacking in self._n_lacking)

    def grow(self, joining: Ints = NONE, beside: Ints = NONE) -> int:
        """Add a circle with what joins it; what is `beside` belongs to it, but leads nowhere."""
        self._circles.grow()
        self._circles.join(joining)
        circle = np.concatenate([self._circles.frontier, beside])
        circle = circle[self._distance[circle] < 0]
        self._distance[circle] = len(self._found)
        if len(beside):
            circle = np.unique(circle)
        self._found.append(circle)
        for n, each in enumerate(self._wanted):
            self._n_lacking[n] -= int(each[circle].sum())
        return len(circle)

    def named(self, wanted: Mask) -> list[int]:
        """The nearest MAX_NAMED of `wanted`."""
        found = np.concatenate(self._found)
        named: list[int] = nearest_first(
            self._graph, found[wanted[found]], self._distance, MAX_NAMED
        ).tolist()
        return named


def _importing(graph: SymbolGraph, start: Ints) -> Ints:
    """Who imports a module, or something of it, where the start is one; it runs with them."""
    edges = graph.edges
    if not graph.is_module[start].any():
        return NONE
    arriving = edges.arriving(start)
    arriving = arriving[edges.kind[arriving] == KINDS.index("imports")]
    return np.setdiff1d(edges.source[arriving], start).astype(np.int64)


def _overriding(graph: SymbolGraph, start: Ints) -> Ints:
    """Methods elsewhere that override one of the start."""
    methods = start[graph.has_override[start]].tolist()
    found = {each for method in methods for each in graph.overrides_of(method)}
    return np.setdiff1d(np.array(sorted(found), np.int64), start)
