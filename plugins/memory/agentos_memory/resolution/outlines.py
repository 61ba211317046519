"""What of a file must be known to decide whether a change elsewhere can touch it.

An outline is small enough to hold for every file of a repository, while facts are read only of
the few files that a change reaches. Above: `changes` and `incremental`, and the storage of
outlines. Below: the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import chain
from typing import Any, get_args

from agentos_memory.expressions import Attribute, Defined, Expression, Name
from agentos_memory.model import FileAnalysis

_FIELDS: Mapping[type[Any], tuple[str, ...]] = {
    kind: tuple(field.name for field in fields(kind)) for kind in get_args(Expression)
}


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


def outline_of(analysis: FileAnalysis) -> FileOutline:
    """The outline of a file's facts."""
    mentions = mentions_in(_expressions(analysis))
    names = set(mentions.bare | mentions.attributes)
    for imported in analysis.imports:
        names.update((*imported.module.split("."), imported.name or "", imported.bound_name))
    for function in analysis.functions:
        names.update(function.parameters)
    methods = {s.qualified_name: s.name for s in analysis.symbols if s.kind == "method"}
    names.update(methods.values())
    names.update(call.callee for call in analysis.calls)
    return FileOutline(
        analysis.path, analysis.module, _lines(sorted(names)), _lines(sorted(methods.values()))
    )


@dataclass(frozen=True, slots=True)
class Mentions:
    """Names that expressions look up where they stand, and those they look up on something."""

    bare: frozenset[str]
    attributes: frozenset[str]


def mentions_in(expressions: Iterable[Expression]) -> Mentions:
    """Every name and attribute in the expressions, at any depth."""
    bare: set[str] = set()
    attributes: set[str] = set()
    # Shared expressions are looked into once.
    seen: dict[int, Expression] = {}
    pending: list[Any] = list(expressions)
    while pending:
        each = pending.pop()
        kind = type(each)
        if kind is Name:
            bare.add(each.identifier)
        elif kind is tuple:
            pending.extend(each)
        elif kind in _FIELDS and id(each) not in seen:
            seen[id(each)] = each
            if kind is Attribute:
                attributes.add(each.name)
                pending.append(each.value)
                continue
            if kind is Defined:
                attributes.add(each.qualified_name.rpartition(".")[2])
            pending.extend([getattr(each, name) for name in _FIELDS[kind]])
    return Mentions(frozenset(bare), frozenset(attributes))


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
