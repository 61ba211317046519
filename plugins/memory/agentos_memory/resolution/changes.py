"""Which names mean something else after a change, and where that spreads to.

The value of an expression hangs on the definitions of the names in it, and those on the names in
theirs. So a change spreads from the names that a file defines differently to every definition
that mentions one of them, and from there on; names are compared as text, which reaches too much
rather than too little. What a local variable holds stays within its function until the function
returns it. Above: `incremental`. Below: outlines and the model.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TypeAlias

from agentos_memory.expressions import Expression, Unknown
from agentos_memory.mentions import Mentions, mentions_in
from agentos_memory.model import FileAnalysis, FunctionFacts, Symbol
from agentos_memory.naming_of_tests import is_fixture_decorator

# A scope's qualified name and a name in it.
Key: TypeAlias = tuple[str, str]
# What is bound to a star import's name.
STAR = ""


@dataclass(frozen=True, slots=True)
class _Definition:
    """One way in which a key gets its meaning; names are looked up from `scope`."""

    key: Key
    scope: str
    mentions: Mentions


class Spread:
    """How changed meanings spread through one file."""

    def __init__(self, analysis: FileAnalysis) -> None:
        self._analysis = analysis
        self._symbols: dict[str, Symbol] = {s.qualified_name: s for s in analysis.symbols}
        self._has_stars = any(each.name == "*" for each in analysis.imports)
        self._keys: set[Key] = set()
        # What a fixture goes by in other files, where that is not its own name.
        self._fixture_names: dict[Key, list[str]] = defaultdict(list)
        self._fixture_keys = {
            self.key(symbol.qualified_name) for symbol in analysis.symbols if _is_fixture(symbol)
        }
        for note in analysis.fixtures:
            if note.role == "named":
                self._fixture_names[self.key(note.source)].append(note.name)
        self._definitions = list(self._read_definitions())
        self.names: set[str] = set()

    def mark(self, scope: str, name: str) -> None:
        """Note that `name` in `scope` means something else; it is told outside unless local."""
        self._keys.add((scope, name))
        owner = self._symbols.get(scope)
        if owner is not None and owner.kind in ("function", "method"):
            return
        self.names.add(name)
        self.names.update(self._fixture_names.get((scope, name), ()))
        # What runs without being named: calls, iteration, missing attributes, and fixtures.
        is_special = name.startswith("__") and name.endswith("__")
        is_special = is_special or (scope, name) in self._fixture_keys
        if is_special and owner is not None and owner.kind == "class":
            key = self.key(owner.qualified_name)
            if key not in self._keys:
                self.mark(*key)

    def has_scope(self, scope: str) -> bool:
        """Whether the file defines a symbol of that qualified name."""
        return scope in self._symbols

    def run(self, changed: AbstractSet[str]) -> None:
        """Spread within the file, given the names that changed anywhere."""
        n_known = -1
        while n_known != len(self._keys):
            n_known = len(self._keys)
            for key in list(self._reached(changed | self.names)):
                self.mark(*key)

    def key(self, qualified_name: str) -> Key:
        """The scope and the name of a definition."""
        symbol = self._symbols.get(qualified_name)
        name = symbol.name if symbol is not None else qualified_name.rpartition(".")[2]
        return self._parent(qualified_name), name

    def _reached(self, changed: AbstractSet[str]) -> Iterator[Key]:
        for each in self._analysis.imports:
            if each.name in changed or not changed.isdisjoint(each.module.split(".")):
                yield each.scope, each.bound_name
        for definition in self._definitions:
            if self._hangs_on(changed, definition):
                yield definition.key

    def _hangs_on(self, changed: AbstractSet[str], definition: _Definition) -> bool:
        mentions = definition.mentions
        if not changed.isdisjoint(mentions.attributes):
            return True
        if self._has_stars and not changed.isdisjoint(mentions.bare):
            return True
        around = list(self._around(definition.scope))
        return any((scope, name) in self._keys for scope in around for name in mentions.bare)

    def _read_definitions(self) -> Iterator[_Definition]:
        for binding in self._analysis.bindings:
            value = binding.value
            mentions = mentions_in((value,))
            if isinstance(value, Unknown) and self._takes_fixtures(binding.scope):
                mentions = Mentions(frozenset(), frozenset({binding.name}))
            yield _Definition((binding.scope, binding.name), binding.evaluated_in, mentions)
        for function in self._analysis.functions:
            scope, expressions = self._result(function)
            key = self.key(function.qualified_name)
            yield _Definition(key, scope, mentions_in(expressions))
        for described in self._analysis.classes:
            name = described.qualified_name
            yield _Definition(self.key(name), self._parent(name), mentions_in(described.bases))

    def _result(self, function: FunctionFacts) -> tuple[str, tuple[Expression, ...]]:
        if function.return_annotation is not None:
            return self._parent(function.qualified_name), (function.return_annotation,)
        return function.qualified_name, (*function.returned, *function.yielded)

    def _takes_fixtures(self, scope: str) -> bool:
        symbol = self._symbols.get(scope)
        return symbol is not None and (symbol.name.startswith("test") or _is_fixture(symbol))

    def _around(self, scope: str) -> Iterator[str]:
        here: str | None = scope
        while here is not None:
            yield here
            symbol = self._symbols.get(here)
            here = symbol.parent if symbol is not None else None

    def _parent(self, qualified_name: str) -> str:
        symbol = self._symbols.get(qualified_name)
        return (symbol.parent if symbol is not None else None) or self._analysis.module


def mark_differences(before: FileAnalysis | None, after: FileAnalysis | None) -> list[Spread]:
    """The changed file's spreads, old and new, with everything marked that it defines otherwise.

    A file that is new or gone defines everything otherwise, its own name included.
    """
    spreads = [Spread(each) for each in (before, after) if each is not None]
    described = [_described(each) for each in (before, after) if each is not None]
    old, new = (described[0], described[-1]) if len(described) == 2 else (described[0], {})
    changed = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
    for spread in spreads:
        for scope, name in changed:
            # Only one of the two knows the locals of a function that came or went.
            if spread.has_scope(scope):
                spread.mark(scope, name)
        if before is None or after is None:
            for analysis in (before, after):
                if analysis is not None:
                    spread.names.add(analysis.module.rpartition(".")[2])
    return spreads


def _described(analysis: FileAnalysis) -> dict[Key, list[object]]:
    """Everything that gives a key its meaning, without lines."""
    found: dict[Key, list[object]] = defaultdict(list)
    spread = Spread(analysis)
    for symbol in analysis.symbols[1:]:
        found[spread.key(symbol.qualified_name)].append(symbol.kind)
    for each in analysis.imports:
        found[each.scope, each.bound_name].append((each.module, each.name, each.level))
    for binding in analysis.bindings:
        found[binding.scope, binding.name].append(
            (binding.value, binding.evaluated_in, binding.is_annotation, binding.on_instance)
        )
    for function in analysis.functions:
        result = function.return_annotation or (function.returned, function.yielded)
        found[spread.key(function.qualified_name)].append(
            (function.parameters, function.decorators, result)
        )
    for described in analysis.classes:
        found[spread.key(described.qualified_name)].append(described.bases)
    for note in analysis.fixtures:
        found[spread.key(note.source)].append((note.role, note.name))
    return found


def changes_every_test(before: FileAnalysis | None, after: FileAnalysis | None) -> bool:
    """Whether fixtures differ that tests use without naming them."""
    old, new = (_unnamed(each) if each is not None else set() for each in (before, after))
    return old != new


def _unnamed(analysis: FileAnalysis) -> set[tuple[str, str]]:
    *_, file = analysis.path.split("/")
    notes = analysis.fixtures
    unnamed: set[tuple[str, str]] = {(n.role, n.name) for n in notes if n.role == "plugin"}
    # Those of a test's own module and class are told by names.
    if not file.startswith("test_") and not file.endswith("_test.py"):
        unnamed |= {
            (note.role, note.source) for note in analysis.fixtures if note.role == "autouse"
        }
    if file == "conftest.py":
        # Any may hide one of its name that is farther away.
        unnamed |= {("fixture", s.qualified_name) for s in analysis.symbols if _is_fixture(s)}
    return unnamed


def _is_fixture(symbol: Symbol) -> bool:
    return any(map(is_fixture_decorator, symbol.decorators))


def changes_stars(before: FileAnalysis | None, after: FileAnalysis | None) -> bool:
    """Whether star imports differ, which may give any name another meaning."""
    old, new = (_stars(each) if each is not None else set() for each in (before, after))
    return old != new


def _stars(analysis: FileAnalysis) -> set[tuple[str, str, int]]:
    return {(i.scope, i.module, i.level) for i in analysis.imports if i.bound_name == STAR}


def told(spreads: Iterable[Spread]) -> set[str]:
    """The names that other files see changed."""
    return {name for spread in spreads for name in spread.names}
