"""Imports of TypeScript and JavaScript: relative ones, aliases, packages of the repository.

Above: the module index. Below: modules of the program by path, and package aliases.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence

from agentos_memory.model import Import
from agentos_memory.resolution.program import Entity
from agentos_memory.resolution.typescript_aliases import Aliases
from agentos_memory.resolution.values import External, ModuleValue, Values

SCRIPT_SUFFIXES = (".ts", ".tsx", ".d.ts", ".js", ".jsx", ".mts", ".cts", ".mjs", ".cjs")
# Sources name the compiled file.
COMPILED_SUFFIXES = (".d.ts", ".d.mts", ".d.cts", ".js", ".jsx", ".mjs", ".cjs")
# What the compiler looks for first where a compiled file is named.
SOURCE_SUFFIXES = (".ts", ".tsx", ".d.ts", ".mts", ".cts")
# The level of an import that the module exports.
REEXPORTED = 1


class TypeScriptImports:
    """Modules by path, with the suffixes that a specifier may leave out."""

    def __init__(self, modules: Mapping[str, Entity]) -> None:
        self._by_path = modules
        self._aliases = Aliases(modules)
        self._found: dict[tuple[str, str], Sequence[Entity]] = {}

    def modules(self, statement: Import, importer: Entity) -> Sequence[Entity]:
        """The module of the specifier."""
        folder = posixpath.dirname(importer.symbol.path)
        key = (folder, statement.module)
        if key not in self._found:
            candidates = map(self._file, self._paths(statement.module, folder))
            found = next((each for each in candidates if each is not None), None)
            self._found[key] = (found,) if found is not None else ()
        return self._found[key]

    def bound(self, statement: Import, importer: Entity) -> Values:
        """`* as ns` binds the module."""
        found = self.modules(statement, importer)
        return tuple(map(ModuleValue, found)) or (External(statement.module),)

    def missing(self, statement: Import, importer: Entity) -> Values:
        """Something of a package outside the repository; a file that is not there is unknown."""
        if statement.module.startswith("."):
            return ()
        return (External(f"{statement.module}.{statement.name}"),)

    def submodule(self, module: Entity, name: str) -> Values:
        """Nothing; folders are no members of modules."""
        return ()

    def namespace_member(self, name: str) -> Values:
        """Nothing; namespaces of modules are unknown here."""
        return ()

    def passes_on(self, module: Entity, name: str) -> bool:
        """What a module imports without exporting it stays inside."""
        definitions = module.names.get(name, ())
        return not definitions or not all(
            isinstance(each, Import) and each.level < REEXPORTED for each in definitions
        )

    def _paths(self, specifier: str, folder: str) -> Iterator[str]:
        if specifier.startswith(("./", "../")) or specifier in (".", ".."):
            yield posixpath.normpath(posixpath.join(folder, specifier))
        else:
            yield from self._aliases.paths(specifier, folder)

    def _file(self, base: str) -> Entity | None:
        found = (self._by_path.get(name) for name in self._names(base))
        return next(
            (e for e in found if e is not None and e.analysis.language == "typescript"), None
        )

    def _names(self, base: str, *, is_folder_asked: bool = True) -> Iterator[str]:
        """Files that a path may mean, in the compiler's order: declarations before JavaScript."""
        for suffix in COMPILED_SUFFIXES:
            if base.endswith(suffix):
                stem = base.removesuffix(suffix)
                yield from (f"{stem}{source}" for source in SOURCE_SUFFIXES)
        yield base
        yield from (f"{base}{suffix}" for suffix in SCRIPT_SUFFIXES)
        if is_folder_asked:
            for entry in self._aliases.entries(base):
                yield from self._names(entry, is_folder_asked=False)
        yield from (posixpath.join(base, f"index{suffix}") for suffix in SCRIPT_SUFFIXES)
