"""Finding the module that an import statement names."""

from __future__ import annotations

import posixpath
from collections import defaultdict

from agentos_memory.model import Import
from agentos_memory.resolution.program import Entity, Program

SCRIPT_SUFFIXES = (".ts", ".tsx", ".d.ts", ".js", ".jsx", ".mts", ".cts", ".mjs", ".cjs")
# TypeScript sources name the compiled file.
COMPILED_SUFFIXES = (".js", ".jsx", ".mjs", ".cjs")


class ModuleIndex:
    """Modules by dotted name and by path."""

    def __init__(self, program: Program) -> None:
        self._by_path = program.modules
        self._by_name: dict[str, list[Entity]] = defaultdict(list)
        self.namespaces: set[str] = set()
        for module in program.modules.values():
            if module.analysis.language == "python":
                self._add_name(module)

    def _add_name(self, module: Entity) -> None:
        name = module.symbol.qualified_name
        self._by_name[name].append(module)
        while "." in name:
            name = name.rsplit(".", 1)[0]
            self.namespaces.add(name)

    def imported(self, statement: Import, importer: Entity) -> Entity | None:
        """The module after `from` or `import`, None when it lies outside the repository."""
        if importer.analysis.language != "python":
            return self._script(statement.module, importer)
        return self.python(self.absolute_name(statement, importer), importer)

    def absolute_name(self, statement: Import, importer: Entity) -> str:
        """The dotted name of the imported module with its leading dots resolved."""
        if statement.level == 0:
            return statement.module
        parts = importer.symbol.qualified_name.split(".")
        is_package = posixpath.basename(importer.symbol.path).startswith("__init__.")
        drop = statement.level - (1 if is_package else 0)
        base = parts[: len(parts) - drop] if drop else parts
        return ".".join([*base, *([statement.module] if statement.module else [])])

    def python(self, name: str, importer: Entity) -> Entity | None:
        """The module of that dotted name; the nearest to the importer when several share it."""
        candidates = self._by_name.get(name)
        if candidates:
            path = importer.symbol.path
            return max(candidates, key=lambda each: _shared_folders(each.symbol.path, path))
        return self._sibling(name, importer)

    def of_namespace(self, name: str) -> Entity | None:
        """The module of that dotted name, seen from no module in particular."""
        return self.python(name, next(iter(self._by_path.values())))

    def _sibling(self, name: str, importer: Entity) -> Entity | None:
        # A script's own folder is on sys.path; a package's is not, where `import json` must
        # stay the library.
        folder = posixpath.dirname(importer.symbol.path)
        if self._is_in_package(folder):
            return None
        path = posixpath.join(folder, name.replace(".", "/"))
        return self._by_path.get(f"{path}.py") or self._by_path.get(f"{path}/__init__.py")

    def _is_in_package(self, folder: str) -> bool:
        while folder:
            if f"{folder}/__init__.py" in self._by_path:
                return True
            folder = posixpath.dirname(folder)
        return False

    def _script(self, specifier: str, importer: Entity) -> Entity | None:
        if not specifier.startswith("."):
            return None
        folder = posixpath.dirname(importer.symbol.path)
        base = posixpath.normpath(posixpath.join(folder, specifier))
        stems = [base]
        stems.extend(base.removesuffix(s) for s in COMPILED_SUFFIXES if base.endswith(s))
        names = [base]
        names.extend(f"{stem}{suffix}" for stem in stems for suffix in SCRIPT_SUFFIXES)
        names.extend(posixpath.join(base, f"index{suffix}") for suffix in SCRIPT_SUFFIXES)
        return next((self._by_path[name] for name in names if name in self._by_path), None)


def _shared_folders(left: str, right: str) -> int:
    shared = 0
    for one, other in zip(left.split("/"), right.split("/"), strict=False):
        if one != other:
            break
        shared += 1
    return shared
