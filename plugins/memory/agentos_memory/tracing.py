"""Walks over the symbol graph: who reaches a symbol, what it reaches, how one gets to another.

Pure functions over a `SymbolGraph`; above are the tools, which turn results into wire models.
Below: arrays, walked a whole circle at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from agentos_memory.adjacency import Ints, Mask, Relation
from agentos_memory.graph import SymbolGraph, TracedKind, dispatched

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
        nearest = np.full(len(self.graph.definitions), _FAR, np.int32)
        for walk in self.walks:
            reached = walk.reached
            nearest[reached] = np.minimum(nearest[reached], walk.distance[reached])
        return nearest

    @cached_property
    def reached(self) -> Ints:
        """Positions that were reached in any direction, unordered."""
        return np.flatnonzero(self._nearest < _FAR)

    def first(self, limit: int) -> dict[int, int]:
        """Reached positions with their distance, nearest first, then in the order of the source."""
        ordered = nearest_first(self.graph, self.reached, self._nearest)[:limit]
        return dict(zip(ordered.tolist(), self._nearest[ordered].tolist(), strict=True))

    @property
    def n_edges(self) -> int:
        """How many relations were walked over."""
        return sum(walk.n_edges for walk in self.walks)

    def relations_among(self, shown: Iterable[int]) -> list[Relation]:
        """The relations walked over between the start and some reached positions, by evidence."""
        visible = np.zeros(len(self.graph.definitions), np.bool_)
        visible[[*shown, *self.start]] = True
        found: dict[Relation, None] = {}
        for walk in self.walks:
            expanded = visible & (walk.distance >= 0) & (walk.distance < self.depth)
            for position in np.flatnonzero(expanded).tolist():
                collect = self._arriving if walk.is_incoming else self._leaving
                found |= dict.fromkeys(collect(position, visible))
        return sorted(found, key=_evidence_order)

    def _arriving(self, position: int, visible: Mask) -> list[Relation]:
        edges = self.graph.edges
        own = edges.arriving(np.array([position]))
        own = own[self.follows[own] & visible[edges.source[own]]]
        relations = [edges.relation(int(edge)) for edge in own]
        for base in self.graph.bases_of(position):
            calls = edges.arriving(np.array([base]))
            may = self.follows[calls] & self.graph.dispatches[calls] & visible[edges.source[calls]]
            relations += [dispatched(edges.relation(int(e)), position) for e in calls[may]]
        return relations

    def _leaving(self, position: int, visible: Mask) -> list[Relation]:
        edges = self.graph.edges
        own = edges.leaving(np.array([position]))
        own = own[self.follows[own]]
        relations = []
        for edge in own.tolist():
            if visible[edges.target[edge]]:
                relations.append(edges.relation(edge))
            if self.graph.dispatches[edge]:
                relations += [
                    dispatched(edges.relation(edge), override)
                    for override in self.graph.overrides_of(int(edges.target[edge]))
                    if visible[override]
                ]
        return relations


def trace(
    graph: SymbolGraph,
    start: Sequence[int],
    *,
    direction: Direction,
    kinds: frozenset[TracedKind],
    depth: int,
    guesses: bool = False,
) -> Trace:
    """Everything within `depth` steps of `start`, which itself is left out.

    `both` walks callers of callers and callees of callees, never callers of callees: what shares
    a callee with the symbol does not depend on it.
    """
    follows = graph.follows(kinds, guesses=guesses)
    walks = [
        walk(graph, start, follows, is_incoming=is_incoming, depth=depth)
        for wanted, is_incoming in (("callers", True), ("callees", False))
        if direction in (wanted, "both")
    ]
    return Trace(graph, start, walks, follows, depth)


def walk(
    graph: SymbolGraph,
    start: Sequence[int],
    follows: Mask,
    *,
    is_incoming: bool,
    depth: int | None = None,
) -> Walk:
    """Breadth first, so that the first visit is the nearest; without `depth` as far as it goes."""
    distance = np.full(len(graph.definitions), _UNREACHED, np.int32)
    frontier = np.unique(np.array(start, np.int64))
    distance[frontier] = 0
    n_edges, level = 0, 0
    expand = _callers if is_incoming else _callees
    seen: Mask = np.zeros(len(distance), np.bool_)
    while len(frontier) and (depth is None or level < depth):
        level += 1
        there, n_walked = expand(graph, frontier, follows, seen)
        n_edges += n_walked
        new = there[distance[there] == _UNREACHED]
        distance[new] = level
        # Sorting what is new is dear where it is most of the graph.
        is_many = len(new) * 8 > len(distance)
        frontier = np.flatnonzero(distance == level) if is_many else np.unique(new)
    return Walk(is_incoming, distance, n_edges)


def _callers(graph: SymbolGraph, frontier: Ints, follows: Mask, seen: Mask) -> tuple[Ints, int]:
    """Sources of the edges to the frontier, and of calls of what it overrides, each base once."""
    edges = graph.edges
    arriving = edges.arriving(frontier)
    arriving = arriving[follows[arriving]]
    bases = graph.new_bases(frontier, seen)
    if len(bases):
        calls = edges.arriving(bases)
        calls = calls[follows[calls] & graph.dispatches[calls]]
        arriving = np.concatenate([arriving, calls])
    return edges.source[arriving].astype(np.int64), len(arriving)


def _callees(graph: SymbolGraph, frontier: Ints, follows: Mask, seen: Mask) -> tuple[Ints, int]:
    """Targets of the edges of the frontier, and their overrides where a call may dispatch."""
    edges = graph.edges
    leaving = edges.leaving(frontier)
    leaving = leaving[follows[leaving]]
    targets = edges.target[leaving].astype(np.int64)
    called = targets[graph.dispatches[leaving] & graph.has_override[targets]]
    overrides = graph.new_overrides(np.unique(called), seen)
    if len(overrides):
        targets = np.concatenate([targets, overrides])
    return targets, len(targets)


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


def nearest_first(graph: SymbolGraph, positions: Ints, distance: NDArray[np.int32]) -> Ints:
    """The positions by distance, then in the order of the source."""
    return positions[np.lexsort((graph.source_order[positions], distance[positions]))]


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
