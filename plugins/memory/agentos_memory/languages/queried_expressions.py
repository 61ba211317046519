"""Expressions of a language from the tables of its `Syntax`.

Above: the extractor that reads by queries. Below: nodes, expressions.
"""

from __future__ import annotations

from tree_sitter import Node

from agentos_memory.expressions import UNKNOWN, Attribute, Call, Element, Expression, Name, Typed
from agentos_memory.languages.nodes import node_text
from agentos_memory.languages.syntax import CALL_MARK, Syntax
from agentos_memory.languages.written_types import dotted, read_written_type

# A chain of calls nests one level a link; what goes deeper is generated.
MAX_CHAIN = 40
MAX_NAME_CHARS = 200


class ExpressionReader:
    """Reads the expressions of one file; equal ones are one object."""

    def __init__(self, syntax: Syntax) -> None:
        self._syntax = syntax
        self._kept: dict[Expression, Expression] = {}
        self._types: dict[str, Expression] = {}

    def read(self, node: Node | None, depth: int = 0) -> Expression:
        """What the node's value is; unknown for what the tables do not name."""
        if node is None or depth > MAX_CHAIN:
            return UNKNOWN
        syntax, kind = self._syntax, node.type
        if syntax.read_special is not None:
            special = syntax.read_special(node)
            if special is not None:
                return self._keep(special)
        if kind in syntax.receivers:
            return self._keep(Name(syntax.receivers[kind]))
        if kind in syntax.names:
            text = node_text(node)
            return self._keep(Name(syntax.receivers.get(text, text)[:MAX_NAME_CHARS]))
        if kind in syntax.members:
            return self._member(node, *syntax.members[kind], depth)
        if kind in syntax.calls or kind in syntax.created:
            return self._result(self.called(node, depth))
        if kind in syntax.elements and node.named_child_count:
            return self._keep(Element(self.read(node.named_children[0], depth + 1)))
        if kind in syntax.wrappers and node.named_child_count:
            return self.read(node.named_children[0], depth + 1)
        return UNKNOWN

    def called(self, node: Node, depth: int = 0) -> Expression:
        """What a calling node calls."""
        created = self._syntax.created
        if node.type in created:
            field = created[node.type]
            named = node.child_by_field_name(field) if field else _first_named(node)
            return UNKNOWN if named is None else self._class(named)
        call = self._syntax.calls[node.type]
        name = node.child_by_field_name(call.name) if call.name else node
        if name is None:
            return UNKNOWN
        receiver = node.child_by_field_name(call.receiver) if call.receiver else None
        if receiver is not None:
            owner = self.read(receiver, depth + 1)
            if node_text(name) == self._syntax.created_by:
                return owner
            return self._keep(Attribute(owner, node_text(name)[:MAX_NAME_CHARS]))
        # A name alone, or an expression such as a member that holds the receiver itself.
        if name is node:
            text = node_text(name)
            read: Expression = Name(self._syntax.receivers.get(text, text))
        else:
            read = self.read(name, depth + 1)
        if self._syntax.marks_calls and isinstance(read, Name) and read.identifier != "super":
            return self._keep(Name(read.identifier + CALL_MARK))
        return read

    def type(self, node: Node) -> Expression | None:
        """The declared type that the node writes; None where it leaves it to the value."""
        text = node_text(node)
        if text in self._syntax.inferred_types:
            return None
        if text not in self._types:
            receiver = self._syntax.receivers.get(text)
            self._types[text] = (
                Name("Self")
                if receiver == "Self"
                else read_written_type(
                    text, self._syntax.transparent_types, self._syntax.containers
                )
            )
        return self._types[text]

    def typed(self, node: Node) -> Expression | None:
        """A value of the type that the node writes."""
        declared = self.type(node)
        return None if declared is None else self._keep(Typed(declared))

    def _result(self, called: Expression) -> Expression:
        if called is UNKNOWN:
            return UNKNOWN
        if isinstance(called, Attribute) and called.name in self._syntax.element_calls:
            return self._keep(Element(called.value))
        return self._keep(Call(called))

    def _class(self, node: Node) -> Expression:
        text = node_text(node)
        receiver = self._syntax.receivers.get(text)
        if receiver is not None:
            return Name("Self") if receiver == "Self" else UNKNOWN
        declared = read_written_type(text, frozenset())
        # Type arguments say nothing about what is made.
        value = getattr(declared, "value", declared) if "<" in text else declared
        return self._keep(value)

    def _member(self, node: Node, owner: str, name: str, depth: int) -> Expression:
        held = node.child_by_field_name(owner)
        if name:
            member = node.child_by_field_name(name)
        else:
            # `x?.name` keeps its name one node deeper.
            member = node.named_children[-1].child_by_field_name("name")
        if member is None:
            return UNKNOWN
        if member.type in self._syntax.members:
            # `a::b::c` nests to the right in C++.
            return self._keep(_joined(node_text(node)))
        text = node_text(member).partition("<")[0].strip()[:MAX_NAME_CHARS]
        if held is None:
            return self._keep(Name(text))
        return self._keep(Attribute(self.read(held, depth + 1), text))

    def _keep(self, expression: Expression) -> Expression:
        return self._kept.setdefault(expression, expression)


def _joined(text: str) -> Expression:
    return dotted(text) if len(text) <= MAX_NAME_CHARS else UNKNOWN


def _first_named(node: Node) -> Node | None:
    return node.named_children[0] if node.named_child_count else None
