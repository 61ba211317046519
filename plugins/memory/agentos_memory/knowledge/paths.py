"""Ways from one node to another over code and knowledge, the shortest and best proven first.

Data goes from a writer into a table and from the table to a reader, from a caller to what it
calls, from a service to what it depends on: that is the direction `flow`. `uses` follows every edge
from its source to its target; `either` follows all both ways. A step from a definition up to its
file or folder is taken only to go on over knowledge (the service it is deployed as), a step down
only from there, so that two functions are not related by standing in one file.
Above: the tool. Below: the graph.
"""

from __future__ import annotations

import heapq
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from agentos_memory.knowledge.graph import CODE_EDGE_KINDS, KnowledgeGraph, Link

FlowDirection: TypeAlias = Literal["flow", "uses", "either"]

# Steps that are considered, and seconds, before an answer is what was found so far.
MAX_STEPS = 300_000
TIME_LIMIT_S = 2.0
DEFAULT_KINDS = frozenset({
    "calls", "constructs", "callback", "decorates", "references", "overrides", "implements",
    "reads", "writes", "depends_on", "deployed_as", "configured_by", "contains",
})  # fmt: skip
# Which way data goes along an edge: with it, against it, or both.
_AGAINST = frozenset({"reads", "configured_by"})
_BOTH = frozenset({"deployed_as", "contains", "overrides", "implements"})
_OF_PARTS = frozenset({"deployed_as", "contains"})
# A step between a thing and its parts is no step of its own.
_PART_COST = 0.1
# That a service depends on another one says that they speak, not which code hears it.
_ENTERING_COST = 3.0


@dataclass(frozen=True, slots=True)
class Hop:
    """One step; `is_forward` tells whether it goes from the edge's source to its target."""

    link: Link
    is_forward: bool

    @property
    def start(self) -> int:
        """Where the step begins."""
        return self.link.source if self.is_forward else self.link.target

    @property
    def end(self) -> int:
        """Where it leads."""
        return self.link.target if self.is_forward else self.link.source


@dataclass(frozen=True, slots=True)
class Question:
    """From where to where.

    With `through` one of its nodes must be on the way, or a step that carries `field`, which is a
    plain field name.
    """

    start: AbstractSet[int]
    goal: AbstractSet[int]
    through: AbstractSet[int] | None
    kinds: AbstractSet[str]
    direction: FlowDirection
    max_depth: int
    limit: int
    guesses: bool = False
    field: str | None = None

    def is_passed_by(self, link: Link, end: int) -> bool:
        """Whether a step to `end` is through what the way must go through."""
        if self.through is None or end in self.through:
            return True
        return self.field is not None and bool(link.carries) and self.field in link.fields


@dataclass(frozen=True, slots=True)
class Paths:
    """Paths in order, what was reached from the start, and whether a limit cut the search."""

    paths: tuple[tuple[Hop, ...], ...]
    reached: frozenset[int]
    is_cut: bool


_Move: TypeAlias = Literal["start", "up", "down", "code", "knowledge"]


@dataclass(frozen=True, slots=True)
class _State:
    """A partial path, linked to the one before it."""

    node: int
    move: _Move
    depth: int
    passed: bool
    hop: Hop | None
    before: _State | None

    def holds(self, node: int) -> bool:
        """Whether the path has been at the node."""
        state: _State | None = self
        while state is not None:
            if state.node == node:
                return True
            state = state.before
        return False

    def enters(self, hop: Hop) -> bool:
        """Whether a step goes down into code after the path has gone from service to service."""
        is_down = hop.link.kind == "contains" and hop.is_forward and self.move == "knowledge"
        return is_down and any(each.link.kind == "depends_on" for each in self.hops())

    def hops(self) -> tuple[Hop, ...]:
        """The path's steps in order."""
        found = []
        state: _State | None = self
        while state is not None and state.hop is not None:
            found.append(state.hop)
            state = state.before
        return tuple(reversed(found))


