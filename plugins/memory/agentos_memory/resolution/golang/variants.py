"""Functions and methods that files for different systems declare under one name.

A call names the one of the default build, or of the caller's own system; the others stand in for
it in other builds, which is an `overrides` edge, so that callers of one are possible callers of
all. Above: edges. Below: declarations.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from agentos_memory.model import Edge
from agentos_memory.resolution.evidence import edge
from agentos_memory.resolution.golang.declarations import (
    FunctionDeclaration,
    Package,
    preferred,
)

RULE = "build constraint"
# Every file may have its own.
REPEATABLE = frozenset({"init", "main", "_"})


class Variants:
    """What stands in for what."""

    def __init__(self, packages: Iterable[Package]) -> None:
        self._replaced: dict[FunctionDeclaration, list[FunctionDeclaration]] = {}
        for package in packages:
            for declared in _same_names(package):
                self._add(declared)

    def has(self, declaration: FunctionDeclaration) -> bool:
        """Whether another build would take another declaration."""
        return declaration in self._replaced

    def edges(self) -> Iterator[Edge]:
        """From every declaration that stands in to what it stands in for."""
        for default, others in self._replaced.items():
            for other in others:
                symbol = other.symbol
                yield edge(
                    "overrides", symbol.qualified_name, default.symbol, symbol.path,
                    symbol.start_line, "may_dispatch", RULE,
                )  # fmt: skip

    def _add(self, declared: list[FunctionDeclaration]) -> None:
        default = preferred(declared, None)
        if default is None:
            return
        others = [each for each in declared if each.file.variant != default.file.variant]
        if others:
            self._replaced[default] = others


def _same_names(package: Package) -> Iterator[list[FunctionDeclaration]]:
    for name, members in package.members.items():
        if len(members) > 1 and name not in REPEATABLE:
            yield [each for each in members if isinstance(each, FunctionDeclaration)]
    for methods in package.methods.values():
        for declared in methods.values():
            if len(declared) > 1:
                yield declared
