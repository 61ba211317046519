"""Walks over the symbol graph: who reaches a symbol, what it reaches, how one gets to another.

Pure functions over a `SymbolGraph`; above are the tools, which turn results into wire models.
Below: arrays, walked a whole circle at a time.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from agentos_memory.adjacency import Ints, Mask, Relation
from agentos_memory.circles import Circles, Steps
from agentos_memory.dispatch import dispatched
from agentos_memory.graph import SymbolGraph
from agentos_memory.traced_kinds import TracedKind

Direction: TypeAlias = Literal["callers", "callees", "both"]

_UNREACHED = -1
_FAR = np.iinfo(np.int32).max


@dataclass(frozen=True, slots=True)
class Walk:
    """How far each definition is from the start in one direction; -1 where it is not reached."""

    is_incoming: bool
    distance: NDArray[np.int32]
    n_edges: int

    @property
    def reached(self) -> Ints:
        """Positions that were reached, the start left out."""
        return np.flatnonzero(self.distance > 0)


@dataclass(frozen=True)
class Trace:
    """What was reached in one or both directions, and the relations between it."""

    graph: SymbolGraph
    start: Sequence[int]
    walks: Sequence[Walk]
    follows: Mask
    depth: int

    @cached_property
    def _nearest(self) -> NDArray[np.int32]:
        far = [np.where(walk.distance > 0, walk.distance, _FAR) for walk in self.walks]
        return far[0] if len(far) == 1 else np.minimum(*far)

    @cached_property
    def reached(self) -> Ints:
        """Positions that were reached in any direction, unordered."""
        return np.flatnonzero(self._nearest < _FAR)

    def first(self, limit: int) -> dict[int, int]:
        """Reached positions with their distance, nearest first, then in the order of the source."""
        ordered = nearest_first(self.graph, self.reached, self._nearest, limit)
        return dict(zip(ordered.tolist(), self._nearest[ordered].tolist(), strict=True))

    @property
    def n_edges(self) -> int:
        """How many relations were walked over."""
        return sum(walk.n_edges for walk in self.walks)

    def relations_among(self, shown: Iterable[int]) -> list[Relation]:
        """The relations walked over between the start and some reached positions, by evidence."""
        is_visible = np.zeros(len(self.graph.definitions), np.bool_)
        is_visible[[*shown, *self.start]] = True
        found: dict[Relation, None] = {}
        for walk in self.walks:
            is_left = is_visible & (walk.distance >= 0) & (walk.distance < self.depth)
            ends = (is_visible, is_left) if walk.is_incoming else (is_left, is_visible)
            found |= dict.fromkeys(self._between(*ends))
        return sorted(found, key=_evidence_order)

    def _between(self, is_source: Mask, is_target: Mask) -> Iterator[Relation]:
        """Relations from some to some; a call that may dispatch leads to overrides too."""
        graph, edges = self.graph, self.graph.edges
        leaving = edges.leaving(np.flatnonzero(is_source))
        leaving = leaving[self.follows[leaving]]
        for edge in leaving[is_target[edges.target[leaving]]].tolist():
            yield edges.relation(edge)
        overrides: dict[int, list[int]] = defaultdict(list)
        for override in np.flatnonzero(is_target & graph.has_base).tolist():
            for base in graph.bases_of(override):
                overrides[base].append(override)
        for edge in leaving[graph.dispatches[leaving]].tolist() if overrides else ():
            for override in overrides.get(int(edges.target[edge]), ()):
                yield dispatched(edges.relation(edge), override)


def trace(
    graph: SymbolGraph,
    start: Sequence[int],
    *,
    direction: Direction,
    kinds: frozenset[TracedKind],
    depth: int,
) -> Trace:
    """Everything within `depth` steps of `start`, which itself is left out.

    `both` walks callers of callers and callees of callees, never callers of callees: what shares
    a callee with the symbol does not depend on it.
    """
    walks = [
        walk(graph.steps(kinds, is_incoming=is_incoming), start, depth)
        for wanted, is_incoming in (("callers", True), ("callees", False))
        if direction in (wanted, "both")
    ]
    return Trace(graph, start, walks, graph.follows(kinds, guesses=False), depth)


def walk(steps: Steps, start: Sequence[int], depth: int) -> Walk:
    """Breadth first, so that the first visit is the nearest."""
    distance = np.full(steps.n_nodes, _UNREACHED, np.int32)
    circles = Circles(steps, np.array(start, np.int64))
    distance[circles.frontier] = 0
    for level in range(1, depth):
        circles.grow()
        distance[circles.frontier] = level
    circles.see_beyond()
    distance[circles.is_seen & (distance == _UNREACHED)] = depth
    return Walk(steps.is_incoming, distance, circles.n_edges)


def shortest_path(
    graph: SymbolGraph, start: list[int], goal: list[int], *, kinds: AbstractSet[TracedKind]
) -> list[Relation] | None:
    """The fewest relations that lead from `start` to `goal`; None where nothing does.

    Among equally short ways the one through better proven relations is taken, then the one that
    comes first in the source, so that the answer is stable.
    """
    goals = set(goal)
    came_by: dict[int, Relation | None] = dict.fromkeys(start)
    queue = deque(start)
    while queue:
        here = queue.popleft()
        if here in goals:
            return _steps_to(here, came_by)
        for relation in sorted(graph.leaving(here), key=_trust_order):
            if relation.target not in came_by and graph.accepts(relation, kinds, guesses=False):
                came_by[relation.target] = relation
                queue.append(relation.target)
    return None


def nearest_first(
    graph: SymbolGraph, positions: Ints, distance: NDArray[np.int32], limit: int
) -> Ints:
    """The first positions by distance, then in the order of the source."""
    if limit < len(positions):
        # Those beyond the circle that holds the last one need no order.
        far = distance[positions]
        positions = positions[far <= np.searchsorted(np.cumsum(np.bincount(far)), limit)]
    rank = distance[positions] * np.int64(len(distance)) + graph.source_order[positions]
    if limit < len(positions):
        first = np.argpartition(rank, limit)[:limit]
        positions, rank = positions[first], rank[first]
    return positions[np.argsort(rank)]


def _steps_to(goal: int, came_by: dict[int, Relation | None]) -> list[Relation]:
    steps = []
    relation = came_by[goal]
    while relation is not None:
        steps.append(relation)
        relation = came_by[relation.source]
    return steps[::-1]


def _evidence_order(relation: Relation) -> tuple[str, int, int, int, str]:
    return relation.path, relation.line, relation.source, relation.target, relation.kind


def _trust_order(relation: Relation) -> tuple[float, str, int, int]:
    return -relation.confidence, relation.path, relation.line, relation.target
