"""Imports of Python: dotted names, relative imports, namespaces without `__init__.py`.

Above: the module index. Below: modules of the program by path.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Mapping, Sequence

from agentos_memory.model import Import
from agentos_memory.resolution.program import Entity
from agentos_memory.resolution.values import (
    ModuleValue,
    Namespace,
    Values,
    external,
)


class PythonImports:
    """Modules by dotted name and by path."""

    def __init__(self, modules: Mapping[str, Entity]) -> None:
        self._by_path = modules
        self._by_name: dict[str, list[Entity]] = defaultdict(list)
        self._namespaces: set[str] = set()
        for module in modules.values():
            if module.analysis.language == "python":
                self._add_name(module)

    def _add_name(self, module: Entity) -> None:
        name = module.symbol.qualified_name
        self._by_name[name].append(module)
        while "." in name:
            name = name.rsplit(".", 1)[0]
            self._namespaces.add(name)

    def modules(self, statement: Import, importer: Entity) -> Sequence[Entity]:
        """The module after `from` or `import`."""
        module = self._find(_absolute_name(statement, importer), importer)
        return (module,) if module is not None else ()

    def bound(self, statement: Import, importer: Entity) -> Values:
        """`import a.b` binds `a`; `import a.b as c` binds the module itself."""
        first = statement.module.split(".", 1)[0]
        bound = first if statement.bound_name == first else statement.module
        module = self._find(bound, importer)
        if module is not None:
            return (ModuleValue(module),)
        return (Namespace(bound),) if bound in self._namespaces else external(bound)

    def missing(self, statement: Import, importer: Entity) -> Values:
        """A module below a namespace, else something outside."""
        dotted = f"{_absolute_name(statement, importer)}.{statement.name}"
        submodule = self._find(dotted, importer)
        return (ModuleValue(submodule),) if submodule is not None else external(dotted)

    def submodule(self, module: Entity, name: str) -> Values:
        """The submodule that a package has as an attribute once it is imported."""
        found = self._find(f"{module.symbol.qualified_name}.{name}", module)
        return (ModuleValue(found),) if found is not None and found is not module else ()

    def namespace_member(self, name: str) -> Values:
        """A module or a deeper namespace, seen from no module in particular."""
        module = self._find(name, next(iter(self._by_path.values())))
        if module is not None:
            return (ModuleValue(module),)
        return (Namespace(name),) if name in self._namespaces else ()

    def passes_on(self, module: Entity, name: str) -> bool:
        """Imported names are the module's own."""
        return True

    def _find(self, name: str, importer: Entity) -> Entity | None:
        """The module of that dotted name; the nearest to the importer when several share it."""
        candidates = self._by_name.get(name)
        if candidates:
            path = importer.symbol.path
            return max(candidates, key=lambda each: _shared_folders(each.symbol.path, path))
        return self._sibling(name, importer)

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


def _absolute_name(statement: Import, importer: Entity) -> str:
    """The dotted name of the imported module with its leading dots resolved."""
    if statement.level == 0:
        return statement.module
    parts = importer.symbol.qualified_name.split(".")
    is_package = posixpath.basename(importer.symbol.path).startswith("__init__.")
    drop = statement.level - (1 if is_package else 0)
    base = parts[: len(parts) - drop] if drop else parts
    return ".".join([*base, *([statement.module] if statement.module else [])])


def _shared_folders(left: str, right: str) -> int:
    shared = 0
    for one, other in zip(left.split("/"), right.split("/"), strict=False):
        if one != other:
            break
        shared += 1
    return shared
