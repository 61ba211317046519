"""What a Python file says about pytest fixtures by text: names in decorators, marks and requests.

The walkers of statements and expressions call it where they meet one. Below: the collector.
"""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from agentos_memory.languages.collector import FactCollector, Scope
from agentos_memory.languages.nodes import start_line
from agentos_memory.languages.python_annotations import string_content
from agentos_memory.languages.python_grammar import STRING, SourceText
from agentos_memory.model import FixtureNote, FixtureRole

# What a call of it says; the last part of a dotted name.
MARKS = ("usefixtures", "parametrize", "fixture")
# Names of a module or class that pytest reads.
MARK_LISTS = frozenset({"pytestmark", "pytest_plugins"})
# How a test gets a fixture in its body.
REQUEST = "getfixturevalue"


class FixtureReader:
    """Records the notes of one file."""

    def __init__(self, facts: FactCollector, source: SourceText) -> None:
        self._facts = facts
        self._source = source

    def mark(self, node: Node, owner: str) -> None:
        """Record what the decorator or mark at `node` says about `owner`."""
        function = node.child_by_field_name("function")
        arguments = node.child_by_field_name("arguments")
        if function is None or arguments is None:
            return
        called = self._source.of(function).rpartition(".")[2]
        if called == "usefixtures":
            for name in self._strings(arguments):
                self._note(owner, name, node, "used")
        elif called == "parametrize":
            self._parametrize(node, arguments, owner)
        elif called.endswith("fixture"):
            self._fixture(node, arguments, owner)

    def assign(self, name: str, value: Node, scope: Scope) -> None:
        """Record what is said by an assignment to one of MARK_LISTS."""
        if name == "pytest_plugins":
            for module in self._strings(value):
                self._note(scope.qualified_name, module, value, "plugin")
            return
        for mark in [value, *value.named_children]:
            self.mark(mark, scope.qualified_name)

    def request(self, arguments: Node, scope: Scope) -> None:
        """Record a request in a body, where it names a fixture literally."""
        for name in self._strings(arguments):
            self._note(scope.qualified_name, name, arguments, "requested")

    def _fixture(self, node: Node, arguments: Node, owner: str) -> None:
        keywords = dict(self._keywords(arguments))
        autouse, name = keywords.get("autouse"), keywords.get("name")
        if autouse is not None and self._source.of(autouse) != "False":
            self._note(owner, "", node, "autouse")
        for text in self._strings(name):
            self._note(owner, text, node, "named")

    def _parametrize(self, node: Node, arguments: Node, owner: str) -> None:
        keywords = dict(self._keywords(arguments))
        positional = [c for c in arguments.named_children if c.type != "keyword_argument"]
        names = keywords.get("argnames") or (positional[0] if positional else None)
        indirect = keywords.get("indirect") or (positional[2] if len(positional) > 2 else None)
        through_fixtures = set(self._strings(indirect))
        if indirect is not None and not through_fixtures and indirect.type != "false":
            return
        for text in self._strings(names):
            for name in text.replace(",", " ").split():
                if name not in through_fixtures:
                    self._note(owner, name, node, "given")

    def _keywords(self, arguments: Node) -> Iterator[tuple[str, Node]]:
        for child in arguments.named_children:
            if child.type == "keyword_argument" and len(child.named_children) >= 2:
                yield self._source.of(child.named_children[0]), child.named_children[-1]

    def _strings(self, node: Node | None) -> list[str]:
        """The texts at the node, or directly inside of it."""
        if node is None:
            return []
        found = [node] if node.kind_id == STRING else node.named_children
        texts = [string_content(each, self._source) for each in found if each.kind_id == STRING]
        return [text for text in texts if text]

    def _note(self, owner: str, name: str, node: Node, role: FixtureRole) -> None:
        self._facts.fixtures.append(FixtureNote(owner, name, start_line(node), role))
