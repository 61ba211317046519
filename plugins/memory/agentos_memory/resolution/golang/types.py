"""What a Go expression may be: a value of a static type, a type itself, a package, a function.

Pointers do not appear: `*T` and `T` are one type here. `External` lies outside the repository and
is known to; `Unknown` is not known at all, which is what leaves a call site open.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentos_memory.resolution.golang.declarations import (
    FunctionDeclaration,
    Package,
    TypeDeclaration,
    TypeParameter,
)


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nothing is known."""


@dataclass(frozen=True, slots=True)
class Basic:
    """A predeclared type, or an untyped constant's default one."""

    name: str


@dataclass(frozen=True, slots=True)
class External:
    """A package, type, function or value from outside the repository."""

    name: str
    arguments: tuple[Type, ...] = ()


@dataclass(frozen=True, slots=True)
class Named:
    """A defined type of the repository with its type arguments."""

    declaration: TypeDeclaration
    arguments: tuple[Type, ...] = ()


@dataclass(frozen=True, slots=True)
class Parametric:
    """A type parameter inside the declaration that introduces it."""

    parameter: TypeParameter


@dataclass(frozen=True, slots=True)
class SliceOf:
    """A slice or an array."""

    element: Type


@dataclass(frozen=True, slots=True)
class MapOf:
    """A map."""

    key: Type
    element: Type


@dataclass(frozen=True, slots=True)
class ChannelOf:
    """A channel of either direction."""

    element: Type


@dataclass(frozen=True, slots=True)
class Function:
    """A function type; a variadic one takes a slice last."""

    parameters: tuple[Type, ...]
    results: tuple[Type, ...]
    is_variadic: bool = False


@dataclass(frozen=True, slots=True)
class Struct:
    """A struct type: named fields, and embedded ones under their types' names."""

    fields: tuple[tuple[str, Type], ...]
    embedded: tuple[tuple[str, Type], ...]


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface type: its own methods, and the interfaces that it embeds."""

    methods: tuple[tuple[str, Type], ...]
    embedded: tuple[Type, ...]


@dataclass(frozen=True, slots=True)
class Results:
    """What a call with no result or several gives."""

    parts: tuple[Type, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    """The name of a package of the repository."""

    package: Package


@dataclass(frozen=True, slots=True)
class TypeName:
    """A type where a value may stand: a conversion's target, an argument of `new`."""

    type: Type


@dataclass(frozen=True, slots=True)
class Callee:
    """A declared function or method; `type` is its signature as seen where it stands.

    `is_promoted` says that the method came through an embedded field. `open_parameters` are type
    parameters that a call has yet to infer.
    """

    declaration: FunctionDeclaration
    type: Function
    is_promoted: bool = False
    open_parameters: tuple[TypeParameter, ...] = ()


@dataclass(frozen=True, slots=True)
class Builtin:
    """A predeclared function."""

    name: str


Type = (
    Unknown
    | Basic
    | External
    | Named
    | Parametric
    | SliceOf
    | MapOf
    | ChannelOf
    | Function
    | Struct
    | Interface
    | Results
    | Imported
    | TypeName
    | Callee
    | Builtin
)

UNKNOWN = Unknown()
BOOLEAN = Basic("bool")
INTEGER = Basic("int")


def as_results(types: tuple[Type, ...]) -> Type:
    """What a call with these results gives."""
    return types[0] if len(types) == 1 else Results(types)
