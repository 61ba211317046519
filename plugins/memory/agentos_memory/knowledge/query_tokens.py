"""The words and marks of a query's text, and errors that point at one of them.

Above: parsing. Below: nothing.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from agentos import InvalidArgumentError

_TOKEN = re.compile(
    r"""\s+ | (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
      | (?P<number>-?\d+(?:\.\d+)?(?!\.?\w)|\d+(?=\.\.))
      | (?P<word>[A-Za-z_]\w*)
      | (?P<mark><>|<=|>=|<-|->|\.\.|[()\[\]{}:,.|*=<>-])""",
    re.VERBOSE,
)


class Token(NamedTuple):
    """One word, mark, text or number; `at` counts characters."""

    kind: str
    text: str
    at: int


def split(text: str) -> list[Token]:
    """The tokens, the last of kind `end`; InvalidArgumentError where none begins."""
    tokens, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise unexpected(text, at, "something that the query form knows")
        if match.lastgroup is not None:
            tokens.append(Token(match.lastgroup, match.group(), at))
        at = match.end()
    return [*tokens, Token("end", "", len(text))]


def unexpected(text: str, at: int, expected: str) -> InvalidArgumentError:
    """Something else was expected there."""
    found = repr(text[at : at + 20]) if at < len(text) else "the end"
    return wrong_at(
        text,
        at,
        f"expected {expected}, found {found}",
        "see the tool's description; for example: MATCH (t:table)<-[r:reads]-(f:function) "
        "WHERE t.name = 'orders' RETURN f.name, r.path, r.line LIMIT 20",
    )


def wrong_at(text: str, at: int, said: str, remedy: str) -> InvalidArgumentError:
    """What is wrong with the query, at its line and column."""
    line = text.count("\n", 0, at) + 1
    column = at - (text.rfind("\n", 0, at) + 1) + 1
    return InvalidArgumentError(
        f"the query is wrong at line {line}, column {column}: {said}", remedy=remedy
    )
