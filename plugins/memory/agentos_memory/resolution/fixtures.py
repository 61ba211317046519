"""pytest fixtures: which functions stand behind what a test asks for, by name or not.

A fixture is looked for where pytest does: in the test's class and its bases, its module, the
conftest.py of each folder upwards, then in plugins that those name. The nearest wins; a fixture
that asks for its own name gets the next one. Above: the evaluator, for the values of parameters,
and the edges. Below: names and the hierarchy.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterator, Sequence

from agentos_memory.expressions import Unknown
from agentos_memory.model import Binding, FixtureNote, FixtureRole, Import
from agentos_memory.naming_of_tests import is_fixture_decorator, is_test_path
from agentos_memory.resolution.hierarchy import Hierarchy
from agentos_memory.resolution.modules import ModuleIndex
from agentos_memory.resolution.names import Names
from agentos_memory.resolution.program import Definition, Entity, Program
from agentos_memory.resolution.values import FunctionValue

RULE = "fixture"
AUTOUSE_RULE = "autouse fixture"


class Fixtures:
    """The fixtures of one program."""

    def __init__(
        self, program: Program, modules: ModuleIndex, names: Names, hierarchy: Hierarchy
    ) -> None:
        self._program = program
        self._modules = modules
        self._names = names
        self._hierarchy = hierarchy
        self._notes: dict[Entity, dict[str, list[FixtureNote]]] = {}
        self._own: dict[Entity, dict[str, Entity]] = {}
        self._around: dict[Entity, tuple[Entity, ...]] = {}
        self._filled: dict[Entity, Sequence[str]] = {}

    def behind(self, function: Entity, parameter: str) -> Entity | None:
        """The fixture that pytest hands to a parameter; None where it is none."""
        if not takes_fixtures(function) or parameter not in self._parameters(function):
            return None
        return self._find(function, parameter)

    def asked_for(self, function: Entity) -> Iterator[tuple[Entity, int, str]]:
        """Every fixture that the function depends on, with line and rule.

        Parameters, marks of the test, its class and its module, requests in the body, and those
        that are used without being asked for.
        """
        line = function.functions[0].line if function.functions else function.symbol.name_line
        is_test = _is_test(function)
        takes = is_test or is_fixture(function)
        wanted = [(name, line) for name in self._parameters(function)] if takes else []
        wanted += [(note.name, note.line) for note in self._said(function, "requested")]
        if is_test:
            for scope in (function, *self._classes(function), function.module):
                here = scope.module is function.module
                wanted += [(n.name, n.line if here else line) for n in self._said(scope, "used")]
        wanted_rules = [(name, at, RULE) for name, at in wanted]
        if is_test and is_test_path(function.symbol.path):
            wanted_rules += [(name, line, AUTOUSE_RULE) for name in self._automatic(function)]
        if not wanted_rules:
            return
        given = self._given(function)
        for name, at, rule in wanted_rules:
            found = self._find(function, name) if name not in given else None
            if found is not None:
                yield found, at, rule

    def _find(self, asking: Entity, name: str) -> Entity | None:
        for scope in self._scopes(asking):
            found = self._fixtures_of(scope).get(name)
            if found is None and scope.is_module:
                found = self._imported(scope, name)
            if found is not None and found is not asking:
                return found
        return None

    def _automatic(self, test: Entity) -> Iterator[str]:
        """Names of fixtures for every test around; also where a nearer one of that name is not."""
        for scope in self._scopes(test):
            for name, fixture in self._fixtures_of(scope).items():
                if any(self._said(fixture, "autouse")):
                    yield name

    def _scopes(self, function: Entity) -> Iterator[Entity]:
        """Where fixtures of the function are looked for, the nearest first."""
        yield from self._classes(function)
        yield from self._modules_around(function.module)

    def _classes(self, function: Entity) -> Iterator[Entity]:
        owner = function.owner
        while owner is not None:
            yield from self._hierarchy.order(owner)
            owner = owner.owner

    def _modules_around(self, module: Entity) -> tuple[Entity, ...]:
        """The module, each conftest.py upwards, and the plugins that they name."""
        known = self._around.get(module)
        if known is None:
            found = dict.fromkeys([module, *self._conftests(module)])
            for each in list(found):
                for note in self._said(each, "plugin"):
                    statement = Import(each.symbol.qualified_name, note.name, "*", "", 0, note.line)
                    found |= dict.fromkeys(self._modules.imported(statement, each))
            known = self._around[module] = tuple(found)
        return known

    def _conftests(self, module: Entity) -> Iterator[Entity]:
        folder = posixpath.dirname(module.symbol.path)
        while True:
            conftest = self._program.modules.get(posixpath.join(folder, "conftest.py"))
            if conftest is not None:
                yield conftest
            if not folder:
                return
            folder = posixpath.dirname(folder)

    def _fixtures_of(self, scope: Entity) -> dict[str, Entity]:
        """The fixtures that a class or module defines itself, by the names they go by."""
        known = self._own.get(scope)
        if known is None:
            known = {}
            for definitions in list(scope.names.values()):
                for each in definitions:
                    if isinstance(each, Entity) and is_fixture(each):
                        known[self._name_of(each)] = each
            self._own[scope] = known
        return known

    def _imported(self, module: Entity, name: str) -> Entity | None:
        if not any(isinstance(each, Import) for each in module.names.get(name, ())) and (
            "" not in module.names
        ):
            return None
        for value in self._names.member(module, name):
            if isinstance(value, FunctionValue) and is_fixture(value.entity):
                return value.entity
        return None

    def _name_of(self, fixture: Entity) -> str:
        return next((note.name for note in self._said(fixture, "named")), fixture.symbol.name)

    def _parameters(self, function: Entity) -> Sequence[str]:
        """What pytest has to fill: neither the receiver nor what is given or has a default."""
        known = self._filled.get(function)
        if known is None:
            known = self._filled[function] = self._find_parameters(function)
        return known

    def _find_parameters(self, function: Entity) -> Sequence[str]:
        positional = {name for facts in function.functions for name in facts.parameters}
        given = self._given(function)
        given.add(function.receiver_name or "")
        outer = function.parent.symbol.qualified_name if function.parent is not None else ""
        return [
            name
            for name, definitions in function.names.items()
            if name not in given and _is_open(definitions, outer, name in positional)
        ]

    def _given(self, function: Entity) -> set[str]:
        """Names to which a parametrization of the test, its class or its module gives values."""
        scopes = (function, *self._classes(function), function.module)
        return {note.name for scope in scopes for note in self._said(scope, "given")}

    def _said(self, entity: Entity, role: FixtureRole) -> Iterator[FixtureNote]:
        module = entity.module
        notes = self._notes.get(module)
        if notes is None:
            # Asking for names has the facts of a module read.
            _ = module.names
            notes = defaultdict(list)
            for note in module.analysis.fixtures:
                notes[note.source].append(note)
            self._notes[module] = notes
        for note in notes.get(entity.symbol.qualified_name, ()):
            if note.role == role:
                yield note


def takes_fixtures(function: Entity) -> bool:
    """Whether pytest fills the parameters: of tests and of fixtures."""
    return _is_test(function) or is_fixture(function)


def is_fixture(function: Entity) -> bool:
    """Whether the function is declared a fixture."""
    return function.is_function and any(map(is_fixture_decorator, function.decorators))


def _is_test(function: Entity) -> bool:
    return (
        function.is_function
        and function.symbol.name.startswith("test")
        and function.parent is not None
        and not function.parent.is_function
        and function.analysis.language == "python"
        and not is_fixture(function)
    )


def _is_open(definitions: Sequence[Definition], outer: str, is_positional: bool) -> bool:
    """Whether definitions of a name hold a parameter without a default."""
    bindings = [d for d in definitions if isinstance(d, Binding) and d.evaluated_in == outer]
    if any(not b.is_annotation and not isinstance(b.value, Unknown) for b in bindings):
        return False
    return is_positional or bool(bindings)
