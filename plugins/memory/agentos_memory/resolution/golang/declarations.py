"""Packages of Go and what they declare, linked from the analyses of their files.

A package is the files of one folder with one package clause; `x_test` stands beside `x`. A name
that is declared several times (files for different systems) keeps all its declarations.
Above: everything else here. Below: the facts that `languages.go` writes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from agentos_memory.expressions import Expression
from agentos_memory.model import Binding, FileAnalysis, Import, Symbol


@dataclass(eq=False, slots=True)
class SourceFile:
    """One file: its package, imports, and the bindings of all its scopes.

    `locals` are unique within the file. `stated` holds the bindings under words by scope.
    """

    analysis: FileAnalysis
    package: Package
    variant: str
    is_default: bool
    imports: dict[str, Import] = field(default_factory=dict)
    dot_imports: list[Import] = field(default_factory=list)
    locals: dict[str, Binding] = field(default_factory=dict)
    stated: dict[tuple[str, str], Binding] = field(default_factory=dict)
    parameters: dict[str, list[TypeParameter]] = field(default_factory=dict)
    types: dict[str, TypeDeclaration] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The file's path."""
        return self.analysis.path

    @property
    def is_test(self) -> bool:
        """Whether the file belongs to tests only."""
        return self.analysis.path.endswith("_test.go")


@dataclass(eq=False, slots=True)
class TypeParameter:
    """A type parameter of a type or a function; the constraint is read in the file."""

    file: SourceFile
    name: str
    constraint: Expression


@dataclass(eq=False, slots=True)
class FunctionDeclaration:
    """A function, a method, or a method of an interface (which has no `signature` of its own)."""

    symbol: Symbol
    file: SourceFile
    owner: str | None
    signature: Expression | None

    @property
    def type_parameters(self) -> list[TypeParameter]:
        """Its own type parameters; a method has none."""
        return self.file.parameters.get(self.symbol.qualified_name, [])


@dataclass(eq=False, slots=True)
class TypeDeclaration:
    """A defined type or an alias."""

    symbol: Symbol
    file: SourceFile
    is_alias: bool
    definition: Expression
    interface_methods: dict[str, FunctionDeclaration] = field(default_factory=dict)

    @property
    def type_parameters(self) -> list[TypeParameter]:
        """Its type parameters in order."""
        return self.file.parameters.get(self.symbol.qualified_name, [])


@dataclass(eq=False, slots=True)
class VariableDeclaration:
    """A variable or constant of a package."""

    symbol: Symbol
    file: SourceFile
    binding: Binding


Declaration = FunctionDeclaration | TypeDeclaration | VariableDeclaration
Declared = TypeVar("Declared", FunctionDeclaration, Declaration)


@dataclass(eq=False, slots=True)
class Package:
    """The files of one folder with one package clause, and their package-level names."""

    folder: str
    name: str
    files: list[SourceFile] = field(default_factory=list)
    members: dict[str, list[Declaration]] = field(default_factory=dict)
    methods: dict[str, dict[str, list[FunctionDeclaration]]] = field(default_factory=dict)

    def find(self, name: str, asking: SourceFile | None) -> Declaration | None:
        """The declaration of that name that a build with the asking file would take."""
        return preferred(self.members.get(name, ()), asking)

    def find_method(self, owner: str, name: str) -> FunctionDeclaration | None:
        """The method that the package declares for its type `owner`."""
        return preferred(self.methods.get(owner, {}).get(name, ()), None)


def preferred(candidates: Iterable[Declared], asking: SourceFile | None) -> Declared | None:
    """The candidate from a file for the same system, else from the default build, else any."""
    best: Declared | None = None
    best_rank = 3
    for candidate in candidates:
        file = candidate.file
        same = asking is not None and asking.variant == file.variant
        rank = 0 if same and file.variant else 1 if file.is_default else 2
        if rank < best_rank:
            best, best_rank = candidate, rank
    return best
