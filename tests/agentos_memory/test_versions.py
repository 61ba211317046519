"""Digests of our own code, by which what older code stored is told from today's."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import agentos_memory
from agentos_memory import versions

PACKAGE = Path(agentos_memory.__file__).parent
# What says which version it is, and what gives the bytes of a file.
NO_PART = {"agentos_memory", "agentos_memory.versions", "agentos_memory.work_files"}


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("agentos_memory"):
            yield str(node.module)


def _path(module: str) -> Path:
    path = PACKAGE.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _closure(modules: Iterable[str]) -> set[Path]:
    """The files of modules and of all that they import from this package."""
    seen, pending = set(NO_PART), set(modules)
    found: set[Path] = set()
    while pending:
        module = pending.pop()
        if module not in seen:
            seen.add(module)
            found.add(_path(module))
            pending.update(_imported(_path(module)))
    return found


def test_all_code_that_makes_stored_contents_is_in_the_analyser_s_version() -> None:
    digested = {Path(str(each)) for each in versions.analysing_modules()}
    assert _closure(["agentos_memory.file_contents"]) <= digested


def test_all_code_that_makes_edges_is_in_the_resolver_s_version() -> None:
    modules = [*versions.analysing_modules(), *versions.resolving_modules()]
    digested = {Path(str(each)) for each in modules}
    resolution = PACKAGE / "resolution"
    names = [
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        for path in resolution.rglob("*.py")
    ]
    assert _closure(names) <= digested
