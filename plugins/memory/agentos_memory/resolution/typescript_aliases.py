"""What a specifier that is no relative path may stand for, by the repository's configurations.

Above: imports of TypeScript. Below: the aliases that `languages.node_config` reads from
package.json and tsconfig.json.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from agentos_memory.model import Import
from agentos_memory.resolution.program import Entity

CONFIGURATIONS = ("tsconfig.json", "jsconfig.json")
MAX_EXTENDS = 8
# Where builds put what is made of `src`; an export of one of them is looked for in the source.
BUILT_FOLDERS = frozenset({"dist", "lib", "build", "out", "es", "esm", "cjs", "types", "output"})


class Aliases:
    """The aliases of a program, by the folder of the file that asks."""

    def __init__(self, modules: Mapping[str, Entity]) -> None:
        self._configurations = {
            path: module
            for path, module in modules.items()
            if module.analysis.language == "node-config"
        }
        self._packages: dict[str, list[tuple[str, Import]]] = defaultdict(list)
        for path, module in self._configurations.items():
            for alias in module.analysis.imports:
                if alias.name in ("exports", "package"):
                    folder = posixpath.dirname(path)
                    self._packages[_package_name(alias.bound_name)].append((folder, alias))

    def paths(self, specifier: str, folder: str) -> Iterator[str]:
        """Paths to try, the best first; suffixes may be missing. `folder` is the importer's."""
        compiler = list(self._compiler_aliases(folder))
        yield from _matches(specifier, [pair for pair in compiler if pair[1].name == "paths"])
        if specifier.startswith("#"):
            yield from self._internal(specifier, folder)
        else:
            yield from self._of_packages(specifier)
        yield from _matches(specifier, [pair for pair in compiler if pair[1].name == "baseUrl"])

    def entries(self, folder: str) -> Iterator[str]:
        """What a folder with a package stands for when it is imported by its path."""
        path = posixpath.join(folder, "package.json") if folder != "." else "package.json"
        if path not in self._configurations:
            return
        here = posixpath.dirname(path)
        for alias in self._configurations[path].analysis.imports:
            if alias.name == "exports" and alias.bound_name == _package_name(alias.bound_name):
                yield posixpath.normpath(posixpath.join(here, alias.module))

    def _compiler_aliases(self, folder: str) -> Iterator[tuple[str, Import]]:
        path = self._nearest(folder, CONFIGURATIONS)
        for _ in range(MAX_EXTENDS):
            if path is None:
                return
            here, extended = posixpath.dirname(path), None
            for alias in self._configurations[path].analysis.imports:
                if alias.name == "extends":
                    extended = self._extended(here, alias.module)
                else:
                    yield here, alias
            path = extended

    def _extended(self, folder: str, target: str) -> str | None:
        base = posixpath.normpath(posixpath.join(folder, target))
        names = (base, f"{base}.json", f"{base}/tsconfig.json")
        return next((name for name in names if name in self._configurations), None)

    def _nearest(self, folder: str, names: Sequence[str]) -> str | None:
        while True:
            for name in names:
                path = posixpath.join(folder, name)
                if path in self._configurations:
                    return path
            if not folder:
                return None
            folder = posixpath.dirname(folder)

    def _internal(self, specifier: str, folder: str) -> Iterator[str]:
        path = self._nearest(folder, ("package.json",))
        if path is not None:
            here = posixpath.dirname(path)
            aliases = self._configurations[path].analysis.imports
            pairs = [(here, alias) for alias in aliases if alias.name == "imports"]
            for target in _matches(specifier, pairs):
                yield from _sources(target, here)

    def _of_packages(self, specifier: str) -> Iterator[str]:
        pairs = self._packages.get(_package_name(specifier), ())
        for folder, alias in pairs:
            for target in _matches(specifier, [(folder, alias)]):
                if alias.name == "exports":
                    yield from _sources(target, folder)
        for folder, alias in pairs:
            if alias.name == "package":
                inside = specifier[len(alias.bound_name) :].strip("/")
                yield from _conventional(folder, inside)


def _matches(specifier: str, pairs: Sequence[tuple[str, Import]]) -> Iterator[str]:
    """Targets of the aliases that fit, the most specific pattern first."""
    fitting: list[tuple[int, str]] = []
    for folder, alias in pairs:
        head, star, tail = alias.bound_name.partition("*")
        if not star and specifier == alias.bound_name:
            fitting.append((-len(specifier) - 1, posixpath.join(folder, alias.module)))
        elif star and specifier.startswith(head) and specifier.endswith(tail):
            middle = specifier[len(head) : len(specifier) - len(tail)]
            target = alias.module.replace("*", middle, 1)
            fitting.append((-len(head), posixpath.join(folder, target)))
    # Sorting is stable: alternatives of one pattern stay in their order.
    for _, target in sorted(fitting, key=lambda each: each[0]):
        yield posixpath.normpath(target)


def _sources(target: str, folder: str) -> Iterator[str]:
    """The path itself, and where its source lies when it names a build."""
    yield target
    inside = posixpath.relpath(target, folder or ".").split("/")
    while inside and inside[0] in BUILT_FOLDERS:
        inside = inside[1:]
        yield posixpath.normpath(posixpath.join(folder, "src", *inside))
        yield posixpath.normpath(posixpath.join(folder, *inside))


def _conventional(folder: str, inside: str) -> Iterator[str]:
    for base in ("src", ""):
        yield posixpath.normpath(posixpath.join(folder, base, inside or "index"))


def _package_name(specifier: str) -> str:
    parts = specifier.split("/")
    return "/".join(parts[:2] if specifier.startswith("@") else parts[:1])
