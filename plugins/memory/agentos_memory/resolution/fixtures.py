"""pytest fixtures: which function stands behind a test's parameter."""

from __future__ import annotations

import posixpath

from agentos_memory.resolution.program import Entity, Program


def fixture_function(program: Program, function: Entity, parameter: str) -> Entity | None:
    """The fixture in the same module, else in the nearest conftest.py; None for no test."""
    if not takes_fixtures(function) or parameter == function.receiver_name:
        return None
    if not any(parameter in facts.parameters for facts in function.functions):
        return None
    own = function.module
    found = _fixture_in(own, parameter, function)
    folder = posixpath.dirname(function.symbol.path)
    while found is None:
        conftest = program.modules.get(posixpath.join(folder, "conftest.py"))
        if conftest is not None:
            found = _fixture_in(conftest, parameter, function)
        if not folder:
            break
        folder = posixpath.dirname(folder)
    return found


def takes_fixtures(function: Entity) -> bool:
    """Whether pytest fills the parameters: of tests and of fixtures."""
    return function.is_function and (
        function.symbol.name.startswith("test") or _is_fixture(function)
    )


def _is_fixture(function: Entity) -> bool:
    return any("fixture" in decorator for decorator in function.decorators)


def _fixture_in(module: Entity, name: str, asking: Entity) -> Entity | None:
    for definition in module.names.get(name, []):
        if isinstance(definition, Entity) and definition is not asking and _is_fixture(definition):
            return definition
    return None