def find_paths(graph: KnowledgeGraph, question: Question) -> Paths:
    """Up to `limit` paths without repeated nodes, within `max_depth` steps."""
    search = _Search(graph, question)
    distances = search.distances()
    found: list[tuple[Hop, ...]] = []
    for hops in search.run(distances):
        found.append(hops)
        if len(found) >= question.limit:
            break
    reached = search.reached if found else search.reach()
    return Paths(tuple(found), frozenset(reached), search.is_cut)


def find_paths_into(graph: KnowledgeGraph, question: Question) -> Paths:
    """Paths that reach a part of the goal and then end in what they must go through.

    A value that is stored by the goal ends there: no way leads on from the column to the service.
    """
    if not question.through:
        return Paths((), frozenset(), False)
    parts = frozenset(_parts(graph, question.goal))
    into = replace(question, goal=question.through, through=parts, field=None)
    return find_paths(graph, into)


def _parts(graph: KnowledgeGraph, nodes: AbstractSet[int]) -> set[int]:
    """What services are deployed as, and the code in it."""
    found = set(nodes)
    queue = deque(nodes)
    while queue:
        here = queue.popleft()
        linked = [link.target for link in graph.leaving(here) if link.kind in _OF_PARTS]
        linked += [link.source for link in graph.arriving(here) if link.kind == "deployed_as"]
        for there in linked:
            if there not in found:
                found.add(there)
                queue.append(there)
    return found


