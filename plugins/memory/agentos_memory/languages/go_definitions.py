"""Go's declarations: functions, methods, types, variables and constants of packages and blocks.

What the resolver needs beside symbols stands in bindings under words that no name can be:
`package` (the clause's name), `go:build` (the constraint), and in the scope of a type `type` or
`=` (what it is defined or an alias as), in that of a method `func` (the receiver's type).
Above: the statements. Below: types and block scopes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile

from tree_sitter import Node

from agentos_memory.expressions import UNKNOWN, Expression, Item, Literal, Name, Subscript
from agentos_memory.languages.collector import FactCollector, Scope, Span
from agentos_memory.languages.go_locals import Locals
from agentos_memory.languages.go_types import EMBEDDED, Parameter, TypeReader, function_type
from agentos_memory.languages.nodes import end_line, header_text, node_text, start_line
from agentos_memory.model import ClassFacts, FunctionFacts, SymbolKind

MAX_SIGNATURE_CHARS = 200


class DefinitionReader:
    """Records declarations; bodies and values are left to the statements."""

    def __init__(self, facts: FactCollector, names: Locals, types: TypeReader) -> None:
        self._facts = facts
        self._names = names
        self._types = types

    def function(self, node: Node, docstring: str) -> str:
        """Record the function or method at `node`, its block open; gives its qualified name.

        "" when it has no name. Parameters are declared as locals.
        """
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        if name is None:
            return ""
        receiver = node.child_by_field_name("receiver")
        owner, owner_arguments = receiver_type(receiver)
        module = Scope(self._facts.module, "module")
        scope = Scope(f"{self._facts.module}:{owner}", "class") if owner else module
        qualified_name = self._facts.define(
            scope,
            node_text(name),
            "method" if owner else "function",
            Span(start_line(node), end_line(node), start_line(name)),
            signature=header_text(node, body),
            docstring=docstring,
        )
        if owner:
            self._receiver(receiver, owner, owner_arguments, qualified_name)
        self._type_parameters(node, qualified_name)
        parameters = self._types.parameters(node, qualified_name)
        results = self._types.results(node, qualified_name)
        self._facts.functions.append(
            FunctionFacts(
                qualified_name,
                start_line(node),
                tuple([parameter for parameter, _ in parameters]),
                (),
                function_type(parameters, results),
                (),
                (),
            )
        )
        self.declare_parameters([*parameters, *results], qualified_name, start_line(node))
        return qualified_name

    def declare_parameters(self, parameters: Sequence[Parameter], scope: str, line: int) -> None:
        """Declare named parameters and results in the open block."""
        for name, declared in parameters:
            if name and name != "_":
                self.local(name, declared, scope, line, is_annotation=True)

    def local(
        self, name: str, value: Expression, scope: str, line: int, *, is_annotation: bool = False
    ) -> None:
        """Declare a local of that value or type."""
        identifier = self._names.declare(name)
        self._facts.bind(scope, identifier, value, line, is_annotation=is_annotation)

    def build_constraint(self, nodes: Sequence[Node]) -> None:
        """Record what the comments above the package clause ask of a build."""
        module, older = self._facts.module, []
        for node in takewhile(lambda each: each.type == "comment", nodes):
            text = node_text(node)
            if text.startswith("//go:build "):
                constraint = " ".join(text.split()[1:])
                self._facts.bind(module, "go:build", Literal(constraint), start_line(node))
                return
            if text.startswith("// +build "):
                older.append(_modern_constraint(text.split()[2:]))
        if older:
            self._facts.bind(module, "go:build", Literal(" && ".join(older)), 1)

    def package_clause(self, node: Node, docstring: str) -> None:
        """Record the package's name and documentation."""
        for child in node.named_children:
            if child.type == "package_identifier":
                self._facts.module_docstring = docstring
                value = Literal(node_text(child))
                self._facts.bind(self._facts.module, "package", value, start_line(node))

    def type_spec(self, node: Node, scope: str, docstring: str) -> None:
        """Record `type T ...` or `type T = ...`, at the top or in the block of `scope`."""
        name, declared = node.child_by_field_name("name"), node.child_by_field_name("type")
        if name is None or declared is None:
            return
        is_local = scope != self._facts.module
        qualified_name = self._facts.define(
            Scope(scope, "function" if is_local else "module"),
            node_text(name),
            type_kind(node, declared),
            Span(start_line(node), end_line(node), start_line(name)),
            signature=f"type {signature_of(node, declared)}",
            docstring=docstring,
        )
        if is_local:
            value = Subscript(Name("type"), (Literal(qualified_name),))
            self.local(node_text(name), value, scope, start_line(name), is_annotation=True)
        with self._names.block():
            self._type_parameters(node, qualified_name)
            self._type_body(node, declared, qualified_name)

    def variables(
        self, node: Node, names: Sequence[Node], docstring: str, word: str
    ) -> list[tuple[str, str]]:
        """Record the package's variables or constants of one spec: (name, qualified name)."""
        found: list[tuple[str, str]] = []
        for name in names:
            text = node_text(name)
            if text == "_":
                found.append((text, self._facts.module))
                continue
            qualified_name = self._facts.define(
                Scope(self._facts.module, "module"),
                text,
                "variable",
                Span(start_line(node), end_line(node), start_line(name)),
                signature=f"{word} {' '.join(node_text(node).split())}"[:MAX_SIGNATURE_CHARS],
                docstring=docstring,
            )
            found.append((text, qualified_name))
        return found

    def _type_body(self, node: Node, declared: Node, qualified_name: str) -> None:
        line = start_line(node)
        underlying = self._types.read(declared, qualified_name)
        word = "=" if node.type == "type_alias" else "type"
        self._facts.bind(qualified_name, word, underlying, line, is_annotation=True)
        if word == "type":
            bases = tuple(embedded_types(underlying))
            self._facts.classes.append(ClassFacts(qualified_name, line, bases))
        if declared.type == "interface_type":
            self._interface_methods(declared, qualified_name)

    def _interface_methods(self, declared: Node, qualified_name: str) -> None:
        for docstring, child in documented(declared.named_children):
            name = child.child_by_field_name("name") if child.type == "method_elem" else None
            if name is not None:
                self._facts.define(
                    Scope(qualified_name, "class"),
                    node_text(name),
                    "method",
                    Span(start_line(child), end_line(child), start_line(name)),
                    signature=header_text(child, None),
                    docstring=docstring,
                )

    def _type_parameters(self, node: Node, scope: str) -> None:
        parameters = node.child_by_field_name("type_parameters")
        declared: list[tuple[str, Node]] = []
        for child in parameters.named_children if parameters is not None else []:
            constraint = child.child_by_field_name("type")
            for name in child.children_by_field_name("name"):
                if constraint is not None:
                    declared.append((self._names.declare(node_text(name)), constraint))
        # A constraint may name any of the parameters.
        for identifier, constraint in declared:
            value = Subscript(Name("typeparam"), (self._types.read(constraint, scope),))
            self._facts.bind(scope, identifier, value, start_line(constraint), is_annotation=True)

    def _receiver(
        self, receiver: Node | None, owner: str, arguments: Sequence[str], scope: str
    ) -> None:
        if receiver is None:
            return
        line = start_line(receiver)
        parameters: list[Expression] = []
        for index, argument in enumerate(arguments):
            # The receiver renames the type's own parameters.
            identifier = self._names.declare(argument)
            value = Subscript(Name("typeparam"), (Item(Name(owner), index),))
            self._facts.bind(scope, identifier, value, line, is_annotation=True)
            parameters.append(Name(identifier))
        declared: Expression = Name(owner)
        if parameters:
            declared = Subscript(declared, tuple(parameters))
        self._facts.bind(scope, "func", declared, line, is_annotation=True)
        for child in receiver.named_children:
            name = child.child_by_field_name("name")
            if name is not None and node_text(name) != "_":
                self.local(node_text(name), declared, scope, line, is_annotation=True)


