"""The small expression language that extractors write and the resolver evaluates.

Every language is reduced to it, so that one resolver serves all. It keeps only what says where
a value comes from; operators, literals' contents and control flow are gone. Expressions are
immutable and hashable, and hold no syntax trees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True, unsafe_hash=True)
class Unknown:
    """A value that nothing is known about."""


@dataclass(slots=True, unsafe_hash=True)
class Literal:
    """A value of a built-in type, such as `"text"` or `3`; `type_name` is `str`, `int`, ..."""

    type_name: str


@dataclass(slots=True, unsafe_hash=True)
class Name:
    """A bare identifier, looked up in the scope where it stands."""

    identifier: str


@dataclass(slots=True, unsafe_hash=True)
class Attribute:
    """`value.name`."""

    value: Expression
    name: str


@dataclass(slots=True, unsafe_hash=True)
class Call:
    """`function(arguments, keyword=...)`, also `new function(...)`."""

    function: Expression
    arguments: tuple[Expression, ...] = ()
    keywords: tuple[tuple[str, Expression], ...] = ()


@dataclass(slots=True, unsafe_hash=True)
class Subscript:
    """`value[indices]`; in annotations, a generic type with its arguments."""

    value: Expression
    indices: tuple[Expression, ...]


@dataclass(slots=True, unsafe_hash=True)
class Sequence:
    """A list, tuple, set, array or comprehension; `elements` are samples of what it holds."""

    elements: tuple[Expression, ...]


@dataclass(slots=True, unsafe_hash=True)
class Mapping:
    """A dictionary display; `keys` and `values` are samples of what it holds."""

    keys: tuple[Expression, ...]
    values: tuple[Expression, ...]


@dataclass(slots=True, unsafe_hash=True)
class Choice:
    """One of several values: a conditional, `a or b`, or a union annotation."""

    options: tuple[Expression, ...]


@dataclass(slots=True, unsafe_hash=True)
class Item:
    """What unpacking `value` puts at `index`: `b` in `a, b = value` is item 1."""

    value: Expression
    index: int


@dataclass(slots=True, unsafe_hash=True)
class Element:
    """What iteration over `iterable` yields."""

    iterable: Expression


@dataclass(slots=True, unsafe_hash=True)
class Entered:
    """What `with context as x` binds."""

    context: Expression


@dataclass(slots=True, unsafe_hash=True)
class Typed:
    """A value of the declared type `annotation`, as a cast states it."""

    annotation: Expression


@dataclass(slots=True, unsafe_hash=True)
class FunctionType:
    """The type of a function; with `is_variadic` the last parameter takes all further arguments."""

    parameters: tuple[Expression, ...]
    is_variadic: bool
    result: Expression


SPREAD = "..."


@dataclass(slots=True, unsafe_hash=True)
class Record:
    """An object with known members; `is_open` says that it may have more.

    The name SPREAD stands before an object whose members it has as well.
    """

    names: tuple[str, ...]
    values: tuple[Expression, ...]
    is_open: bool


@dataclass(slots=True, unsafe_hash=True)
class Defined:
    """The function of that qualified name in the same file, which no bare name reaches."""

    qualified_name: str


@dataclass(slots=True, unsafe_hash=True)
class Parameter:
    """What `function` declares for its argument at `index`; of a callback, what it receives."""

    function: Expression
    index: int


@dataclass(slots=True, unsafe_hash=True)
class TypeOf:
    """The type of a value, where a type is written: `typeof value`, or what a function gives."""

    value: Expression


@dataclass(slots=True, unsafe_hash=True)
class Generic:
    """A type with parameters, each with what it extends; `Subscript` applies it."""

    parameters: tuple[tuple[str, Expression], ...]
    body: Expression


@dataclass(slots=True, unsafe_hash=True)
class Scoped:
    """A type that is read in another scope, made by the resolver where it applies a generic."""

    annotation: Expression
    scope: Any


Expression = (
    Unknown
    | Literal
    | Name
    | Attribute
    | Call
    | Subscript
    | Sequence
    | Mapping
    | Choice
    | Item
    | Element
    | Entered
    | Typed
    | FunctionType
    | Record
    | Defined
    | Parameter
    | TypeOf
    | Generic
    | Scoped
)

UNKNOWN = Unknown()
