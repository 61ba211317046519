"""Import paths of Go: module files, vendored packages, and layouts without a module file.

Above: the evaluator and the edges. Below: packages. `go.mod` and `go.work` arrive as analyses
of the language `go-module`, which `languages.go_modules` describes.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agentos_memory.model import FileAnalysis, Import
from agentos_memory.resolution.golang.declarations import Package, SourceFile
from agentos_memory.resolution.golang.packages import Packages


@dataclass(frozen=True, slots=True)
class Module:
    """A module: the folder of its `go.mod`, and the path that its packages' paths start with."""

    folder: str
    path: str


class PackageImports:
    """Finds the packages that imports name."""

    def __init__(self, packages: Packages, module_files: Iterable[FileAnalysis]) -> None:
        self._packages = packages
        self._modules = list(_modules(module_files)) or _inferred_modules(packages)
        self._known: dict[tuple[str, str], Package | None] = {}

    def find(self, statement: Import, importer: SourceFile) -> Package | None:
        """The imported package; None when it lies outside the repository or is missing."""
        key = (statement.module, importer.package.folder)
        if key not in self._known:
            self._known[key] = self._find(statement.module, importer.package.folder)
        return self._known[key]

    def is_own(self, path: str) -> bool:
        """Whether the path belongs to a module of the repository, its package present or not."""
        return any(path == m.path or path.startswith(f"{m.path}/") for m in self._modules)

    def _find(self, path: str, folder: str) -> Package | None:
        if path.startswith("."):
            return self._in_folder(posixpath.normpath(posixpath.join(folder, path)))
        candidates = [*self._in_modules(path, folder), *_vendored(path, folder)]
        found = (self._in_folder(each) for each in candidates)
        return next((package for package in found if package is not None), None)

    def _in_modules(self, path: str, importer: str) -> list[str]:
        matching = [m for m in self._modules if path == m.path or path.startswith(f"{m.path}/")]
        # The longest path owns a package; among copies of a module the nearest does.
        matching.sort(key=lambda m: (-len(m.path), -_shared_folders(m.folder, importer)))
        return [posixpath.join(m.folder, path[len(m.path) + 1 :]).rstrip("/") for m in matching]

    def _in_folder(self, folder: str) -> Package | None:
        packages = self._packages.by_folder.get(folder, [])
        sources = [p for p in packages if any(not file.is_test for file in p.files)]
        # Beside the package a folder may hold commands that no default build takes.
        return max(sources, key=_n_default_files, default=None)


def _n_default_files(package: Package) -> int:
    return sum(file.is_default and not file.is_test for file in package.files)


def _vendored(path: str, folder: str) -> Iterator[str]:
    while True:
        yield posixpath.join(folder, "vendor", path)
        if not folder:
            return
        folder = posixpath.dirname(folder)


def _modules(module_files: Iterable[FileAnalysis]) -> Iterator[Module]:
    for analysis in module_files:
        folder = posixpath.dirname(analysis.path)
        for statement in analysis.imports:
            if statement.name == "module":
                yield Module(folder, statement.module)
            elif statement.name == "replace":
                target = posixpath.normpath(posixpath.join(folder, statement.module))
                yield Module("" if target == "." else target, statement.bound_name)


def _inferred_modules(packages: Packages) -> list[Module]:
    """The module whose path most imports share, for a repository without module files."""
    votes: Counter[str] = Counter()
    for file in packages.files.values():
        for statement in file.analysis.imports:
            head, *rest = statement.module.split("/")
            for index in range(len(rest)):
                if "/".join(rest[index:]) in packages.by_folder:
                    votes["/".join([head, *rest[:index]])] += 1
                    break
    return [Module("", path) for path, _ in votes.most_common(1)]


def _shared_folders(left: str, right: str) -> int:
    return len(posixpath.commonpath([f"/{left}", f"/{right}"]))