def _modern_constraint(options: Sequence[str]) -> str:
    """`a,b !c`, the form before Go 1.17, as `((a && b) || (!c))`."""
    every = [f"({each.replace(',', ' && ')})" for each in options]
    return f"({' || '.join(every)})"


def receiver_type(receiver: Node | None) -> tuple[str, list[str]]:
    """The name of a method's type and what it calls the type's parameters; "" for a function."""
    for child in receiver.named_children if receiver is not None else []:
        declared = child.child_by_field_name("type")
        while declared is not None and declared.type in ("pointer_type", "parenthesized_type"):
            declared = declared.named_children[0] if declared.named_children else None
        if declared is None:
            continue
        if declared.type != "generic_type":
            return node_text(declared), []
        head, *rest = declared.named_children
        return node_text(head), [node_text(each) for each in rest[-1].named_children]
    return "", []


def embedded_types(underlying: Expression) -> Iterator[Expression]:
    """The types that a struct or an interface embeds."""
    match underlying:
        case Subscript(Name("struct" | "interface"), (members,)):
            for key, value in zip(members.keys, members.values, strict=True):  # type: ignore[union-attr]
                if key == EMBEDDED and value != UNKNOWN:
                    yield value


def type_kind(node: Node, declared: Node) -> SymbolKind:
    """What a type declaration is called among symbols."""
    if node.type == "type_alias":
        return "type"
    kinds: dict[str, SymbolKind] = {"struct_type": "class", "interface_type": "interface"}
    return kinds.get(declared.type, "type")


def signature_of(node: Node, declared: Node) -> str:
    """The text of a type declaration up to its fields or methods."""
    if declared.type in ("struct_type", "interface_type"):
        return " ".join(node_text(node).split("{", 1)[0].split())
    return " ".join(node_text(node).split())[:MAX_SIGNATURE_CHARS]


def documented(nodes: Sequence[Node]) -> Iterator[tuple[str, Node]]:
    """Each node that is no comment, with the text of the comment that ends right above it."""
    comments: list[Node] = []
    for node in nodes:
        row = node.start_point[0]
        if comments and comments[-1].end_point[0] + 1 < row:
            comments = []
        if node.type == "comment":
            comments.append(node)
        else:
            # A comment behind code on the same line belongs to that code.
            yield comment_text([c for c in comments if c.start_point[0] != row]), node
            comments = []


def comment_text(comments: Sequence[Node]) -> str:
    """Text of comments without their marks and without directives such as `//go:generate`."""
    lines: list[str] = []
    for comment in comments:
        text = node_text(comment)
        if text.startswith("/*"):
            lines += [line.strip() for line in text[2:].removesuffix("*/").splitlines()]
        elif text.startswith(("// ", "//\t")) or text == "//":
            lines.append(text[3:])
    return "\n".join(lines).strip()
