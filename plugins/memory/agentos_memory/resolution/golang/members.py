"""Selectors: fields and methods of types, promoted ones included, and method sets.

Above: the evaluator and interface satisfaction. Below: the reader of types.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from agentos_memory.resolution.golang.declarations import FunctionDeclaration
from agentos_memory.resolution.golang.generics import Substitution, arguments_of, substitute
from agentos_memory.resolution.golang.reading import Reader
from agentos_memory.resolution.golang.types import (
    UNKNOWN,
    Basic,
    Callee,
    External,
    Function,
    Interface,
    Named,
    Parametric,
    Struct,
    Type,
    Unknown,
)

# Embedding deeper than this is a cycle in broken code.
MAX_EMBEDDING = 12
NO_FUNCTION = Function((), ())


class Members:
    """Looks fields and methods up; what was found is kept."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._known: dict[tuple[Named, str], Type] = {}
        self._underlying: dict[Named, Type] = {}
        self._signatures: dict[FunctionDeclaration, Function] = {}

    def select(self, owner: Type, name: str) -> Type:
        """What `owner.name` is: a field's type or a method.

        A known type without it gives `External`, since the rest of it may come from outside.
        """
        if isinstance(owner, Named):
            key = (owner, name)
            if key not in self._known:
                self._known[key] = UNKNOWN
                self._known[key] = self._search(owner, name)
            return self._known[key]
        return self._search(owner, name)

    def underlying(self, type_: Type) -> Type:
        """What a defined type or a type parameter is made of; other types are their own."""
        for _ in range(MAX_EMBEDDING):
            match type_:
                case Named(declaration, arguments):
                    if type_ not in self._underlying:
                        definition = self._reader.read(declaration.definition, declaration.file)
                        given = arguments_of(declaration.type_parameters, arguments)
                        self._underlying[type_] = substitute(definition, given)
                    type_ = self._underlying[type_]
                case Parametric(parameter):
                    type_ = self._reader.read(parameter.constraint, parameter.file)
                case _:
                    return type_
        return UNKNOWN

    def signature(self, declaration: FunctionDeclaration) -> Function:
        """The type of a declared function, without its receiver."""
        known = self._signatures.get(declaration)
        if known is None:
            read: Type = NO_FUNCTION
            if declaration.signature is not None:
                read = self._reader.read(declaration.signature, declaration.file)
            known = read if isinstance(read, Function) else NO_FUNCTION
            self._signatures[declaration] = known
        return known

    def method_names(self, type_: Type) -> set[str]:
        """Names of all methods of the type, promoted ones included, as far as they are known."""
        names: set[str] = set()
        for level in self._levels(type_):
            for each in level:
                if isinstance(each, Named):
                    declaration = each.declaration
                    package = declaration.file.package
                    names |= package.methods.get(declaration.symbol.name, {}).keys()
                shape = self._shape(each)
                if isinstance(shape, Interface):
                    names |= {name for name, _ in shape.methods}
        return names

    def embedded_externals(self, type_: Type) -> list[str]:
        """Names of the types from outside that the type embeds at any depth."""
        found = (each for level in self._levels(type_) for each in level)
        return [each.name for each in found if isinstance(each, External) or each == Basic("error")]

    def is_constraint(self, type_: Type) -> bool:
        """Whether the interface lists types, so that nothing but type arguments satisfies it."""
        return any(
            not isinstance(each, Interface | External) and each != Basic("error")
            for level in self._levels(type_)
            for each in map(self._shape, level)
        )

    def _search(self, owner: Type, name: str) -> Type:
        outside: Type | None = None
        for depth, level in enumerate(self._levels(owner)):
            for each in level:
                shape = self._shape(each)
                if isinstance(shape, Unknown):
                    outside = shape
                elif isinstance(shape, External):
                    outside = outside or External(f"{shape.name}.{name}", shape.arguments)
                found = self._own(each, name)
                if depth > 0 and isinstance(found, Callee):
                    return replace(found, is_promoted=True)
                if found is not None:
                    return found
        return outside if outside is not None else External(name)

    def _levels(self, type_: Type) -> Iterator[list[Type]]:
        """The type, then what it embeds, then what that embeds, each once."""
        level, seen = [type_], {type_}
        for _ in range(MAX_EMBEDDING):
            if not level:
                return
            yield level
            deeper = [e for each in level for e in self._embedded(each) if e not in seen]
            level = list(dict.fromkeys(deeper))
            seen.update(level)

    def _embedded(self, type_: Type) -> list[Type]:
        shape = self._shape(type_)
        if isinstance(shape, Struct):
            return [each for _, each in shape.embedded]
        return list(shape.embedded) if isinstance(shape, Interface) else []

    def _shape(self, type_: Type) -> Type:
        return self.underlying(type_) if isinstance(type_, Named | Parametric) else type_

    def _own(self, type_: Type, name: str) -> Type | None:
        """The field or method that the type has itself, not through embedding."""
        if isinstance(type_, Named):
            declared = type_.declaration
            method = declared.file.package.find_method(declared.symbol.name, name)
            if method is not None:
                given = arguments_of(declared.type_parameters, type_.arguments)
                return self._callee(method, self.signature(method), given)
        shape = self._shape(type_)
        if isinstance(shape, Struct):
            return _field(shape, name)
        if isinstance(shape, Interface):
            return self._interface_method(type_, shape, name)
        return None

    def _interface_method(self, type_: Type, shape: Interface, name: str) -> Type | None:
        signature = next((found for method, found in shape.methods if method == name), None)
        if not isinstance(signature, Function):
            return None
        for declared in self._interface_declarations(type_):
            if isinstance(declared, Named):
                method = declared.declaration.interface_methods.get(name)
                if method is not None:
                    return Callee(method, signature)
        return signature

    def _interface_declarations(self, type_: Type) -> Iterator[Type]:
        # `type A B` and a constraint `T B` have the methods that B declares.
        for _ in range(MAX_EMBEDDING):
            yield type_
            match type_:
                case Named(declaration):
                    type_ = self._reader.read(declaration.definition, declaration.file)
                case Parametric(parameter):
                    type_ = self._reader.read(parameter.constraint, parameter.file)
                case _:
                    return

    def _callee(
        self, method: FunctionDeclaration, signature: Function, given: Substitution
    ) -> Callee:
        read = substitute(signature, given)
        return Callee(method, read if isinstance(read, Function) else signature)


def _field(shape: Struct, name: str) -> Type | None:
    for field, declared in shape.fields:
        if field == name:
            return declared
    for field, declared in shape.embedded:
        if field == name:
            return declared
    return None
