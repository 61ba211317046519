"""Types as they are written in Python, as expressions; quoted types are parsed.

Above: the reader of expressions, which owns one of these. Below: the grammar.
"""

from __future__ import annotations

from typing import Protocol

from tree_sitter import Node, Parser

from agentos_memory.expressions import UNKNOWN, Choice, Expression, Sequence, Subscript
from agentos_memory.languages.collector import Scope
from agentos_memory.languages.python_grammar import SourceText, load_grammar


class Reader(Protocol):
    """The reader of what is no special form of a type; `source` is what it cuts text from."""

    source: SourceText

    def read(self, node: Node, scope: Scope) -> Expression:
        """The expression at `node`."""
        ...

    def path(self, text: str) -> Expression:
        """The expression of a dotted name."""
        ...


class TypeReader:
    """Reads the annotations of one file."""

    def __init__(self) -> None:
        self._quoted: dict[str, Expression] = {}

    def read(self, node: Node, scope: Scope, reader: Reader) -> Expression:
        """The type written at `node`; `reader` reads what is no special form."""
        match node.type:
            case "type" | "parenthesized_expression":
                inner = node.named_children
                return self.read(inner[0], scope, reader) if inner else UNKNOWN
            case "string":
                return self._quoted_type(node, scope, reader)
            case "binary_operator" | "union_type":
                return Choice(tuple(self.read(c, scope, reader) for c in node.named_children))
            case "subscript" | "generic_type":
                return self._generic(node, scope, reader)
            case "member_type":
                return reader.path(reader.source.of(node))
            case "list":
                return Sequence(tuple(self.read(c, scope, reader) for c in node.named_children))
            case _:
                return reader.read(node, scope)

    def _quoted_type(self, node: Node, scope: Scope, reader: Reader) -> Expression:
        text = string_content(node, reader.source).strip()
        if text not in self._quoted:
            self._quoted[text] = self._parsed(text, scope, reader)
        return self._quoted[text]

    def _parsed(self, text: str, scope: Scope, reader: Reader) -> Expression:
        root = Parser(load_grammar()).parse(text.encode()).root_node
        statement = root.named_children[0] if root.named_children else None
        if statement is None or statement.type != "expression_statement" or root.has_error:
            return UNKNOWN
        outer, reader.source = reader.source, SourceText(root)
        try:
            return self.read(statement.named_children[0], scope, reader)
        finally:
            reader.source = outer

    def _generic(self, node: Node, scope: Scope, reader: Reader) -> Expression:
        head, *arguments = node.named_children
        if len(arguments) == 1 and arguments[0].type == "type_parameter":
            arguments = arguments[0].named_children
        if len(arguments) == 1 and arguments[0].type == "tuple":
            arguments = arguments[0].named_children
        types = tuple(self.read(argument, scope, reader) for argument in arguments)
        return Subscript(self.read(head, scope, reader), types)


def string_content(node: Node, source: SourceText) -> str:
    """Text between the quotes of a string without interpolations, escapes left as written."""
    return "".join(source.of(c) for c in node.named_children if c.type == "string_content")
