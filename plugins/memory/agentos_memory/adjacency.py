"""The edges of a symbol graph as arrays, with those of each node in one piece, in both directions.

Above: the symbol graph and walks over it. Below: numpy. About 40 bytes an edge; an edge is a
number, and an object only when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from agentos_memory.model import EdgeKind, Tier

Ints: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]

KINDS: tuple[EdgeKind, ...] = get_args(EdgeKind)
TIERS: tuple[Tier, ...] = get_args(Tier)


@dataclass(frozen=True, slots=True)
class Relation:
    """One edge by positions in `SymbolGraph.definitions`; evidence is at `path:line`."""

    source: int
    target: int
    kind: EdgeKind
    tier: Tier
    path: str
    line: int
    confidence: float
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Rows:
    """The neighbours of each node in one direction, each named once."""

    starts: NDArray[np.int32]
    nodes: NDArray[np.int32]

    def of(self, nodes: NDArray[np.integer]) -> NDArray[np.int32]:
        """The neighbours of all these nodes; one of several is named as often."""
        first = self.starts[nodes]
        sizes = self.starts[nodes + 1] - first
        ends = np.cumsum(sizes, dtype=np.int32)
        total = int(ends[-1]) if len(ends) else 0
        at = np.repeat(first - (ends - sizes), sizes)
        at += np.arange(total, dtype=np.int32)
        found: NDArray[np.int32] = self.nodes[at]
        return found


class Adjacency:
    """Edges in order of their sources (compressed sparse rows), and an index by target.

    `source`, `target`, `kind`, `tier` and `rule` are by edge; the last three are positions in
    KINDS, TIERS and `rules`. Edges of one node keep the order in which they were given.
    """

    def __init__(self, n_nodes: int, relations: Iterable[Relation]) -> None:
        paths: dict[str, int] = {}
        rules: dict[str, int] = {}
        kind_code = {kind: n for n, kind in enumerate(KINDS)}
        tier_code = {tier: n for n, tier in enumerate(TIERS)}
        rows = [
            (
                r.source, r.target, kind_code[r.kind], tier_code[r.tier],
                rules.setdefault(r.rule, len(rules)), paths.setdefault(r.path, len(paths)), r.line,
                r.confidence,
            )
            for r in relations
        ]  # fmt: skip
        columns = list(zip(*rows, strict=True)) or [()] * 8
        source = np.array(columns[0], np.int32)
        order = np.argsort(source, kind="stable")
        self.source = source[order]
        self.target = np.array(columns[1], np.int32)[order]
        self.kind = np.array(columns[2], np.uint8)[order]
        self.tier = np.array(columns[3], np.uint8)[order]
        self.rule = np.array(columns[4], np.uint16)[order]
        self._path = np.array(columns[5], np.int32)[order]
        self._line = np.array(columns[6], np.int32)[order]
        self._confidence = np.array(columns[7], np.float64)[order]
        self.rules: Sequence[str] = tuple(rules)
        self._paths: Sequence[str] = tuple(paths)
        self._out_starts = _starts(self.source, n_nodes)
        self._by_target = np.argsort(self.target, kind="stable").astype(np.int32)
        self._in_starts = _starts(self.target[self._by_target], n_nodes)
        self.n_nodes = n_nodes

    def __len__(self) -> int:
        return len(self.source)

    def leaving(self, nodes: Ints) -> Ints:
        """The edges of these nodes."""
        return _ranges(self._out_starts, nodes)

    def arriving(self, nodes: Ints) -> Ints:
        """The edges to these nodes."""
        return self._by_target[_ranges(self._in_starts, nodes)].astype(np.int64)

    def sources_over(self, follows: Mask) -> Rows:
        """Who has an edge to each node, over some of the edges."""
        return _rows(self.target[follows], self.source[follows], self.n_nodes)

    def targets_over(self, follows: Mask) -> Rows:
        """To whom each node has an edge, over some of the edges."""
        return _rows(self.source[follows], self.target[follows], self.n_nodes)

    def relation(self, edge: int) -> Relation:
        """One edge as an object."""
        return Relation(
            int(self.source[edge]),
            int(self.target[edge]),
            KINDS[self.kind[edge]],
            TIERS[self.tier[edge]],
            self._paths[self._path[edge]],
            int(self._line[edge]),
            float(self._confidence[edge]),
            self.rules[self.rule[edge]],
        )

    def relations_from(self, node: int) -> list[Relation]:
        """The edges of one node."""
        first, last = self._out_starts[node], self._out_starts[node + 1]
        return [self.relation(edge) for edge in range(first, last)]

    def relations_to(self, node: int) -> list[Relation]:
        """The edges to one node."""
        first, last = self._in_starts[node], self._in_starts[node + 1]
        return [self.relation(int(edge)) for edge in self._by_target[first:last]]


def _rows(of: NDArray[np.int32], to: NDArray[np.int32], n_nodes: int) -> Rows:
    pairs = np.unique(of.astype(np.int64) * n_nodes + to)
    starts = _starts((pairs // max(n_nodes, 1)).astype(np.int32), n_nodes)
    return Rows(starts.astype(np.int32), (pairs % max(n_nodes, 1)).astype(np.int32))


def _starts(ordered: NDArray[np.int32], n_nodes: int) -> Ints:
    counts = np.bincount(ordered, minlength=n_nodes)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _ranges(starts: Ints, nodes: Ints) -> Ints:
    """All numbers of the ranges starts[n] .. starts[n + 1] - 1, in the order of the nodes."""
    first = starts[nodes]
    sizes = starts[nodes + 1] - first
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    numbers: Ints = np.arange(total, dtype=np.int64) + np.repeat(first - (ends - sizes), sizes)
    return numbers
