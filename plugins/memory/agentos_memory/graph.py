"""The symbols of one generation and the edges between them, resident for fast walks.

Above: tracing and code paths. Below: rows of the index, loaded by the catalogue. A graph never
changes; a new generation is a new graph.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from copy import copy
from typing import TypeVar

import numpy as np

from agentos_memory.adjacency import KINDS, TIERS, Adjacency, Ints, Mask, Relation
from agentos_memory.circles import Steps
from agentos_memory.closures import Closures
from agentos_memory.definition import Definition
from agentos_memory.dispatch import STATIC_RULES, dispatched, dispatches
from agentos_memory.languages import find_language
from agentos_memory.model import UnresolvedSite
from agentos_memory.naming_of_tests import is_test_path
from agentos_memory.traced_kinds import TracedKind, is_followed

_CONSTRUCTORS = frozenset({"__init__", "__new__", "constructor"})
# Sets of kinds for which arrays are held; a client may ask for a thousand.
MAX_KINDS_KEPT = 8
K = TypeVar("K")
V = TypeVar("V")


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
        self.is_in_tests: Mask = np.array([d.path in tests for d in definitions], np.bool_)
        self.is_test: Mask = np.array([d.is_test for d in definitions], np.bool_)
        self.is_module: Mask = np.array([d.kind == "module" for d in definitions], np.bool_)
        self.is_public: Mask = np.array([d.is_public for d in definitions], np.bool_)
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
        edges, n_nodes = self.edges, len(self.definitions)
        is_special = np.array([d.name in _CONSTRUCTORS for d in self.definitions], np.bool_)
        # Nobody calls a constructor by a receiver of which only a base is known.
        is_override = edges.kind == KINDS.index("overrides")
        is_override[is_override] &= ~is_special[edges.source[is_override]]
        pairs = zip(edges.source[is_override], edges.target[is_override], strict=True)
        for source, target in pairs:
            self._overridden[int(source)].append(int(target))
            self._overriding[int(target)].append(int(source))
        self._overrides = edges.sources_over(is_override)
        self._bases = edges.targets_over(is_override)
        self.has_base: Mask = np.zeros(n_nodes, np.bool_)
        self.has_base[edges.source[is_override]] = True
        self.has_override: Mask = np.zeros(n_nodes, np.bool_)
        self.has_override[edges.target[is_override]] = True
        static = np.array([rule in STATIC_RULES for rule in edges.rules], np.bool_)
        self.dispatches: Mask = (edges.kind == KINDS.index("calls")) & (
            edges.tier != TIERS.index("name_only")
        )
        if len(edges):
            self.dispatches &= ~static[edges.rule]
        self._steps: dict[tuple[AbstractSet[TracedKind], bool], Steps] = {}
        self._used: dict[AbstractSet[TracedKind], Mask] = {}
        self._followed: dict[tuple[AbstractSet[TracedKind], bool], Mask] = {}
        self._closures: dict[AbstractSet[TracedKind], Closures] = {}

    def follows(self, kinds: AbstractSet[TracedKind], *, guesses: bool) -> Mask:
        """By edge, whether a walk over `kinds` follows it; what `accepts` says of each."""
        known = self._followed.get((kinds, guesses))
        if known is None:
            known = self._find_followed(kinds, guesses)
            _keep(self._followed, (frozenset(kinds), guesses), known)
        return known

    def _find_followed(self, kinds: AbstractSet[TracedKind], guesses: bool) -> Mask:
        edges = self.edges
        accepted = np.array([is_followed(kind, kinds) for kind in KINDS])
        mask: Mask = accepted[edges.kind]
        if "implements" in kinds:
            is_interface = np.array([d.kind == "interface" for d in self.definitions], np.bool_)
            mask |= (edges.kind == KINDS.index("inherits")) & is_interface[edges.target]
        if not guesses:
            mask &= edges.tier != TIERS.index("name_only")
        return mask

    def steps(self, kinds: AbstractSet[TracedKind], *, is_incoming: bool) -> Steps:
        """One step over `kinds` from each definition, guesses by name left out."""
        known = self._steps.get((kinds, is_incoming))
        if known is None:
            known = self._find_steps(kinds, is_incoming)
            _keep(self._steps, (frozenset(kinds), is_incoming), known)
        return known

    def _find_steps(self, kinds: AbstractSet[TracedKind], is_incoming: bool) -> Steps:
        edges, follows = self.edges, self.follows(kinds, guesses=False)
        dispatching = follows & self.dispatches & self.has_override[edges.target]
        opposite = self._steps.get((kinds, not is_incoming))
        if opposite is not None:
            near, back = opposite.back, opposite.near
        else:
            near, back = edges.sources_over(follows), edges.targets_over(follows)
            near, back = (near, back) if is_incoming else (back, near)
        if is_incoming:
            may_dispatch = self.has_base
            return Steps(
                True, near, back, edges.sources_over(dispatching), self._bases, may_dispatch
            )
        may_dispatch = np.zeros(len(self.definitions), np.bool_)
        may_dispatch[edges.source[dispatching]] = True
        called = edges.targets_over(dispatching)
        return Steps(False, near, back, called, self._overrides, may_dispatch)

    def closures(self, kinds: AbstractSet[TracedKind]) -> Closures:
        """What reaches each definition over `kinds`, guesses by name left out."""
        known = self._closures.get(kinds)
        if known is None:
            there, back = (self.steps(kinds, is_incoming=each) for each in (True, False))
            known = Closures(there, back)
            _keep(self._closures, frozenset(kinds), known)
        return known

    def used_outside_tests(self, kinds: AbstractSet[TracedKind]) -> Mask:
        """By definition, whether other code than tests reaches it, or what it overrides."""
        known = self._used.get(kinds)
        if known is None:
            known = self._find_used(kinds)
            _keep(self._used, frozenset(kinds), known)
        return known

    def _find_used(self, kinds: AbstractSet[TracedKind]) -> Mask:
        edges = self.edges
        counts = self.follows(kinds, guesses=False) & (edges.source != edges.target)
        counts &= ~self.is_in_tests[edges.source]
        used: Mask = np.zeros(len(self.definitions), np.bool_)
        used[edges.target[counts]] = True
        by_override = [p for p in self._overridden if any(used[base] for base in self.bases_of(p))]
        used[by_override] = True
        return used

    def n_files_of(self, positions: Ints) -> tuple[int, int]:
        """In how many files definitions are, and in how many folders."""
        is_there = np.zeros(len(self._folder), np.bool_)
        is_there[self._file[positions]] = True
        n_folders = np.count_nonzero(np.bincount(self._folder[is_there]))
        return int(is_there.sum()), int(n_folders)

    def incoming_of(self, position: int) -> list[Relation]:
        """The stored relations to a definition."""
        return self.edges.relations_to(position)

    def bases_of(self, position: int) -> Iterator[int]:
        """What the method overrides, directly or not; nothing for constructors."""
        if position in self._overridden:
            yield from _closure(position, self._overridden)

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

    def inside(self, positions: Sequence[int]) -> list[int]:
        """The symbol at `positions` and everything that is written inside it, nearest file first.

        A module's are all of its file; methods of a Go type may stand in other files of its folder.
        """
        found: dict[int, None] = dict.fromkeys(positions)
        for wanted in {self.definitions[p]: None for p in positions}:
            if wanted.kind == "module":
                found |= dict.fromkeys(self._by_path[wanted.path])
                continue
            found |= dict.fromkeys(self._below(wanted.path, wanted.qualified_name))
            if wanted.path.endswith(".go") and wanted.kind not in ("function", "method"):
                folder, local = _folder_of(wanted.path), wanted.qualified_name.partition(":")[2]
                for path in self._by_path:
                    if path.endswith(".go") and _folder_of(path) == folder:
                        found |= dict.fromkeys(self._below(path, f"{path}:{local}"))
        return list(found)

    def _below(self, path: str, qualified_name: str) -> Iterator[int]:
        start = qualified_name + "."
        for position in self._by_path[path]:
            if self.definitions[position].qualified_name.startswith(start):
                yield position

    def paths_of(self, language: str) -> list[str]:
        """The indexed files of a language."""
        found = ((path, find_language(path)) for path in self._by_path)
        return sorted(path for path, each in found if each is not None and each.name == language)

    def with_relations(self, replaced: Mask, relations: Sequence[Relation]) -> SymbolGraph:
        """This graph with `relations` in place of the edges `replaced`."""
        other = copy(self)
        other._overridden, other._overriding = defaultdict(list), defaultdict(list)
        other.edges = self.edges.exchanged(replaced, relations)
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
                if dispatches(call):
                    yield dispatched(call, position)

    def leaving(self, position: int) -> Iterator[Relation]:
        """Relations of a definition, with the overrides that its calls may dispatch to."""
        for relation in self.edges.relations_from(position):
            yield relation
            if dispatches(relation):
                for override in self.overrides_of(relation.target):
                    yield dispatched(relation, override)

    def accepts(self, relation: Relation, kinds: AbstractSet[TracedKind], *, guesses: bool) -> bool:
        """Whether a walk over `kinds` follows the relation; guesses by name only when asked."""
        if relation.tier == "name_only" and not guesses:
            return False
        if is_followed(relation.kind, kinds):
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


def _keep(known: dict[K, V], key: K, value: V) -> None:
    """Remember a value, and forget the oldest of too many."""
    known[key] = value
    if len(known) > MAX_KINDS_KEPT:
        known.pop(next(iter(known)), None)


def _folder_of(path: str) -> str:
    return path.rpartition("/")[0]


def _closure(position: int, steps: Mapping[int, Sequence[int]]) -> Iterator[int]:
    """What is reached over `steps`, nearest first, the start left out."""
    seen, pending = {position}, deque(steps.get(position, ()))
    while pending:
        here = pending.popleft()
        if here not in seen:
            seen.add(here)
            yield here
            pending.extend(steps.get(here, ()))