class _Search:
    """Uniform-cost search that visits a node as often as paths are wanted."""

    def __init__(self, graph: KnowledgeGraph, question: Question) -> None:
        self._graph = graph
        self._question = question
        self._deadline = time.monotonic() + TIME_LIMIT_S
        self._steps = 0
        self.reached: set[int] = set(question.start)
        self.is_cut = False

    def distances(self) -> dict[int, int]:
        """Fewest steps from a node to the goal, as a bound: parts and moves are not looked at."""
        distances = dict.fromkeys(self._question.goal, 0)
        queue = deque(distances)
        while queue and not self._is_over():
            here = queue.popleft()
            for hop in self._hops(here, is_backward=True):
                there = hop.start
                cost = 0 if hop.link.kind == "contains" else 1
                distance = distances[here] + cost
                if distance <= self._question.max_depth and distance < distances.get(
                    there, self._question.max_depth + 1
                ):
                    distances[there] = distance
                    (queue.append if cost else queue.appendleft)(there)
        return distances

    def run(self, distances: dict[int, int]) -> Iterator[tuple[Hop, ...]]:
        """Paths, cheapest first."""
        question = self._question
        heap: list[tuple[float, int, _State]] = []
        order = 0
        for node in sorted(question.start):
            passed = question.through is None or node in question.through
            heap.append((0.0, order, _State(node, "start", 0, passed, None, None)))
            order += 1
        visits: Counter[tuple[int, _Move, bool]] = Counter()
        while heap and not self._is_over():
            cost, _, state = heapq.heappop(heap)
            if state.node in question.goal and state.passed and state.hop is not None:
                yield state.hops()
                continue
            key = (state.node, state.move, state.passed)
            visits[key] += 1
            if visits[key] > question.limit:
                continue
            self.reached.add(state.node)
            for hop, move in self._next(state):
                depth = state.depth + (hop.link.kind != "contains")
                left = distances.get(hop.end)
                if left is None or depth + left > question.max_depth or state.holds(hop.end):
                    continue
                passed = state.passed or question.is_passed_by(hop.link, hop.end)
                following = _State(hop.end, move, depth, passed, hop, state)
                entering = _ENTERING_COST if state.enters(hop) else 0.0
                heapq.heappush(heap, (cost + _cost(hop.link) + entering, order, following))
                order += 1

    def reach(self) -> set[int]:
        """Everything within `max_depth` steps of the start, wherever it leads."""
        started = [_State(n, "start", 0, True, None, None) for n in self._question.start]
        seen = {(state.node, state.move) for state in started}
        queue = deque(started)
        while queue and not self._is_over():
            state = queue.popleft()
            for hop, move in self._next(state):
                depth = state.depth + (hop.link.kind != "contains")
                if depth <= self._question.max_depth and (hop.end, move) not in seen:
                    seen.add((hop.end, move))
                    following = _State(hop.end, move, depth, True, None, None)
                    (queue.append if depth > state.depth else queue.appendleft)(following)
        return {node for node, _ in seen}

    def _next(self, state: _State) -> list[tuple[Hop, _Move]]:
        """Allowed steps, of several to one node the best proven, so that paths differ by nodes."""
        best: dict[tuple[int, _Move], Hop] = {}
        for hop in self._hops(state.node, is_backward=False):
            move = _move(state.move, hop)
            if move is None or (self._is_to_user(hop) and state.move != "knowledge"):
                continue
            other = best.get((hop.end, move))
            if other is None or _cost(hop.link) < _cost(other.link):
                best[hop.end, move] = hop
        return [(hop, move) for (_, move), hop in best.items()]

    def _hops(self, node: int, *, is_backward: bool) -> Iterator[Hop]:
        """Steps from a node, or to it."""
        for link in self._graph.leaving(node):
            if self._accepts(link, is_forward=not is_backward):
                yield Hop(link, not is_backward)
        for link in self._graph.arriving(node):
            if self._accepts(link, is_forward=is_backward):
                yield Hop(link, is_backward)

    def _accepts(self, link: Link, *, is_forward: bool) -> bool:
        self._steps += 1
        if link.kind not in self._question.kinds:
            return False
        if link.tier == "name_only" and not self._question.guesses:
            return False
        direction = self._question.direction
        if direction == "either" or link.kind == "contains":
            return True
        if link.kind == "references" and direction == "flow" and not is_forward:
            return self._graph.node(link.target).kind == "variable"
        if direction == "uses" or link.kind not in _AGAINST | _BOTH:
            return is_forward
        return link.kind in _BOTH or not is_forward

    def _is_to_user(self, hop: Hop) -> bool:
        """From a constant to who uses it: part of a flow only where data comes into the constant.

        A statement in a constant reads the table for the functions that run it.
        """
        is_back = hop.link.kind == "references" and not hop.is_forward
        return is_back and self._question.direction == "flow"

    def _is_over(self) -> bool:
        if self._steps > MAX_STEPS or time.monotonic() > self._deadline:
            self.is_cut = True
        return self.is_cut


def _move(before: _Move, hop: Hop) -> _Move | None:
    """What kind of step it is; None where it may not follow the one before."""
    if hop.link.kind == "contains":
        if hop.is_forward:
            return "down" if before in ("start", "knowledge", "down") else None
        return "up" if before != "down" else None
    if hop.link.is_code:
        return "code" if before != "up" else None
    return "knowledge"


def unresolved_among(graph: KnowledgeGraph, nodes: AbstractSet[int]) -> int:
    """Calls with an unknown target in the definitions among `nodes`: ways that nobody knows."""
    callers = {
        (d.path, d.qualified_name)
        for d in (graph.code.definitions[n] for n in nodes if graph.is_code(n))
    }
    return sum((site.path, site.caller) in callers for site in graph.code.unresolved_sites())


def accepted_kinds(kinds: Sequence[str] | None) -> frozenset[str]:
    """The kinds that a search follows; steps to parts are always among them."""
    if not kinds:
        return DEFAULT_KINDS
    followed = {"contains", *kinds}
    if "calls" in followed:
        followed |= {"constructs", "overrides"} & set(CODE_EDGE_KINDS)
    return frozenset(followed)


def _cost(link: Link) -> float:
    """One per step, more for what is less sure: a proven way goes before a guess as long."""
    if link.kind == "contains":
        return _PART_COST
    return 1.0 + 0.5 * (1.0 - link.confidence)
