"""The symbols of one generation and the edges between them, resident for fast walks.

Above: tracing and code paths. Below: rows of the index, loaded by the catalogue. A graph never
changes; a new generation is a new graph.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal, TypeAlias

from agentos_memory.model import EdgeKind, Tier, UnresolvedSite

TracedKind: TypeAlias = Literal["calls", "implements", "imports", "inherits", "references"]


@dataclass(frozen=True, slots=True)
class Definition:
    """One symbol as the graph knows it."""

    path: str
    qualified_name: str
    name: str
    kind: str
    start_line: int
    end_line: int
    signature: str

    @property
    def place(self) -> str:
        """`path:line`, which names the symbol even where its name is ambiguous."""
        return f"{self.path}:{self.start_line}"


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


class SymbolGraph:
    """Definitions with their relations in both directions."""

    def __init__(
        self,
        definitions: Sequence[Definition],
        relations: Sequence[Relation],
        unresolved: Sequence[UnresolvedSite],
    ) -> None:
        self.definitions = definitions
        self.outgoing: dict[int, list[Relation]] = defaultdict(list)
        self.incoming: dict[int, list[Relation]] = defaultdict(list)
        for relation in relations:
            self.outgoing[relation.source].append(relation)
            self.incoming[relation.target].append(relation)
        self._by_name: dict[str, list[int]] = defaultdict(list)
        self._by_path: dict[str, list[int]] = defaultdict(list)
        for position, definition in enumerate(definitions):
            self._by_name[definition.name].append(position)
            self._by_path[definition.path].append(position)
        self._unresolved: dict[str, list[UnresolvedSite]] = defaultdict(list)
        for site in unresolved:
            self._unresolved[site.callee].append(site)

    def find(self, symbol: str) -> list[int]:
        """Positions that `symbol` names: a qualified name, a dotted end of one, or `path:line`."""
        path, _, line = symbol.rpartition(":")
        if line.isdecimal() and path in self._by_path:
            return self._at_line(path, int(line))
        name = symbol.rpartition(".")[2].rpartition(":")[2]
        exact = [p for p in self._by_name[name] if self.definitions[p].qualified_name == symbol]
        if exact:
            return exact
        if symbol in self._by_path:
            return [p for p in self._by_path[symbol] if self.definitions[p].kind == "module"]
        # A module's name is the last part of its dotted name, which `name` above covers too.
        ends = ("." + symbol, ":" + symbol, "/" + symbol)
        return [
            p
            for p in self._by_name[name]
            if name == symbol or self.definitions[p].qualified_name.endswith(ends)
        ]

    def with_members(self, position: int) -> list[int]:
        """The definition itself, its other definitions of that name in the file (overloads)."""
        wanted = self.definitions[position]
        return [
            p
            for p in self._by_path[wanted.path]
            if self.definitions[p].qualified_name == wanted.qualified_name
        ]

    def unresolved_calls(self, name: str) -> list[UnresolvedSite]:
        """Calls of something called `name` whose target is not known."""
        return self._unresolved.get(name, [])

    def accepts(self, relation: Relation, kinds: AbstractSet[TracedKind], *, guesses: bool) -> bool:
        """Whether a walk over `kinds` follows the relation; guesses by name only when asked."""
        if relation.tier == "name_only" and not guesses:
            return False
        if relation.kind in kinds:
            return True
        target = self.definitions[relation.target]
        return relation.kind == "inherits" and "implements" in kinds and target.kind == "interface"

    def _at_line(self, path: str, line: int) -> list[int]:
        """The innermost definition around a line."""
        around = [
            p
            for p in self._by_path[path]
            if self.definitions[p].start_line <= line <= self.definitions[p].end_line
        ]
        around.sort(key=lambda p: self.definitions[p].end_line - self.definitions[p].start_line)
        return around[:1]
