"""What of a file must be known to decide whether a change elsewhere can touch it.

An outline is small enough to hold for every file of a repository, while facts are read only of
the few files that a change reaches. Above: `changes` and `incremental`, and the storage of
outlines. Below: the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from agentos_memory.expressions import Expression
from agentos_memory.mentions import Mentions, mentions_in
from agentos_memory.model import FileAnalysis


@dataclass(frozen=True, slots=True)
class FileOutline:
    """One file by the names that it mentions and the methods that it defines.

    Both are names between newlines, so that `mentions` is one search in a text. A method's name
    stands once for each class of the file that has it.
    """

    path: str
    module: str
    names: str
    methods: str

    def mentions(self, name: str) -> bool:
        """Whether anything in the file hangs on what `name` means."""
        return f"\n{name}\n" in self.names


def outline_of(analysis: FileAnalysis, mentions: Mentions | None = None) -> FileOutline:
    """The outline of a file's facts; `mentions` are those in its expressions, where known."""
    mentions = mentions or mentions_in(_expressions(analysis))
    names = set(mentions.bare | mentions.attributes)
    for imported in analysis.imports:
        names.update((*imported.module.split("."), imported.name or "", imported.bound_name))
    for function in analysis.functions:
        names.update(function.parameters)
    methods = {s.qualified_name: s.name for s in analysis.symbols if s.kind == "method"}
    names.update(methods.values())
    names.update(call.callee for call in analysis.calls)
    names.update(note.name for note in analysis.fixtures)
    return FileOutline(
        analysis.path, analysis.module, _lines(sorted(names)), _lines(sorted(methods.values()))
    )


def _expressions(analysis: FileAnalysis) -> Iterator[Expression]:
    yield from (call.function for call in analysis.calls)
    yield from (reference.value for reference in analysis.references)
    yield from (binding.value for binding in analysis.bindings)
    yield from chain.from_iterable(described.bases for described in analysis.classes)
    for function in analysis.functions:
        yield from (*function.returned, *function.yielded)
        if function.return_annotation is not None:
            yield function.return_annotation


def _lines(names: Iterable[str]) -> str:
    return "\n" + "".join(f"{name}\n" for name in names if name)
