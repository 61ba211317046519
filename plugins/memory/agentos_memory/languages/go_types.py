"""Go's types as expressions, and the mentions of named types on the way.

Names and `pkg.Name` stay as they are, and a generic type with arguments is a subscript of it.
Every other type is a subscript of a word that no name can be: `[]` (slices and arrays), `map`,
`chan`, `struct` (a mapping of field names to types, embedded fields under `~`), `func` (a
sequence of parameter types, the last one under `...` when variadic, and one of result types),
`interface` (a mapping of methods; embedded interfaces under `~`). Pointers are left out: what
can be called on `*T` and on `T` differs only in what the compiler refuses.

Above: the expressions and definitions of Go. Below: its block scopes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Mapping as MappingType

from tree_sitter import Node

from agentos_memory.expressions import (
    UNKNOWN,
    Attribute,
    Expression,
    Literal,
    Mapping,
    Name,
    Sequence,
    Subscript,
)
from agentos_memory.languages.collector import MAX_DEPTH, FactCollector
from agentos_memory.languages.go_locals import Locals
from agentos_memory.languages.nodes import node_text, start_line
from agentos_memory.model import Reference

EMBEDDED = Literal("~")
PREDECLARED_TYPES = frozenset({
    "any", "bool", "byte", "comparable", "complex128", "complex64", "error", "float32", "float64",
    "int", "int16", "int32", "int64", "int8", "rune", "string", "uint", "uint16", "uint32",
    "uint64", "uint8", "uintptr",
})  # fmt: skip
# Prebuilt: one object a name, so that facts share them.
_PREDECLARED: MappingType[str, Expression] = {name: Name(name) for name in PREDECLARED_TYPES}

# A parameter or result: its name, "" without one, and its type.
Parameter = tuple[str, Expression]


class TypeReader:
    """Turns type nodes of one file into expressions."""

    def __init__(self, facts: FactCollector, names: Locals) -> None:
        self._facts = facts
        self._names = names
        self._depth = 0

    def read(self, node: Node, scope: str) -> Expression:
        """The type written at `node`, whose names are mentioned in `scope`."""
        reader = _READERS.get(node.type)
        if reader is None or self._depth > MAX_DEPTH:
            return UNKNOWN
        self._depth += 1
        try:
            return reader(self, node, scope)
        finally:
            self._depth -= 1

    def signature(self, node: Node, scope: str) -> Expression:
        """The function type at `node`, from its parameter lists."""
        return function_type(self.parameters(node, scope), self.results(node, scope))

    def parameters(self, node: Node, scope: str) -> list[Parameter]:
        """What the function at `node` takes, in order."""
        return self._parameters(node.child_by_field_name("parameters"), scope)

    def results(self, node: Node, scope: str) -> list[Parameter]:
        """What the function at `node` gives, in order; results rarely have names."""
        result = node.child_by_field_name("result")
        if result is None or result.type == "parameter_list":
            return self._parameters(result, scope)
        return [("", self.read(result, scope))]

    def _parameters(self, node: Node | None, scope: str) -> list[Parameter]:
        found: list[Parameter] = []
        for child in node.named_children if node is not None else []:
            declared = child.child_by_field_name("type")
            if declared is None:
                continue
            value = self.read(declared, scope)
            if child.type == "variadic_parameter_declaration":
                value = Subscript(Name("..."), (value,))
            names = child.children_by_field_name("name")
            found.extend([(node_text(name), value) for name in names] or [("", value)])
        return found

    def _named(self, node: Node, scope: str) -> Expression:
        name = node_text(node)
        local = self._names.find(name)
        if local is not None:
            return Name(local)
        if name in PREDECLARED_TYPES:
            return _PREDECLARED[name]
        read = Name(name)
        self._facts.references.append(Reference(scope, read, start_line(node)))
        return read

    def _qualified(self, node: Node, scope: str) -> Expression:
        package, _, name = node_text(node).partition(".")
        package, name = package.strip(), name.strip()
        local = self._names.find(package)
        if local is not None:
            # `fields[x.index]` may look like a generic type.
            return Attribute(Name(local), name)
        read = Attribute(Name(package), name)
        self._facts.references.append(Reference(scope, read, start_line(node)))
        return read

    def _generic(self, node: Node, scope: str) -> Expression:
        head, *rest = [child for child in node.named_children if child.type != "comment"]
        arguments = rest[-1].named_children if rest else []
        read = tuple(self.read(each, scope) for each in arguments if each.type != "comment")
        return Subscript(self.read(head, scope), read)

    def _inner(self, node: Node, scope: str) -> Expression:
        read = [self.read(each, scope) for each in node.named_children if each.type != "comment"]
        # A union of types is a constraint without methods of its own.
        return read[0] if len(read) == 1 else UNKNOWN

    def _elements(self, node: Node, scope: str) -> Expression:
        element = node.child_by_field_name("element")
        read = self.read(element, scope) if element is not None else UNKNOWN
        return Subscript(Name("[]"), (read,))

    def _map(self, node: Node, scope: str) -> Expression:
        key, value = node.child_by_field_name("key"), node.child_by_field_name("value")
        if key is None or value is None:
            return UNKNOWN
        return Subscript(Name("map"), (self.read(key, scope), self.read(value, scope)))

    def _channel(self, node: Node, scope: str) -> Expression:
        value = node.child_by_field_name("value")
        read = self.read(value, scope) if value is not None else UNKNOWN
        return Subscript(Name("chan"), (read,))

    def _struct(self, node: Node, scope: str) -> Expression:
        keys: list[Expression] = []
        values: list[Expression] = []
        for names, declared in fields_of(node):
            read = self.read(declared, scope)
            for key in [Literal(node_text(name)) for name in names] or [EMBEDDED]:
                keys.append(key)
                values.append(read)
        return Subscript(Name("struct"), (Mapping(tuple(keys), tuple(values)),))

    def _interface(self, node: Node, scope: str) -> Expression:
        keys: list[Expression] = []
        values: list[Expression] = []
        for child in node.named_children:
            name = child.child_by_field_name("name") if child.type == "method_elem" else None
            if name is not None:
                keys.append(Literal(node_text(name)))
                values.append(self.signature(child, scope))
            elif child.type == "type_elem":
                keys.append(EMBEDDED)
                values.append(self.read(child, scope))
        return Subscript(Name("interface"), (Mapping(tuple(keys), tuple(values)),))


def function_type(parameters: list[Parameter], results: list[Parameter]) -> Expression:
    """The function type of these parameters and results."""
    taken, given = ([value for _, value in each] for each in (parameters, results))
    return Subscript(Name("func"), (Sequence(tuple(taken)), Sequence(tuple(given))))


def fields_of(struct: Node) -> Iterator[tuple[list[Node], Node]]:
    """The field declarations of a struct type: names (none when embedded) and type."""
    for body in struct.named_children:
        for field in body.named_children:
            declared = field.child_by_field_name("type")
            if declared is not None:
                yield field.children_by_field_name("name"), declared


# Of the class and not of its instances, which would hold themselves alive by their own methods.
_READERS: MappingType[str, Callable[[TypeReader, Node, str], Expression]] = {
    "type_identifier": TypeReader._named,
    "identifier": TypeReader._named,
    "qualified_type": TypeReader._qualified,
    "generic_type": TypeReader._generic,
    "pointer_type": TypeReader._inner,
    "parenthesized_type": TypeReader._inner,
    "negated_type": TypeReader._inner,
    "type_constraint": TypeReader._inner,
    "type_elem": TypeReader._inner,
    "slice_type": TypeReader._elements,
    "array_type": TypeReader._elements,
    "implicit_length_array_type": TypeReader._elements,
    "map_type": TypeReader._map,
    "channel_type": TypeReader._channel,
    "function_type": TypeReader.signature,
    "struct_type": TypeReader._struct,
    "interface_type": TypeReader._interface,
}
TYPE_KINDS = frozenset(_READERS) - {"identifier"}
"""The node types that stand for types only, never for values."""
