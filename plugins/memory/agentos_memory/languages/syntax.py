"""How one language is read by queries: the small declaration that its facts are made from.

A query says what there is (definitions, calls, bindings, imports); a `Syntax` says how the nodes
that stand for expressions are called in the grammar. Above: the languages. Below: nothing.

Captures of a query, one subject a pattern, beside its details `name`, `type`, `value`, `body`:

- `definition.<kind>`: a symbol of that kind, with `name`, perhaps `body` (the signature ends
  before it), `returns` (its declared type) and `owner` (the class written before the name).
- `namespace`: the file's own package or namespace, as `package a.b;` states it.
- `base`: a type that the enclosing class extends or implements.
- `static`: marks the enclosing definition as belonging to the class.
- `binding`: a variable, with `name`, and `type`, `value` or `iterated` (it is an element of that).
- `parameter`: the same for a parameter of the enclosing function.
- `field`: the same for a member of the enclosing class.
- `call`: a node that `Syntax.calls` or `Syntax.created` describes.
- `alias`: another name for a `type`.
- `comment`: one; those right above a definition are its documentation. `between` may stand
  between the two, as attributes do, and `around` carries the comment of what it holds.
- `import`: a node that `Syntax.read_imports` reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from tree_sitter import Node

from agentos_memory.expressions import Expression

# Ends a name that is looked up apart from variables.
CALL_MARK = "()"

# Module, name, bound name, level: the fields of `model.Import` that a statement gives.
ImportParts = tuple[str, str | None, str, int]


@dataclass(frozen=True, slots=True)
class Call:
    """A node that calls: the fields of what stands before the name, and of the name.

    Without `receiver` the `name` field holds the whole expression that is called.
    """

    name: str
    receiver: str | None = None


def read_no_imports(node: Node) -> Iterable[ImportParts]:
    """No imports: for languages whose queries capture none."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Syntax:
    """What one grammar calls its nodes. Keys are node types, values the fields that matter."""

    query: str
    """The text of the query; `packaged_query` reads one of this plugin's."""
    names: frozenset[str] = frozenset()
    """Bare identifiers."""
    members: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """`object.name` and `Scope::name`: the fields of object and name."""
    calls: Mapping[str, Call] = field(default_factory=dict)
    created: Mapping[str, str | None] = field(default_factory=dict)
    """`new T()`: the field of the type; None where it is the first child."""
    wrappers: frozenset[str] = frozenset()
    """What has the value of its first child: parentheses, `await`, `&x`."""
    receivers: Mapping[str, str] = field(default_factory=dict)
    """Node types or texts that mean `this` or `super`."""
    transparent_types: frozenset[str] = frozenset()
    """Generic types through which members of their first argument are reached."""
    containers: frozenset[str] = frozenset()
    """Generic types that hold values of their first argument."""
    elements: frozenset[str] = frozenset()
    """Nodes that take what their first child holds, such as `x?` of Rust."""
    element_calls: frozenset[str] = frozenset()
    """Methods that take what their receiver holds, such as `unwrap`."""
    inferred_types: frozenset[str] = frozenset()
    """Words in a type's place that leave it to the value, such as `var`."""
    marks_calls: bool = False
    """Whether a bare called name is looked up apart from variables."""
    created_by: str = ""
    """The method of a class that makes an instance, such as `new` of Ruby."""
    repeats_super: bool = False
    """Whether `super` alone calls the method of the same name above."""
    has_bare_calls: bool = False
    """Whether a name that is no variable is a call."""
    field_sigil: str = ""
    """What the name of a field begins with where it is declared, and not where it is used."""
    read_imports: Callable[[Node], Iterable[ImportParts]] = read_no_imports
    read_special: Callable[[Node], Expression | None] | None = None
    """Reads an expression that the tables cannot describe; None where they can."""


@cache
def packaged_query(name: str) -> str:
    """The text of `queries/<name>.scm`."""
    return files("agentos_memory.languages").joinpath(f"queries/{name}.scm").read_text("utf-8")
