"""The Python files of a plugin's package."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType


@dataclass(frozen=True)
class Source:
    """A parsed file; `shown` is its path as findings name it."""

    path: Path
    shown: str
    tree: ast.Module

    def at(self, node: ast.stmt | ast.expr) -> str:
        """Where a node stands."""
        return f"{self.shown}:{node.lineno}"


@dataclass(frozen=True)
class Package:
    """What belongs to the plugin: the top package of its module, or the module's one file."""

    name: str
    folder: Path
    sources: tuple[Source, ...]


def package_of(module: ModuleType) -> Package:
    """The package around a plugin's module; ValueError where it has no file."""
    if module.__file__ is None:
        raise ValueError(f"{module.__name__} has no file that could be looked at")
    name, *inner = module.__name__.split(".")
    file = Path(module.__file__).resolve()
    if not inner and file.name != "__init__.py":
        return Package(name, file.parent, (_read(file, file.parent),))
    folder = file.parent
    for _ in range(len(inner) - (file.name != "__init__.py")):
        folder = folder.parent
    return Package(name, folder, tuple(_sources_below(folder)))


def _sources_below(folder: Path) -> Iterator[Source]:
    for path in sorted(folder.rglob("*.py")):
        yield _read(path, folder.parent)


def _read(path: Path, root: Path) -> Source:
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    return Source(path, str(path.relative_to(root)), tree)
