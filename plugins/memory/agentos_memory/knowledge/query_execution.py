"""Answers of queries over the resident graph, within limits of steps and time.

Patterns are matched one after the other, each from the end that has fewer candidates; an edge is
used once in a row, as openCypher says. Above: the tool. Below: the query's form, the graph.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from agentos import redact_text
from agentos_memory.knowledge.graph import KnowledgeGraph, Link, Node
from agentos_memory.knowledge.query_form import (
    Comparison,
    Condition,
    EdgePattern,
    NodePattern,
    PathPattern,
    Property,
    Query,
    Value,
)
from agentos_memory.knowledge.query_names import OWN_NODE_PROPERTIES
from agentos_memory.knowledge.query_table import QueryTable

MAX_STEPS = 1_000_000
TIME_LIMIT_S = 3.0

# A variable's node, its edge, or the edges of a step of several.
Bound: TypeAlias = int | Link | tuple[Link, ...]
Row: TypeAlias = Mapping[str, Bound]
Limit: TypeAlias = Literal["limit", "memory", "steps", "time"]


@dataclass(frozen=True, slots=True)
class Answer:
    """The columns' names, the rows, and which limit left rows out: that of the query itself, of
    values held, of steps or of time.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    cut_by: Limit | None


def run_query(graph: KnowledgeGraph, query: Query) -> Answer:
    """The answer; memory holds the rows asked for and one partial match, never all of them."""
    execution = _Execution(graph)
    rows: Iterator[Row] = iter([{}])
    for pattern in query.patterns:
        rows = execution.match(rows, pattern)
    table = QueryTable(query)
    for row in rows:
        if query.condition is None or execution.holds(query.condition, row):
            table.add([execution.value(each, row) for each in table.wanted])
            if table.is_full:
                break
    shown, has_more = table.rows()
    cut_by: Limit | None = execution.cut_by or ("memory" if table.is_over else None)
    if cut_by is None and has_more:
        cut_by = "limit"
    return Answer(tuple(item.label for item in query.items), tuple(shown), cut_by)


