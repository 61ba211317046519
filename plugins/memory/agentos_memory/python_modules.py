"""Naming Python modules by where their files lie."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from pathlib import PurePosixPath

# Folders that hold packages without being one, at the root of a repository.
SOURCE_ROOTS = frozenset({"src", "lib"})


def package_directories(paths: Iterable[str]) -> frozenset[str]:
    """Directories of the repository that hold an `__init__.py`, from all of its paths."""
    return frozenset(
        str(PurePosixPath(path).parent)
        for path in paths
        if PurePosixPath(path).name in ("__init__.py", "__init__.pyi")
    )


def python_module_name(path: str, package_dirs: AbstractSet[str]) -> str:
    """Dotted module name of a file, given the repository's package directories.

    The highest ancestor with an `__init__.py` is the package root: what lies above it (`src/`,
    `plugins/x/`) is dropped, and folders below it belong to the package even without an
    `__init__.py` (PEP 420). A file outside every package is named by its whole path, so that
    `tests/conftest.py` and `examples/conftest.py` stay apart; a leading `src` or `lib` is dropped.
    """
    *folders_above, name = path.split("/")
    parts = [*folders_above, name.rpartition(".")[0] or name]
    folders = parts[:-1]
    for depth in range(1, len(folders) + 1):
        if "/".join(folders[:depth]) in package_dirs:
            parts = parts[depth - 1 :]
            break
    else:
        if len(parts) > 1 and parts[0] in SOURCE_ROOTS:
            parts = parts[1:]
    if parts[-1] == "__init__" and len(parts) > 1:
        parts = parts[:-1]
    return ".".join(parts)
