"""Which symbols of the graph a language server's answers name.

A server answers with the place of a name. It stands for a symbol where the syntax tree says that
the name is defined there: a parameter or a variable that happens to hold a function is none. Above:
verification and refinement. Below: the resident graph, syntax trees of the files as they are now.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agentos_memory.analysis import MAX_FILE_BYTES
from agentos_memory.graph import SymbolGraph
from agentos_memory.language_servers import Place
from agentos_memory.language_servers.call_sites import Mention, find_mentions
from agentos_memory.languages import find_language
from agentos_memory.work_files import read_file

RESIDENT_FILES = 256
CALLABLE_KINDS = frozenset({"function", "method", "class"})
CONSTRUCTORS = ("__init__", "__new__", "constructor")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """Names in a file as it is now: calls by line, and what is defined where, in UTF-16 columns."""

    sha256: str
    calls: Mapping[int, Sequence[Mention]]
    defined: Mapping[tuple[int, int], str]


class SourceFiles:
    """Files of one working tree, read when they are asked for; for the time of one answer."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: OrderedDict[str, SourceFile | None] = OrderedDict()

    def get(self, path: str) -> SourceFile | None:
        """The names in the file; None where it cannot be read."""
        if path not in self._files:
            self._files[path] = _read(self._root, path)
            while len(self._files) > RESIDENT_FILES:
                self._files.popitem(last=False)
        self._files.move_to_end(path)
        return self._files[path]

    def calls(self, path: str, first: int, last: int) -> Iterator[Mention]:
        """The calls on lines `first` to `last`."""
        file = self.get(path)
        for line in range(first, last + 1) if file is not None else ():
            yield from file.calls.get(line, ()) if file is not None else ()


def symbol_at(graph: SymbolGraph, files: SourceFiles, place: Place) -> int | None:
    """The position of the callable symbol whose name stands at `place`, the first of its name.

    `place` is of an answer, with a column in UTF-16 units.
    """
    file = files.get(place.path)
    name = file.defined.get((place.line, place.column)) if file is not None else None
    if name is None:
        return None
    named = [
        position
        for position in graph.members(place.path)
        if graph.definitions[position].name == name
        and graph.definitions[position].kind in CALLABLE_KINDS
    ]
    around = [
        p
        for p in named
        if graph.definitions[p].start_line <= place.line <= graph.definitions[p].end_line
    ]
    if around:
        return graph.with_members(max(around, key=lambda p: graph.definitions[p].start_line))[0]
    # The file may have grown since it was indexed.
    distinct = {graph.definitions[p].qualified_name for p in named}
    return named[0] if len(distinct) == 1 else None


def constructor_of(graph: SymbolGraph, position: int) -> int | None:
    """The constructor that the class itself defines."""
    own = graph.definitions[position]
    wanted = {f"{own.qualified_name}.{name}" for name in CONSTRUCTORS}
    members = graph.members(own.path)
    return next((p for p in members if graph.definitions[p].qualified_name in wanted), None)


def class_of(graph: SymbolGraph, position: int) -> int | None:
    """The class whose constructor the symbol is."""
    own = graph.definitions[position]
    if own.name not in CONSTRUCTORS:
        return None
    outer = own.qualified_name.rpartition(".")[0]
    return next(
        (
            p
            for p in graph.members(own.path)
            if graph.definitions[p].qualified_name == outer and graph.definitions[p].kind == "class"
        ),
        None,
    )


def _read(root: Path, path: str) -> SourceFile | None:
    language = find_language(path)
    content = read_file(root, path, max_bytes=MAX_FILE_BYTES) if language is not None else None
    if language is None or not isinstance(content, bytes):
        return None
    calls: dict[int, list[Mention]] = {}
    defined: dict[tuple[int, int], str] = {}
    lines = content.split(b"\n")
    for mention in find_mentions(language, content):
        if mention.role == "call":
            calls.setdefault(mention.line, []).append(mention)
        elif mention.role == "definition":
            text = lines[mention.line - 1].decode("utf-8", "replace")[: mention.column]
            units = len(text.encode("utf-16-le", "surrogatepass")) // 2
            defined[mention.line, units] = mention.name
    return SourceFile(hashlib.sha256(content).hexdigest(), calls, defined)
