"""Declared types from their text: the name of what a variable may hold, with type arguments.

Above: the extractor that reads by queries. Below: expressions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from agentos_memory.expressions import UNKNOWN, Attribute, Expression, Name, Subscript

MAX_TYPE_CHARS = 200
MAX_NESTING = 6

_TOKEN = re.compile(r"[A-Za-z_]\w*(?:\s*(?:\.|::|\\)\s*[A-Za-z_]\w*)*|[<>,\[\]|?]")
# Words before a type that say how it is held, not what it is.
_MODIFIERS = frozenset({
    "const", "volatile", "mut", "dyn", "impl", "ref", "out", "in", "readonly", "final", "struct",
    "class", "enum", "union", "unsigned", "signed", "static", "extern", "inline", "typename",
    "params", "scoped", "crate", "pub", "constexpr", "mutable", "register", "restrict",
})  # fmt: skip
_SEPARATORS = re.compile(r"\s*(?:\.|::|\\)\s*")


def read_written_type(
    text: str, transparent: frozenset[str], containers: frozenset[str] = frozenset()
) -> Expression:
    """The type that `text` names; `transparent` generic types stand for their first argument.

    `containers` are written as lists of theirs.

    Unknown where it is longer than MAX_TYPE_CHARS or no name, as a tuple or a function type is.
    """
    if len(text) > MAX_TYPE_CHARS or "(" in text:
        return UNKNOWN
    tokens = [token for token in _TOKEN.findall(text) if token not in _MODIFIERS]
    return _Reader(tokens, transparent, containers).read(0) if tokens else UNKNOWN


def dotted(text: str, heads: Mapping[str, str] = MappingProxyType({})) -> Expression:
    """`a.b.C`, `a::b::C` and `a\\b\\C` as attributes of the first part.

    `heads` says what to call a first part that is a word of the language.
    """
    first, *rest = _SEPARATORS.split(text.strip())
    expression: Expression = Name(heads.get(first, first))
    for part in rest:
        expression = Attribute(expression, part)
    return expression


class _Reader:
    def __init__(
        self, tokens: list[str], transparent: frozenset[str], containers: frozenset[str]
    ) -> None:
        self._tokens = tokens
        self._containers = containers
        self._transparent = transparent
        self._position = 0

    def read(self, depth: int) -> Expression:
        while self._peek() == "?":
            self._position += 1
        token = self._peek()
        if depth > MAX_NESTING or not token or not (token[0].isalpha() or token[0] == "_"):
            return UNKNOWN
        self._position += 1
        head = dotted(token)
        arguments = self._arguments(depth)
        if arguments and token in self._transparent:
            return arguments[0]
        if arguments and token in self._containers:
            return Subscript(Name("list"), arguments)
        if self._peek() == "[":
            return Subscript(Name("Array"), (head,))
        return Subscript(head, arguments) if arguments else head

    def _arguments(self, depth: int) -> tuple[Expression, ...]:
        if self._peek() != "<":
            return ()
        found: list[Expression] = []
        while self._peek() in ("<", ","):
            self._position += 1
            found.append(self.read(depth + 1))
        if self._peek() == ">":
            self._position += 1
        return tuple(found)

    def _peek(self) -> str:
        return self._tokens[self._position] if self._position < len(self._tokens) else ""
