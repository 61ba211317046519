"""The symbols of one generation and the edges between them, resident for fast walks.

Above: tracing and code paths. Below: rows of the index, loaded by the catalogue. A graph never
changes; a new generation is a new graph.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from copy import copy
from dataclasses import dataclass, replace
from itertools import chain
from typing import Literal, TypeAlias

import numpy as np

from agentos_memory.adjacency import KINDS, TIERS, Adjacency, Ints, Mask, Relation, Rows
from agentos_memory.languages import find_language
from agentos_memory.model import EdgeKind, UnresolvedSite
from agentos_memory.naming_of_tests import is_test_path

TracedKind: TypeAlias = Literal[
    "calls",
    "implements",
    "imports",
    "inherits",
    "references",
    "constructs",
    "overrides",
    "decorates",
    "callback",
    "fixture",
]

# Finer kinds that a walk over a coarser one follows too. To decorate is to be called.
_FOLLOWED: Mapping[EdgeKind, AbstractSet[TracedKind]] = {
    "constructs": frozenset({"calls"}),
    "decorates": frozenset({"calls", "references"}),
    "callback": frozenset({"references"}),
    "fixture": frozenset({"references"}),
    "implements": frozenset({"inherits"}),
}
_NOTHING: frozenset[TracedKind] = frozenset()
# Rules of calls that name one function and no other, whatever the receiver turns out to be.
_STATIC_RULES = frozenset({
    "super", "class member", "module member", "import", "star import", "scope", "constructor",
    "base class",
})  # fmt: skip
_FUNCTIONS = frozenset({"function", "method"})
_CONSTRUCTORS = frozenset({"__init__", "__new__", "constructor"})
_MAY_DISPATCH_CONFIDENCE = 0.5


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


class SymbolGraph:
    """Definitions with their relations in both directions."""

    def __init__(
        self,
        definitions: Sequence[Definition],
        relations: Iterable[Relation],
        unresolved: Sequence[UnresolvedSite],
    ) -> None:
        self.definitions = definitions
        self._overridden: dict[int, list[int]] = defaultdict(list)
        self._overriding: dict[int, list[int]] = defaultdict(list)
        self.edges = Adjacency(len(definitions), relations)
        self._derive()
        self._by_name: dict[str, list[int]] = defaultdict(list)
        self._by_path: dict[str, list[int]] = defaultdict(list)
        for position, definition in enumerate(definitions):
            self._by_name[definition.name].append(position)
            self._by_path[definition.path].append(position)
        self._unresolved: dict[str, list[UnresolvedSite]] = defaultdict(list)
        for site in unresolved:
            self._unresolved[site.callee].append(site)
        ordered = sorted(range(len(definitions)), key=self._place_of)
        self.source_order: Ints = np.empty(len(definitions), np.int64)
        self.source_order[ordered] = np.arange(len(definitions))
        tests = {path for path in self._by_path if is_test_path(path)}
        self.is_test: Mask = np.array([d.path in tests for d in definitions], np.bool_)
        self.is_public: Mask = np.array(
            [_is_public(d.qualified_name) for d in definitions], np.bool_
        )
        # Tests themselves: no fixtures, no classes, no modules.
        self.is_test_function: Mask = self.is_test & np.array(
            [d.name.lower().startswith("test") and d.kind in _FUNCTIONS for d in definitions],
            np.bool_,
        )
        files = {path: n for n, path in enumerate(self._by_path)}
        folders: dict[str, int] = {}
        folder_of = [folders.setdefault(p.rpartition("/")[0], len(folders)) for p in files]
        self._file: Ints = np.array([files[d.path] for d in definitions], np.int64)
        self._folder: Ints = np.array(folder_of, np.int64)

    def _place_of(self, position: int) -> tuple[str, int, int]:
        definition = self.definitions[position]
        return definition.path, definition.start_line, position

    def _derive(self) -> None:
        """What follows from the edges alone."""
        edges = self.edges
        for edge in np.flatnonzero(edges.kind == KINDS.index("overrides")):
            source, target = int(edges.source[edge]), int(edges.target[edge])
            self._overridden[source].append(target)
            self._overriding[target].append(source)
        self.has_base: Mask = np.zeros(len(self.definitions), np.bool_)
        self.has_base[
            [p for p in self._overridden if self.definitions[p].name not in _CONSTRUCTORS]
        ] = True
        is_override = edges.kind == KINDS.index("overrides")
        self._overrides = edges.sources_over(is_override)
        self._bases = edges.targets_over(is_override)
        self.has_override: Mask = np.zeros(len(self.definitions), np.bool_)
        self.has_override[list(self._overriding)] = True
        static = np.array([rule in _STATIC_RULES for rule in edges.rules], np.bool_)
        self.dispatches: Mask = (edges.kind == KINDS.index("calls")) & (
            edges.tier != TIERS.index("name_only")
        )
        if len(edges):
            self.dispatches &= ~static[edges.rule]
        self._sources: dict[AbstractSet[TracedKind], tuple[Rows, Rows]] = {}
        self._used: dict[AbstractSet[TracedKind], Mask] = {}
        self._followed: dict[tuple[AbstractSet[TracedKind], bool], Mask] = {}

    def follows(self, kinds: AbstractSet[TracedKind], *, guesses: bool) -> Mask:
        """By edge, whether a walk over `kinds` follows it; what `accepts` says of each."""
        known = self._followed.get((kinds, guesses))
        if known is None:
            known = self._followed[frozenset(kinds), guesses] = self._find_followed(kinds, guesses)
        return known

    def _find_followed(self, kinds: AbstractSet[TracedKind], guesses: bool) -> Mask:
        edges = self.edges
        accepted = np.array(
            [kind in kinds or not kinds.isdisjoint(_FOLLOWED.get(kind, _NOTHING)) for kind in KINDS]
        )
        mask: Mask = accepted[edges.kind]
        if "implements" in kinds:
            is_interface = np.array([d.kind == "interface" for d in self.definitions], np.bool_)
            mask |= (edges.kind == KINDS.index("inherits")) & is_interface[edges.target]
        if not guesses:
            mask &= edges.tier != TIERS.index("name_only")
        return mask

    def sources_over(self, kinds: AbstractSet[TracedKind]) -> tuple[Rows, Rows]:
        """Who reaches each definition in one step, and who by a call that may dispatch."""
        known = self._sources.get(kinds)
        if known is None:
            follows = self.follows(kinds, guesses=False)
            rows = self.edges.sources_over
            known = rows(follows), rows(follows & self.dispatches)
            self._sources[frozenset(kinds)] = known
        return known

    def used_outside_tests(self, kinds: AbstractSet[TracedKind]) -> Mask:
        """By definition, whether other code than tests reaches it, or what it overrides."""
        known = self._used.get(kinds)
        if known is None:
            known = self._used[frozenset(kinds)] = self._find_used(kinds)
        return known

    def _find_used(self, kinds: AbstractSet[TracedKind]) -> Mask:
        edges = self.edges
        counts = self.follows(kinds, guesses=False) & (edges.source != edges.target)
        counts &= ~self.is_test[edges.source]
        used: Mask = np.zeros(len(self.definitions), np.bool_)
        used[edges.target[counts]] = True
        by_override = [p for p in self._overridden if any(used[base] for base in self.bases_of(p))]
        used[by_override] = True
        return used

    def n_files_of(self, positions: Ints) -> tuple[int, int]:
        """In how many files definitions are, and in how many folders."""
        is_there = np.zeros(len(self._folder), np.bool_)
        is_there[self._file[positions]] = True
        return int(is_there.sum()), len(np.unique(self._folder[is_there]))

    def incoming_of(self, position: int) -> list[Relation]:
        """The stored relations to a definition."""
        return self.edges.relations_to(position)

    def bases_of(self, position: int) -> Iterator[int]:
        """What the method overrides, directly or not; nothing for constructors."""
        if position in self._overridden and self.definitions[position].name not in _CONSTRUCTORS:
            yield from _closure(position, self._overridden)

    def new_bases(self, positions: Ints, seen: Mask) -> Ints:
        """The bases of all of them that are not in `seen`, which grows by them."""
        return _spread(positions[self.has_base[positions]], self._bases, seen)

    def new_overrides(self, positions: Ints, seen: Mask) -> Ints:
        """The overrides of all of them that are not in `seen`, which grows by them."""
        return _spread(positions[self.has_override[positions]], self._overrides, seen)

    def overrides_of(self, position: int) -> Iterator[int]:
        """The methods that override it, directly or not."""
        if position in self._overriding:
            yield from _closure(position, self._overriding)

    def find(self, symbol: str) -> list[int]:
        """Positions that `symbol` names: a qualified name, a dotted end of one, or `path:line`."""
        path, _, line = symbol.rpartition(":")
        if line.isdecimal() and path in self._by_path:
            return self.at_line(path, int(line))
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

    def paths_of(self, language: str) -> list[str]:
        """The indexed files of a language."""
        found = ((path, find_language(path)) for path in self._by_path)
        return sorted(path for path, each in found if each is not None and each.name == language)

    def with_callers(self, positions: Sequence[int], relations: Sequence[Relation]) -> SymbolGraph:
        """This graph with `relations` in place of the calls of the symbol at `positions`."""
        edges = self.edges
        replaced = (edges.kind == KINDS.index("calls")) & np.isin(edges.target, positions)
        kept = (edges.relation(int(edge)) for edge in np.flatnonzero(~replaced))
        other = copy(self)
        other._overridden, other._overriding = defaultdict(list), defaultdict(list)
        other.edges = Adjacency(len(self.definitions), chain(kept, relations))
        other._derive()
        return other

    def unresolved_calls(self, name: str) -> list[UnresolvedSite]:
        """Calls of something called `name` whose target is not known."""
        return self._unresolved.get(name, [])

    def unresolved_sites(self) -> Iterator[UnresolvedSite]:
        """Every call whose target is not known."""
        for sites in self._unresolved.values():
            yield from sites

    def members(self, path: str) -> Sequence[int]:
        """The definitions of a file, the module among them."""
        return self._by_path.get(path, ())

    def arriving(self, position: int) -> Iterator[Relation]:
        """Relations to a definition, with calls of what it overrides, which may dispatch to it."""
        yield from self.incoming_of(position)
        for base in self.bases_of(position):
            for call in self.incoming_of(base):
                if _dispatches(call):
                    yield dispatched(call, position)

    def leaving(self, position: int) -> Iterator[Relation]:
        """Relations of a definition, with the overrides that its calls may dispatch to."""
        for relation in self.edges.relations_from(position):
            yield relation
            if _dispatches(relation):
                for override in self.overrides_of(relation.target):
                    yield dispatched(relation, override)

    def accepts(self, relation: Relation, kinds: AbstractSet[TracedKind], *, guesses: bool) -> bool:
        """Whether a walk over `kinds` follows the relation; guesses by name only when asked."""
        if relation.tier == "name_only" and not guesses:
            return False
        if relation.kind in kinds or not kinds.isdisjoint(_FOLLOWED.get(relation.kind, _NOTHING)):
            return True
        target = self.definitions[relation.target]
        return relation.kind == "inherits" and "implements" in kinds and target.kind == "interface"

    def at_line(self, path: str, line: int) -> list[int]:
        """The position of the innermost definition around a line; none where the line is unknown."""
        around = [
            p
            for p in self._by_path[path]
            if self.definitions[p].start_line <= line <= self.definitions[p].end_line
        ]
        around.sort(key=lambda p: self.definitions[p].end_line - self.definitions[p].start_line)
        return around[:1]


def _dispatches(relation: Relation) -> bool:
    """Whether the receiver of the call decides, when it runs, which method that is."""
    return (
        relation.kind == "calls"
        and relation.tier != "name_only"
        and relation.rule not in _STATIC_RULES
    )


def dispatched(call: Relation, target: int) -> Relation:
    """A call that may reach the override `target` of what it names."""
    return replace(
        call,
        target=target,
        tier="may_dispatch",
        confidence=_MAY_DISPATCH_CONFIDENCE,
        rule="override",
    )


def _is_public(qualified_name: str) -> bool:
    parts = qualified_name.replace(":", ".").replace("/", ".").split(".")
    return all(not part.startswith("_") or part.endswith("__") for part in parts)


def _spread(positions: Ints, steps: Rows, seen: Mask) -> Ints:
    """What all of them reach over `steps` and nobody has seen; `seen` grows by it."""
    found = [np.zeros(0, np.int64)]
    while len(positions):
        there = steps.of(positions)
        positions = np.unique(there[~seen[there]]).astype(np.int64)
        seen[positions] = True
        found.append(positions)
    return np.concatenate(found)


def _closure(position: int, steps: Mapping[int, Sequence[int]]) -> Iterator[int]:
    """What is reached over `steps`, nearest first, the start left out."""
    seen, pending = {position}, deque(steps.get(position, ()))
    while pending:
        here = pending.popleft()
        if here not in seen:
            seen.add(here)
            yield here
            pending.extend(steps.get(here, ()))
