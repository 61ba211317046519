"""Which types satisfy which interfaces: Go says it nowhere, method sets decide.

Above: edges. Below: members. Signatures are compared as far as they are known; an interface
that embeds one from outside is satisfied by what is known of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from agentos_memory.resolution.golang.declarations import (
    FunctionDeclaration,
    Package,
    TypeDeclaration,
)
from agentos_memory.resolution.golang.members import Members
from agentos_memory.resolution.golang.standard import ARITIES, METHODS_OF
from agentos_memory.resolution.golang.types import (
    Basic,
    Callee,
    ChannelOf,
    External,
    Function,
    Interface,
    MapOf,
    Named,
    Parametric,
    SliceOf,
    Type,
    Unknown,
)

# Two ways to write one type.
EMPTY_INTERFACES = {Basic("any"), Interface((), ())}


@dataclass(frozen=True, slots=True)
class Satisfaction:
    """A type that has the methods of an interface: pairs of its method and the interface's."""

    type_: TypeDeclaration
    interface: TypeDeclaration
    methods: tuple[tuple[FunctionDeclaration, FunctionDeclaration], ...]


class Satisfactions:
    """Finds the pairs of a repository."""

    def __init__(self, members: Members, packages: Iterable[Package]) -> None:
        self._members = members
        self._interfaces: list[TypeDeclaration] = []
        self._by_method: dict[str, list[TypeDeclaration]] = defaultdict(list)
        self._names: dict[TypeDeclaration, set[str]] = {}
        for package in packages:
            for declaration in _types(package):
                self._add(declaration)

    def find(self) -> Iterator[Satisfaction]:
        """Every pair of a type and an interface with methods, in the packages' order."""
        for interface in self._interfaces:
            own = self._members.method_names(Named(interface))
            wanted = own | self._outside(interface)
            if not wanted or self._members.is_constraint(Named(interface)):
                continue
            # The rarest method leaves the fewest candidates.
            names = own or wanted
            rarest = min(names, key=lambda name: (len(self._by_method[name]), name))
            for candidate in self._by_method[rarest]:
                if wanted <= self._names[candidate]:
                    pairs = self._pairs(candidate, interface, sorted(own))
                    if pairs is not None and self._fits(candidate, wanted - own):
                        yield Satisfaction(candidate, interface, pairs)

    def _add(self, declaration: TypeDeclaration) -> None:
        if declaration.is_alias:
            return
        type_ = Named(declaration)
        if isinstance(self._members.underlying(type_), Interface):
            self._interfaces.append(declaration)
            return
        names = self._members.method_names(type_)
        if names:
            names |= self._outside(declaration)
        self._names[declaration] = names
        for name in sorted(names):
            self._by_method[name].append(declaration)

    def _outside(self, declaration: TypeDeclaration) -> set[str]:
        """Methods that come from embedded types of the standard library."""
        embedded = self._members.embedded_externals(Named(declaration))
        return {name for each in embedded for name in METHODS_OF.get(each, ())}

    def _fits(self, candidate: TypeDeclaration, outside: set[str]) -> bool:
        """Whether the type's methods look like those that the standard library asks for."""
        for name in outside:
            has = self._members.select(Named(candidate), name)
            if isinstance(has, Callee):
                arity = (len(has.type.parameters), len(has.type.results))
                if arity != ARITIES.get(name, arity):
                    return False
        return True

    def _pairs(
        self, candidate: TypeDeclaration, interface: TypeDeclaration, names: list[str]
    ) -> tuple[tuple[FunctionDeclaration, FunctionDeclaration], ...] | None:
        pairs: list[tuple[FunctionDeclaration, FunctionDeclaration]] = []
        for name in names:
            has = self._members.select(Named(candidate), name)
            wants = self._members.select(Named(interface), name)
            if isinstance(has, External):
                # Promoted from outside.
                continue
            if not isinstance(has, Callee) or not isinstance(wants, Callee):
                return None
            if not _is_same(has.type, wants.type) or not _is_visible(has, wants):
                return None
            if has.declaration is not wants.declaration:
                pairs.append((has.declaration, wants.declaration))
        return tuple(pairs)


def _is_visible(has: Callee, wants: Callee) -> bool:
    """Methods without a capital letter are different ones in different packages."""
    name = has.declaration.symbol.name
    return name[:1].isupper() or has.declaration.file.package is wants.declaration.file.package


def _types(package: Package) -> Iterator[TypeDeclaration]:
    for file in package.files:
        yield from file.types.values()


def _is_same(one: Type, other: Type) -> bool:
    """Whether the types may be identical; what is unknown or generic may be anything."""
    if isinstance(one, Unknown | Parametric) or isinstance(other, Unknown | Parametric):
        return True
    match one, other:
        case Function(), Function():
            return (
                one.is_variadic == other.is_variadic
                and _are_same(one.parameters, other.parameters)
                and _are_same(one.results, other.results)
            )
        case Named(declaration, arguments), Named(other_declaration, others):
            return declaration is other_declaration and _are_same(arguments, others)
        case External(name, arguments), External(other_name, others):
            return name == other_name and _are_same(arguments, others)
        case (SliceOf(part), SliceOf(other_part)) | (ChannelOf(part), ChannelOf(other_part)):
            return _is_same(part, other_part)
        case MapOf(key, part), MapOf(other_key, other_part):
            return _is_same(key, other_key) and _is_same(part, other_part)
        case _:
            return one == other or {one, other} == EMPTY_INTERFACES


def _are_same(some: Sequence[Type], others: Sequence[Type]) -> bool:
    return len(some) == len(others) and all(map(_is_same, some, others))