class _Execution:
    def __init__(self, graph: KnowledgeGraph) -> None:
        self._graph = graph
        self._deadline = time.monotonic() + TIME_LIMIT_S
        self._steps = 0
        self.cut_by: Limit | None = None

    def match(self, rows: Iterable[Row], pattern: PathPattern) -> Iterator[Row]:
        """The rows, each with every way in which the pattern fits."""
        for row in rows:
            ordered = self._from_fewest(pattern, row)
            for node in self._candidates(ordered.nodes[0], row):
                started = {**row, ordered.nodes[0].variable: node}
                yield from self._follow(ordered, 0, node, started, ())
                if self._is_over():
                    return

    def holds(self, condition: Condition, row: Row) -> bool:
        """Whether the row fulfils the condition; comparisons with null are false."""
        if isinstance(condition, Comparison):
            return self._compares(condition, row)
        results = (self.holds(part, row) for part in condition.parts)
        if condition.operator == "AND":
            return all(results)
        return any(results) if condition.operator == "OR" else not next(results)

    def _from_fewest(self, pattern: PathPattern, row: Row) -> PathPattern:
        """The pattern, turned around where its last node has fewer candidates."""
        first, last = pattern.nodes[0], pattern.nodes[-1]
        if self._selectivity(last, row) >= self._selectivity(first, row):
            return pattern
        return PathPattern(
            pattern.nodes[::-1],
            tuple(
                EdgePattern(e.variable, e.kinds, e.goes_left, e.goes_right, e.shortest, e.longest)
                for e in reversed(pattern.edges)
            ),
        )

    def _selectivity(self, node: NodePattern, row: Row) -> int:
        if node.variable in row:
            return 0
        named = next((v for name, v in node.properties if name == "name"), None)
        if isinstance(named, str):
            return 1
        if not node.kinds:
            return len(self._graph)
        return sum(len(self._graph.by_kind.get(kind, ())) for kind in node.kinds)

    def _candidates(self, pattern: NodePattern, row: Row) -> Iterator[int]:
        bound = row.get(pattern.variable)
        if bound is not None:
            candidates: Iterable[int] = [bound] if isinstance(bound, int) else ()
        elif pattern.kinds:
            candidates = [
                n for kind in sorted(pattern.kinds) for n in self._graph.by_kind.get(kind, ())
            ]
        else:
            candidates = range(len(self._graph))
        for node in candidates:
            self._steps += 1
            if self._is_over():
                return
            if self._fits(pattern, node):
                yield node

    def _fits(self, pattern: NodePattern, position: int) -> bool:
        node = self._graph.node(position)
        if pattern.kinds and node.kind not in pattern.kinds:
            return False
        return all(_node_value(node, position, name) == value for name, value in pattern.properties)

    def _follow(
        self, pattern: PathPattern, at: int, node: int, row: Row, used: tuple[Link, ...]
    ) -> Iterator[Row]:
        if at == len(pattern.edges):
            yield row
            return
        edge, wanted = pattern.edges[at], pattern.nodes[at + 1]
        for links, end in self._walks(edge, node, used):
            bound = row.get(wanted.variable)
            if (bound is not None and bound != end) or not self._fits(wanted, end):
                continue
            following = {**row, wanted.variable: end}
            following[edge.variable] = links[0] if edge.longest == 1 else links
            yield from self._follow(pattern, at + 1, end, following, (*used, *links))

    def _walks(
        self, edge: EdgePattern, start: int, used: tuple[Link, ...]
    ) -> Iterator[tuple[tuple[Link, ...], int]]:
        """Walks of the edge's lengths, the short ones first; only one is held at a time."""
        for length in range(edge.shortest, edge.longest + 1):
            n_found = 0
            for found in self._walks_of(edge, start, length, (), used):
                n_found += 1
                yield found
            # What cannot be walked this far cannot be walked farther.
            if n_found == 0 or self._is_over():
                return

    def _walks_of(
        self,
        edge: EdgePattern,
        node: int,
        left: int,
        links: tuple[Link, ...],
        used: tuple[Link, ...],
    ) -> Iterator[tuple[tuple[Link, ...], int]]:
        for link, end in self._steps_of(edge, node):
            if self._is_over():
                return
            if link in links or link in used:
                continue
            if left == 1:
                yield (*links, link), end
            else:
                yield from self._walks_of(edge, end, left - 1, (*links, link), used)

    def _steps_of(self, edge: EdgePattern, node: int) -> Iterator[tuple[Link, int]]:
        if edge.goes_right:
            for link in self._graph.leaving(node):
                self._steps += 1
                if not edge.kinds or link.kind in edge.kinds:
                    yield link, link.target
        if edge.goes_left:
            for link in self._graph.arriving(node):
                self._steps += 1
                if not edge.kinds or link.kind in edge.kinds:
                    yield link, link.source

    def value(self, wanted: Property, row: Row) -> Value:
        """What a property is in a row; None where the row has none."""
        bound = row.get(wanted.variable)
        if bound is None:
            return None
        if isinstance(bound, int):
            return _node_value(self._graph.node(bound), bound, wanted.name)
        if isinstance(bound, tuple):
            # A step of several edges shows its last one.
            bound = bound[-1]
        if wanted.name == "id":
            return f"{bound.source}-{bound.kind}-{bound.target}@{bound.path}:{bound.line}"
        value: Value = getattr(bound, wanted.name, None)
        return value

    def _compares(self, comparison: Comparison, row: Row) -> bool:
        left = self.value(comparison.left, row)
        right = comparison.right
        if isinstance(right, Property):
            right = self.value(right, row)
        if comparison.operator == "IS NULL":
            return left is None
        if comparison.operator == "IS NOT NULL":
            return left is not None
        if left is None or right is None:
            return False
        return _COMPARE[comparison.operator](left, right)

    def _is_over(self) -> bool:
        if self._steps > MAX_STEPS:
            self.cut_by = "steps"
        elif self._steps % 256 == 0 and time.monotonic() > self._deadline:
            self.cut_by = "time"
        return self.cut_by is not None


def _is_ordered(left: Any, right: Any) -> bool:
    is_text = isinstance(left, str), isinstance(right, str)
    return all(is_text) or not any(is_text)


def _both_texts(left: Any, right: Any) -> bool:
    return isinstance(left, str) and isinstance(right, str)


_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: bool(a == b),
    "<>": lambda a, b: bool(a != b),
    "<": lambda a, b: _is_ordered(a, b) and bool(a < b),
    "<=": lambda a, b: _is_ordered(a, b) and bool(a <= b),
    ">": lambda a, b: _is_ordered(a, b) and bool(a > b),
    ">=": lambda a, b: _is_ordered(a, b) and bool(a >= b),
    "STARTS WITH": lambda a, b: _both_texts(a, b) and a.startswith(b),
    "ENDS WITH": lambda a, b: _both_texts(a, b) and a.endswith(b),
    "CONTAINS": lambda a, b: _both_texts(a, b) and b in a,
    "IN": lambda a, b: a in b,
}


def _node_value(node: Node, position: int, name: str) -> Value:
    if name == "id":
        return position
    if name in OWN_NODE_PROPERTIES:
        value: Value = getattr(node, name)
        return value
    said = node.attributes.get(name)
    # Titles and subjects are what people wrote.
    return redact_text(said) if isinstance(said, str) else said
