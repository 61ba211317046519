"""The edges of a symbol graph as arrays, with those of each node in one piece, in both directions.

Above: the symbol graph and walks over it. Below: numpy. About 40 bytes an edge; an edge is a
number, and an object only when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from agentos_memory.model import EdgeKind, Tier

Ints: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]

KINDS: tuple[EdgeKind, ...] = get_args(EdgeKind)
TIERS: tuple[Tier, ...] = get_args(Tier)


_COLUMNS = ("source", "target", "kind", "tier", "rule", "_path", "_line", "_confidence")


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
    """The neighbours of each node in one direction, each named once; `sizes` counts edges."""

    starts: Ints
    # As wide as what numpy indexes with: narrower numbers would be widened at every step.
    nodes: Ints
    sizes: NDArray[np.int32]

    def of(self, nodes: Ints) -> Ints:
        """The neighbours of all these nodes; one of several is named as often."""
        return self.nodes[_ranges(self.starts, nodes)]

    def leading_to(self, wanted: Mask, nodes: Ints) -> Ints:
        """Those of `nodes` that have a wanted neighbour; one with several is named as often."""
        hits = np.flatnonzero(wanted[self.of(nodes)])
        ends = np.cumsum(self.starts[nodes + 1] - self.starts[nodes])
        return nodes[np.searchsorted(ends, hits, side="right")]

    def n_edges(self, nodes: Ints) -> int:
        """How many edges lead from these nodes to their neighbours."""
        return int(self.sizes[nodes].sum())


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
        self.n_nodes = n_nodes
        self.rules: Sequence[str] = tuple(rules)
        self._paths: Sequence[str] = tuple(paths)
        self.source = np.array(columns[0], np.int32)
        self.target = np.array(columns[1], np.int32)
        self.kind = np.array(columns[2], np.uint8)
        self.tier = np.array(columns[3], np.uint8)
        self.rule = np.array(columns[4], np.uint16)
        self._path = np.array(columns[5], np.int32)
        self._line = np.array(columns[6], np.int32)
        self._confidence = np.array(columns[7], np.float64)
        self._arrange()

    def _arrange(self) -> None:
        order = np.argsort(self.source, kind="stable")
        for name in _COLUMNS:
            setattr(self, name, getattr(self, name)[order])
        self._out_starts = _starts(self.source, self.n_nodes)
        self._by_target = np.argsort(self.target, kind="stable").astype(np.int32)
        self._in_starts = _starts(self.target[self._by_target], self.n_nodes)

    def exchanged(self, without: Mask, relations: Iterable[Relation]) -> Adjacency:
        """These edges except those `without`, and `relations`; in milliseconds."""
        added = Adjacency(self.n_nodes, relations)
        rules = {rule: n for n, rule in enumerate(self.rules)}
        paths = {path: n for n, path in enumerate(self._paths)}
        rule_code = [rules.setdefault(rule, len(rules)) for rule in added.rules]
        path_code = [paths.setdefault(path, len(paths)) for path in added._paths]
        added.rule = np.array(rule_code, np.uint16)[added.rule]
        added._path = np.array(path_code, np.int32)[added._path]
        other = copy(self)
        other.rules, other._paths = tuple(rules), tuple(paths)
        for name in _COLUMNS:
            kept = getattr(self, name)[~without]
            setattr(other, name, np.concatenate([kept, getattr(added, name)]))
        other._arrange()
        return other

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
    pairs = np.sort(of.astype(np.int64) * n_nodes + to)
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    starts = _starts((pairs // max(n_nodes, 1)).astype(np.int32), n_nodes)
    sizes = np.bincount(of, minlength=n_nodes).astype(np.int32)
    return Rows(starts, pairs % max(n_nodes, 1), sizes)


def _starts(ordered: NDArray[np.int32], n_nodes: int) -> Ints:
    counts = np.bincount(ordered, minlength=n_nodes)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _ranges(starts: Ints, nodes: Ints) -> Ints:
    """All numbers of the ranges starts[n] .. starts[n + 1] - 1, in the order of the nodes."""
    first = starts[nodes]
    sizes = starts[nodes + 1] - first
    ends = np.cumsum(sizes)
    numbers: Ints = np.repeat(first - (ends - sizes), sizes)
    numbers += np.arange(len(numbers), dtype=np.int64)
    return numbers
