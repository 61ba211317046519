"""Which files of a repository import each other, as far as paths tell, and the best near a file.

A report often names what a fault shows in, which imports, or is imported by, what is at fault.
Above: shards. Below: nothing; imports are as analyses give them, dotted or relative.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from posixpath import dirname, join, normpath

import numpy as np

from agentos_memory.ranking import Scores

_INDEXES = frozenset({"__init__", "index"})


class FileNeighbours:
    """Pairs of files one of which imports the other, by the files' numbers."""

    def __init__(self, paths: Sequence[str], imports: Iterable[Sequence[str]]) -> None:
        pairs = _pairs(paths, imports)
        self._n_files = len(paths)
        ordered = np.array(sorted(pairs), np.int64).reshape(-1, 2)
        self._others = ordered[:, 1]
        self._files, self._starts = np.unique(ordered[:, 0], return_index=True)

    def best(self, scores: Scores) -> Scores:
        """The highest score among each file's neighbours; 0 for a file without any."""
        found = np.zeros(self._n_files, np.float32)
        if len(self._others):
            found[self._files] = np.maximum.reduceat(scores.take(self._others), self._starts)
        return found


def _pairs(paths: Sequence[str], imports: Iterable[Sequence[str]]) -> set[tuple[int, int]]:
    """Each pair both ways."""
    modules = _Modules(paths)
    pairs: set[tuple[int, int]] = set()
    for number, names in enumerate(imports):
        for other in modules.imported(paths[number], names):
            if other != number:
                pairs |= {(number, other), (other, number)}
    return pairs


class _Modules:
    """Files by what they are imported as."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._whole: dict[str, int] = {}
        self._endings: dict[str, int | None] = {}
        for number, path in enumerate(paths):
            module = _module(path)
            self._whole.setdefault(module, number)
            for ending in _endings(module):
                # None: several files end like this.
                self._endings[ending] = None if ending in self._endings else number

    def imported(self, importer: str, names: Iterable[str]) -> Iterator[int]:
        """Files of the repository that the names are of; names of others are passed over."""
        for name in names:
            if name.startswith("."):
                found = _longest(self._whole, normpath(join(dirname(importer), name)), ".")
            else:
                found = self._absolute(name)
            if found is not None:
                yield found

    def _absolute(self, name: str) -> int | None:
        path = name.replace(".", "/")
        found = _longest(self._whole, path, "/")
        return _longest(self._endings, path, "/") if found is None else found


def _module(path: str) -> str:
    folder, _, file = path.rpartition("/")
    stem = file.rpartition(".")[0] or file
    return folder if stem in _INDEXES and folder else f"{folder}/{stem}".removeprefix("/")


def _endings(module: str) -> Iterator[str]:
    """Its last parts, from two on: a name alone may be that of a package from elsewhere."""
    parts = module.split("/")
    return ("/".join(parts[start:]) for start in range(1, len(parts) - 1))


def _longest(known: Mapping[str, int | None], name: str, separator: str) -> int | None:
    """What is known by the name, or by the longest beginning of it that ends at a separator."""
    while name:
        if name in known:
            return known[name]
        name = name.rpartition(separator)[0]
    return None
