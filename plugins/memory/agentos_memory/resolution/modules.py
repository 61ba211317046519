"""Finding the modules that imports name: one resolver per family of languages.

A language's declaration says by `Language.imports` which resolver serves it; a further family
is one more class after `ImportResolver` and one more line in `RESOLVERS`. Above: names,
attributes and edges. Below: the resolvers of the families, and the program.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from agentos_memory.languages import IN_USE
from agentos_memory.model import Import
from agentos_memory.resolution.declared_imports import DeclaredImports
from agentos_memory.resolution.declared_names import DeclaredNames
from agentos_memory.resolution.program import Entity, Program
from agentos_memory.resolution.python_imports import PythonImports
from agentos_memory.resolution.typescript_imports import TypeScriptImports
from agentos_memory.resolution.values import External, Values, union


class ImportResolver(Protocol):
    """How the imports of one family of languages find what they name.

    `importer` is the module in which the statement stands. Made once per program.
    """

    def modules(self, statement: Import, importer: Entity) -> Sequence[Entity]:
        """The repository's modules after `from` or `import`, none when they lie outside it.

        Several where one import names several files, as a package of Go does.
        """
        ...

    def bound(self, statement: Import, importer: Entity) -> Values:
        """What the statement binds when it names no member: `import a.b`, `* as ns`."""
        ...

    def missing(self, statement: Import, importer: Entity) -> Values:
        """What a named member of a module is for which `modules` found nothing."""
        ...

    def submodule(self, module: Entity, name: str) -> Values:
        """What `module.name` is beside the module's own names; empty when there is no such."""
        ...

    def namespace_member(self, name: str) -> Values:
        """What the dotted `name` is below a `Namespace` of this family; empty when unknown."""
        ...

    def passes_on(self, module: Entity, name: str) -> bool:
        """Whether a star import of the module may give the name, which it may have imported."""
        ...


class NoImports:
    """The resolver of languages whose imports are not followed."""

    def __init__(self, modules: Mapping[str, Entity]) -> None:
        """Resolvers are made from the modules by path; this one needs none."""

    def modules(self, statement: Import, importer: Entity) -> Sequence[Entity]:
        """None."""
        return ()

    def bound(self, statement: Import, importer: Entity) -> Values:
        """Something outside."""
        return (External(statement.module),)

    def missing(self, statement: Import, importer: Entity) -> Values:
        """Something outside."""
        return (External(f"{statement.module}.{statement.name}"),)

    def submodule(self, module: Entity, name: str) -> Values:
        """Nothing."""
        return ()

    def namespace_member(self, name: str) -> Values:
        """Nothing."""
        return ()

    def passes_on(self, module: Entity, name: str) -> bool:
        """Yes."""
        return True


# By `Language.imports`; each is made from all modules of the program by path.
RESOLVERS: Mapping[str, Callable[[Mapping[str, Entity]], ImportResolver]] = {
    "none": NoImports,
    "python": PythonImports,
    "typescript": TypeScriptImports,
}


class ModuleIndex:
    """The import resolvers of one program, by the importing module's language."""

    def __init__(self, program: Program) -> None:
        self._families = {name: make(program.modules) for name, make in RESOLVERS.items()}
        self.declared = DeclaredNames(program)
        self.declared_imports = DeclaredImports(program, self.declared)
        self._families["declared"] = self.declared_imports
        # A family that is not here has a resolver of its own for everything, as Go has.
        self._by_language = {
            each.name: self._families[each.imports]
            for each in IN_USE.all
            if each.imports in self._families
        }

    def of(self, module: Entity) -> ImportResolver:
        """The resolver for imports that stand in the module."""
        return self._by_language.get(module.analysis.language) or self._families["none"]

    def imported(self, statement: Import, importer: Entity) -> Sequence[Entity]:
        """The repository's modules that the statement names; none when they lie outside it."""
        return self.of(importer).modules(statement, importer)

    def namespace_member(self, name: str) -> Values:
        """What the dotted `name` is below a namespace: a module, a namespace, or outside."""
        found = union(family.namespace_member(name) for family in self._families.values())
        return found or (External(name),)
