"""Where the values of a JSON text stand: a parser that keeps positions, comments allowed.

Above: `json_document`. VS Code's files have comments and trailing commas; both are skipped here,
so that edits can leave them where they are.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, NoReturn

from agentos.errors import ConfigurationError

MAX_DEPTH = 100

_SPACE = re.compile(r"(?:[ \t\r\n\ufeff]+|//[^\r\n]*|/\*[\s\S]*?\*/)*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_SCALAR = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")


@dataclass(slots=True)
class Node:
    """A value and where it stands: text[start:end]."""

    value: Any
    start: int
    end: int = 0
    children: list[Child] = field(default_factory=list)
    """Members of an object, elements of an array."""
    trailing_comma: int | None = None
    """Where a comma after the last child stands."""


@dataclass(slots=True)
class Child:
    """A member or an element; `start` is that of its key, where it has one."""

    key: str | None
    start: int
    node: Node
    comma: int | None = None
    """Where the comma that follows it stands."""


def parse(text: str, name: str) -> Node:
    """The one value of `text`; ConfigurationError with line and column for anything else."""
    return _Parser(text, name).document()


class _Parser:
    def __init__(self, text: str, name: str) -> None:
        self._text = text
        self._name = name
        self._at = 0

    def document(self) -> Node:
        self._skip()
        node = self._value(0)
        self._skip()
        if self._at != len(self._text):
            self._fail("something follows the end of the document")
        return node

    def _value(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            self._fail(f"values are nested deeper than {MAX_DEPTH}")
        sign = self._text[self._at : self._at + 1]
        if sign == "{":
            return self._container("}", depth)
        if sign == "[":
            return self._container("]", depth)
        return self._string() if sign == '"' else self._scalar()

    def _container(self, end: str, depth: int) -> Node:
        is_object = end == "}"
        node = Node({} if is_object else [], self._at)
        self._at += 1
        self._skip()
        while not self._takes(end):
            if node.children and node.children[-1].comma is None:
                self._fail(f"',' or '{end}' is missing")
            child = self._child(is_object, depth)
            if is_object:
                if child.key in node.value:
                    self._fail(f"the key {child.key!r} stands twice")
                node.value[child.key] = child.node.value
            else:
                node.value.append(child.node.value)
            node.children.append(child)
            self._skip()
            if self._takes(","):
                child.comma = self._at - 1
                self._skip()
        if node.children:
            node.trailing_comma = node.children[-1].comma
            node.children[-1].comma = None
        node.end = self._at
        return node

    def _child(self, is_object: bool, depth: int) -> Child:
        start, key = self._at, None
        if is_object:
            if self._text[self._at : self._at + 1] != '"':
                self._fail("a key in double quotes is missing")
            key = self._string().value
            self._skip()
            if not self._takes(":"):
                self._fail("':' is missing")
            self._skip()
        return Child(key, start, self._value(depth + 1))

    def _string(self) -> Node:
        match = _STRING.match(self._text, self._at)
        if match is None:
            self._fail("a text has no end, or holds a control character")
        try:
            value = json.loads(match[0])
        except ValueError:
            self._fail("a text has an escape that JSON does not know")
        return self._leaf(value, match.end())

    def _scalar(self) -> Node:
        match = _SCALAR.match(self._text, self._at)
        if match is None:
            self._fail("a value is missing")
        return self._leaf(json.loads(match[0]), match.end())

    def _leaf(self, value: Any, end: int) -> Node:
        node = Node(value, self._at, end)
        self._at = end
        return node

    def _takes(self, sign: str) -> bool:
        is_next = self._text.startswith(sign, self._at)
        self._at += is_next
        return is_next

    def _skip(self) -> None:
        match = _SPACE.match(self._text, self._at)
        assert match is not None
        self._at = match.end()

    def _fail(self, what: str) -> NoReturn:
        line = self._text.count("\n", 0, self._at) + 1
        column = self._at - (self._text.rfind("\n", 0, self._at) + 1) + 1
        raise ConfigurationError(
            f"{self._name} is not JSON, line {line}, column {column}: {what}; nothing was written: "
            "mend the file, or move it away"
        )
