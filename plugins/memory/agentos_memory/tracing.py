"""Walks over the symbol graph: who reaches a symbol, what it reaches, how one gets to another.

Pure functions over a `SymbolGraph`; above are the tools, which turn results into wire models.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal, TypeAlias

from agentos_memory.graph import Relation, SymbolGraph, TracedKind

Direction: TypeAlias = Literal["callers", "callees", "both"]


@dataclass(frozen=True, slots=True)
class Trace:
    """Reached positions with their distance, nearest first, and the relations walked over."""

    depths: dict[int, int]
    relations: tuple[Relation, ...]

    def modules(self, graph: SymbolGraph) -> set[str]:
        """Folders of the reached files; what a person calls a module of the code base."""
        return {str(PurePosixPath(graph.definitions[p].path).parent) for p in self.depths}


def trace(
    graph: SymbolGraph,
    start: list[int],
    *,
    direction: Direction,
    kinds: AbstractSet[TracedKind],
    depth: int,
    guesses: bool = False,
) -> Trace:
    """Everything within `depth` steps of `start`, which itself is left out.

    `both` walks callers of callers and callees of callees, never callers of callees: what shares
    a callee with the symbol does not depend on it.
    """
    depths: dict[int, int] = {}
    relations: dict[Relation, None] = {}
    for wanted, is_incoming in (("callers", True), ("callees", False)):
        if direction in (wanted, "both"):
            _walk(graph, start, is_incoming, kinds, depth, guesses, depths, relations)
    definitions = graph.definitions
    ordered = sorted(
        depths,
        key=lambda p: (depths[p], definitions[p].path, definitions[p].start_line, p),
    )
    return Trace({p: depths[p] for p in ordered}, tuple(sorted(relations, key=_evidence_order)))


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
        for relation in sorted(graph.outgoing.get(here, ()), key=_trust_order):
            if relation.target not in came_by and graph.accepts(relation, kinds, guesses=False):
                came_by[relation.target] = relation
                queue.append(relation.target)
    return None


def _walk(
    graph: SymbolGraph,
    start: list[int],
    is_incoming: bool,
    kinds: AbstractSet[TracedKind],
    depth: int,
    guesses: bool,
    depths: dict[int, int],
    relations: dict[Relation, None],
) -> None:
    """Breadth first, so that the first visit is the nearest; a cycle ends at what was seen."""
    seen, frontier = set(start), list(start)
    for distance in range(1, depth + 1):
        reached = []
        for here in frontier:
            for relation in (graph.incoming if is_incoming else graph.outgoing).get(here, ()):
                if not graph.accepts(relation, kinds, guesses=guesses):
                    continue
                relations[relation] = None
                there = relation.source if is_incoming else relation.target
                if there not in seen:
                    seen.add(there)
                    reached.append(there)
                    depths[there] = min(distance, depths.get(there, distance))
        frontier = reached


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
