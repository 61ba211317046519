"""Evaluation of Go expressions: each has one static type, whatever runs.

Locals are unique within a file, so an expression means the same wherever it stands in it; what
was found out is kept by the expression's identity. Above: edges. Below: members and the reader.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as MappingType
from dataclasses import replace
from typing import Any

from agentos_memory.expressions import (
    Attribute,
    Call,
    Choice,
    Element,
    Expression,
    Item,
    Literal,
    Name,
    Subscript,
    Typed,
)
from agentos_memory.identity import identity
from agentos_memory.resolution.golang.declarations import (
    Declaration,
    FunctionDeclaration,
    SourceFile,
    TypeDeclaration,
    VariableDeclaration,
)
from agentos_memory.resolution.golang.generics import arguments_of, infer, substitute
from agentos_memory.resolution.golang.members import Members
from agentos_memory.resolution.golang.reading import TYPE_WORDS, Reader
from agentos_memory.resolution.golang.standard import BUILTINS, result_of_standard
from agentos_memory.resolution.golang.types import (
    BOOLEAN,
    INTEGER,
    UNKNOWN,
    Basic,
    Builtin,
    Callee,
    ChannelOf,
    External,
    Function,
    Imported,
    MapOf,
    Named,
    Parametric,
    Results,
    SliceOf,
    Type,
    TypeName,
    Unknown,
    as_results,
)

# A level costs three Python frames of the thousand that the interpreter allows.
MAX_DEPTH = 150


class Evaluator:
    """Evaluates the expressions of one repository."""

    def __init__(self, reader: Reader, members: Members) -> None:
        self._reader = reader
        self._members = members
        self._known: dict[tuple[int, SourceFile], Type] = {}
        self._bound: dict[int, Type] = {}
        self._depth = 0
        self._evaluators: MappingType[type, Callable[[Any, SourceFile], Type]] = {
            Name: self._name,
            Attribute: self._attribute,
            Call: self._call,
            Subscript: self._subscript,
            Item: self._item,
            Element: lambda e, file: self._received(self.evaluate(e.iterable, file)),
            Typed: lambda e, file: reader.read(e.annotation, file),
            Literal: lambda e, file: Basic(e.type_name),
            Choice: self._choice,
        }

    def evaluate(self, expression: Expression, file: SourceFile) -> Type:
        """What the expression is in that file."""
        # The expressions live as long as their analyses, so their ids are stable.
        key = (identity(expression), file)
        known = self._known.get(key)
        if known is not None:
            return known
        evaluator = self._evaluators.get(type(expression))
        if evaluator is None or self._depth > MAX_DEPTH:
            return UNKNOWN
        # What asks for itself is a cycle of broken code.
        self._known[key] = UNKNOWN
        self._depth += 1
        try:
            found = self._known[key] = evaluator(expression, file)
        finally:
            self._depth -= 1
        return found

    def declaration(self, expression: Expression, file: SourceFile) -> Declaration | None:
        """The package-level declaration that a name or `pkg.Name` stands for."""
        match expression:
            case Name(identifier) if "'" not in identifier:
                return self._reader.declaration(identifier, file)
            case Attribute(Name(package), name) if "'" not in package:
                owner = self._reader.package(package, file)
                return owner.package.find(name, file) if isinstance(owner, Imported) else None
            case _:
                return None

    def of_declaration(self, declaration: Declaration) -> Type:
        """What the name of a declaration is."""
        match declaration:
            case FunctionDeclaration():
                signature = self._members.signature(declaration)
                return Callee(
                    declaration, signature, open_parameters=tuple(declaration.type_parameters)
                )
            case TypeDeclaration():
                return TypeName(self._reader.of_declaration(declaration))
            case VariableDeclaration(_, file, binding):
                key = identity(binding)
                if key not in self._bound:
                    self._bound[key] = UNKNOWN
                    read = self._reader.read if binding.is_annotation else self.evaluate
                    self._bound[key] = read(binding.value, file)
                return self._bound[key]

    def _name(self, expression: Name, file: SourceFile) -> Type:
        identifier = expression.identifier
        if "'" in identifier:
            return self._local(identifier, file)
        declaration = self._reader.declaration(identifier, file)
        if declaration is not None:
            return self.of_declaration(declaration)
        if identifier in file.imports:
            return self._reader.package(identifier, file) or UNKNOWN
        if identifier in BUILTINS:
            return Builtin(identifier)
        stated = self._reader.read(expression, file)
        if isinstance(stated, Basic):
            return TypeName(stated)
        return stated if isinstance(stated, External) else self._package(identifier, file)

    def _package(self, identifier: str, file: SourceFile) -> Type:
        return self._reader.package(identifier, file) or UNKNOWN

    def _local(self, identifier: str, file: SourceFile) -> Type:
        binding = file.locals.get(identifier)
        if binding is None:
            return UNKNOWN
        key = identity(binding)
        known = self._bound.get(key)
        if known is None:
            self._bound[key] = UNKNOWN
            if not binding.is_annotation:
                known = self.evaluate(binding.value, file)
            elif _declares_type(binding.value):
                known = TypeName(self._reader.read(Name(identifier), file))
            else:
                known = self._reader.read(binding.value, file)
            self._bound[key] = known
        return known

    def _attribute(self, expression: Attribute, file: SourceFile) -> Type:
        owner, name = self.evaluate(expression.value, file), expression.name
        match owner:
            case Imported(package):
                declaration = package.find(name, file)
                return self.of_declaration(declaration) if declaration is not None else UNKNOWN
            case External(outside, arguments):
                return External(f"{outside}.{name}", arguments)
            case Unknown():
                return UNKNOWN
            case TypeName(type_):
                return self._members.select(type_, name)
            case _:
                return self._members.select(owner, name)

    def _call(self, expression: Call, file: SourceFile) -> Type:
        called = self.evaluate(expression.function, file)
        match called:
            case Callee(_, signature, _, open_parameters):
                if open_parameters:
                    arguments = [self.evaluate(each, file) for each in expression.arguments]
                    given = infer(signature, arguments, open_parameters)
                    return substitute(as_results(signature.results), given)
                return as_results(signature.results)
            case TypeName(type_):
                return type_
            case Builtin(name):
                return self._builtin(name, expression, file)
            case External(name, given_types):
                arguments = [self.evaluate(each, file) for each in expression.arguments]
                return result_of_standard(name, given_types, arguments)
            case Unknown():
                return UNKNOWN
            case _:
                shape = self._members.underlying(called)
                if isinstance(shape, Function):
                    return as_results(shape.results)
                return shape if isinstance(shape, External) else UNKNOWN

    def _builtin(self, name: str, expression: Call, file: SourceFile) -> Type:
        if not expression.arguments or name in ("len", "cap", "copy"):
            return INTEGER if name in ("len", "cap", "copy") else External(name)
        first = self.evaluate(expression.arguments[0], file)
        if isinstance(first, TypeName):
            return first.type
        return first if name in ("append", "min", "max") else External(name)

    def _subscript(self, expression: Subscript, file: SourceFile) -> Type:
        head = expression.value
        if isinstance(head, Name) and head.identifier in TYPE_WORDS:
            return TypeName(self._reader.read(expression, file))
        owner = self.evaluate(head, file)
        match owner:
            case Callee(_, signature, _, open_parameters) if open_parameters:
                types = [self._type_argument(each, file) for each in expression.indices]
                given = arguments_of(open_parameters, types)
                applied = substitute(signature, given)
                rest = open_parameters[len(types) :]
                if isinstance(applied, Function):
                    return replace(owner, type=applied, open_parameters=rest)
                return owner
            case TypeName():
                return TypeName(self._reader.read(expression, file))
            case External(name, ()):
                types = [self._type_argument(each, file) for each in expression.indices]
                return External(name, tuple(types))
            case _:
                return self._element(owner)

    def _type_argument(self, expression: Expression, file: SourceFile) -> Type:
        read = self._reader.read(expression, file)
        if not isinstance(read, Unknown):
            return read
        value = self.evaluate(expression, file)
        return value.type if isinstance(value, TypeName) else UNKNOWN

    def _element(self, owner: Type) -> Type:
        match self._members.underlying(owner):
            case SliceOf(element) | MapOf(_, element):
                return element
            case External(name):
                return External(f"{name}[]")
            case Basic():
                return Basic("byte")
            case _:
                return UNKNOWN

    def _item(self, expression: Item, file: SourceFile) -> Type:
        value, index = expression.value, expression.index
        if isinstance(value, Element):
            owner = self.evaluate(value.iterable, file)
            return self._ranged(owner, index)
        owner = self.evaluate(value, file)
        if isinstance(owner, Results):
            return owner.parts[index] if index < len(owner.parts) else UNKNOWN
        if isinstance(owner, Unknown | External) or index == 0:
            return owner
        # `value, ok :=` of a map, an assertion or a channel.
        return BOOLEAN

    def _ranged(self, owner: Type, index: int) -> Type:
        """What `range` gives first (index 0) and second."""
        match self._members.underlying(owner):
            case SliceOf(element):
                return element if index else INTEGER
            case MapOf(key, element):
                return element if index else key
            case ChannelOf(element):
                return element
            case Basic("string"):
                return Basic("rune") if index else INTEGER
            case Basic():
                return INTEGER
            case Function((Function(taken, _),), _):
                return taken[index] if index < len(taken) else UNKNOWN
            case External(name, arguments):
                if name in ("iter.Seq", "iter.Seq2") and index < len(arguments):
                    return arguments[index]
                return External(f"{name}[]")
            case _:
                return UNKNOWN

    def _received(self, owner: Type) -> Type:
        shape = self._members.underlying(owner)
        if isinstance(shape, ChannelOf):
            return shape.element
        return shape if isinstance(shape, External) else UNKNOWN

    def _choice(self, expression: Choice, file: SourceFile) -> Type:
        options = [self.evaluate(each, file) for each in expression.options]
        telling = (each for each in options if isinstance(each, Named | Parametric | External))
        return next(telling, options[0] if options else UNKNOWN)


def _declares_type(value: Expression) -> bool:
    return (
        isinstance(value, Subscript)
        and isinstance(value.value, Name)
        and value.value.identifier in ("type", "typeparam")
    )
