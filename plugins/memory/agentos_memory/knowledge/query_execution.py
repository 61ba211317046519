"""Answers of queries over the resident graph, within limits of steps and time.

Patterns are matched one after the other, each from the end that has fewer candidates; an edge is
used once in a row, as openCypher says. Above: the tool. Below: the query's form, the graph.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from agentos import InvalidArgumentError
from agentos_memory.knowledge.graph import (
    CODE_EDGE_KINDS,
    CODE_KINDS,
    KnowledgeGraph,
    Link,
    Node,
)
from agentos_memory.knowledge.model import EDGE_KINDS, ENTITY_KINDS
from agentos_memory.knowledge.query_form import (
    Combination,
    Comparison,
    Condition,
    EdgePattern,
    Item,
    NodePattern,
    PathPattern,
    Property,
    Query,
    Value,
)

MAX_STEPS = 1_000_000
MAX_ROWS = 20_000
TIME_LIMIT_S = 3.0

_NODE_KINDS = frozenset({*ENTITY_KINDS, *CODE_KINDS})
_ALL_EDGE_KINDS = frozenset({*EDGE_KINDS, *CODE_EDGE_KINDS})
_NODE_PROPERTIES = frozenset({
    "id", "kind", "name", "path", "line", "end_line", "tier", "confidence", "rule",
})  # fmt: skip
_EDGE_PROPERTIES = frozenset({"id", "kind", "path", "line", "tier", "confidence", "rule"})
# Facts of entities that queries may ask for; attributes are open, these are those that exist.
_ATTRIBUTES = frozenset({
    "title", "subject", "committed_at", "model", "app", "field", "labels", "selector", "namespace",
    "type", "address", "revision",
})  # fmt: skip

# A variable's node, its edge, or the edges of a step of several.
Bound: TypeAlias = int | Link | tuple[Link, ...]
Row: TypeAlias = Mapping[str, Bound]


@dataclass(frozen=True, slots=True)
class Answer:
    """The columns' names, the rows, and whether limits left rows out."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    is_cut: bool


def run_query(graph: KnowledgeGraph, query: Query) -> Answer:
    """The answer; InvalidArgumentError for kinds and properties that do not exist."""
    _check(query)
    execution = _Execution(graph)
    rows: Iterator[Row] = iter([{}])
    for pattern in query.patterns:
        rows = execution.match(rows, pattern)
    found = []
    for row in rows:
        if query.condition is None or execution.holds(query.condition, row):
            found.append(row)
            if len(found) >= MAX_ROWS:
                execution.is_cut = True
                break
    table = execution.table(query.items, found)
    if query.is_distinct:
        table = list(dict.fromkeys(table))
    for position, descends in reversed(query.order):
        table.sort(key=lambda row: _sort_key(row[position]), reverse=descends)
    shown = table[query.skip : query.skip + query.limit]
    is_cut = execution.is_cut or len(table) > query.skip + query.limit
    return Answer(tuple(item.label for item in query.items), tuple(shown), is_cut)


class _Execution:
    def __init__(self, graph: KnowledgeGraph) -> None:
        self._graph = graph
        self._deadline = time.monotonic() + TIME_LIMIT_S
        self._steps = 0
        self.is_cut = False

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

    def table(self, items: Sequence[Item], rows: Sequence[Row]) -> list[tuple[Value, ...]]:
        """The columns of the rows; rows that differ in counts only are counted as one."""
        if not any(item.is_count for item in items):
            return [tuple(self._item(item, row) for item in items) for row in rows]
        groups: dict[tuple[Value, ...], list[Row]] = {}
        for row in rows:
            key = tuple(self._item(item, row) for item in items if not item.is_count)
            groups.setdefault(key, []).append(row)
        if not groups and all(item.is_count for item in items):
            groups[()] = []
        return [self._counted(items, key, members) for key, members in groups.items()]

    def _counted(
        self, items: Sequence[Item], key: tuple[Value, ...], rows: Sequence[Row]
    ) -> tuple[Value, ...]:
        plain = iter(key)
        found: list[Value] = []
        for item in items:
            if not item.is_count:
                found.append(next(plain))
            elif item.property is None:
                found.append(len(rows))
            else:
                values = [v for row in rows if (v := self._item(item, row)) is not None]
                found.append(len(set(values) if item.is_distinct else values))
        return tuple(found)

    def _item(self, item: Item, row: Row) -> Value:
        return None if item.property is None else self._value(item.property, row)

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
        pending: list[tuple[tuple[Link, ...], int]] = [((), start)]
        for length in range(1, edge.longest + 1):
            grown = []
            for links, node in pending:
                for link, end in self._steps_of(edge, node):
                    if self._is_over():
                        return
                    if link not in links and link not in used:
                        grown.append(((*links, link), end))
                        if length >= edge.shortest:
                            yield grown[-1]
            pending = grown

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

    def _value(self, wanted: Property, row: Row) -> Value:
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
        left = self._value(comparison.left, row)
        right = comparison.right
        if isinstance(right, Property):
            right = self._value(right, row)
        if comparison.operator == "IS NULL":
            return left is None
        if comparison.operator == "IS NOT NULL":
            return left is not None
        if left is None or right is None:
            return False
        return _COMPARE[comparison.operator](left, right)

    def _is_over(self) -> bool:
        if self._steps > MAX_STEPS or (
            self._steps % 256 == 0 and time.monotonic() > self._deadline
        ):
            self.is_cut = True
        return self.is_cut


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
    if name in _NODE_PROPERTIES:
        value: Value = getattr(node, name)
        return value
    return node.attributes.get(name)


def _sort_key(value: Value) -> tuple[int, float, str]:
    """Numbers before texts, null last."""
    if value is None:
        return 2, 0.0, ""
    return (1, 0.0, value) if isinstance(value, str) else (0, float(value), "")


def _check(query: Query) -> None:
    """Refuse names that no node or edge can have: an empty answer would look like a fact."""
    edges = {edge.variable for pattern in query.patterns for edge in pattern.edges}
    for pattern in query.patterns:
        for node in pattern.nodes:
            _known("kind of node", node.kinds, _NODE_KINDS)
            _known("property", [n for n, _ in node.properties], _NODE_PROPERTIES | _ATTRIBUTES)
        for edge in pattern.edges:
            _known("kind of edge", edge.kinds, _ALL_EDGE_KINDS)
    asked = [item.property for item in query.items if item.property is not None]
    if query.condition is not None:
        asked += _properties(query.condition)
    for each in asked:
        allowed = _EDGE_PROPERTIES if each.variable in edges else _NODE_PROPERTIES | _ATTRIBUTES
        _known("property", [each.name], allowed)


def _properties(condition: Condition) -> list[Property]:
    if isinstance(condition, Combination):
        return [each for part in condition.parts for each in _properties(part)]
    right = [condition.right] if isinstance(condition.right, Property) else []
    return [condition.left, *right]


def _known(what: str, given: Iterable[str], allowed: frozenset[str]) -> None:
    for name in given:
        if name not in allowed:
            raise InvalidArgumentError(
                f"there is no {what} {name[:100]!r}",
                remedy=f"use one of: {', '.join(sorted(allowed))}",
            )
