"""Tokens of SQL of any dialect, also inside of templates and half-formed strings.

A grammar gives up on the first unknown clause; a tokenizer never does. Above: `sql_statements`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

# A statement longer than this is data, such as a dump.
MAX_STATEMENT_TOKENS = 20_000

_TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*.*?(?:\*/|\Z))
      | (?P<text>'(?:[^'\\]|''|\\.)*'|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
      | "(?P<quoted>[^"\n]{1,200})" | `(?P<ticked>[^`\n]{1,200})` | \[(?P<bracketed>[A-Za-z_]\w*)\]
      | (?P<hole>\{\{.*?\}\}|\$?\{[^{}\n]*\}|%\(\w+\)s|%s|\$\d+|(?<!:):[A-Za-z_]\w*|\?)
      | (?P<word>[A-Za-z_][\w$]*)
      | (?P<number>\d[\w.]*)
      | (?P<mark>[^\s])""",
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    """A name, mark or literal; `word` is lower-case for unquoted words, "" for all else."""

    text: str
    word: str
    line: int
    is_name: bool


def statements(text: str, first_line: int = 1) -> Iterator[list[Token]]:
    """The tokens of each statement, without comments; `first_line` is the line of the text."""
    tokens: list[Token] = []
    for token in _tokens(text, first_line):
        if token.text == ";" and not token.is_name:
            if tokens:
                yield tokens
            tokens = []
        elif len(tokens) < MAX_STATEMENT_TOKENS:
            tokens.append(token)
    if tokens:
        yield tokens


def _tokens(text: str, line: int) -> Iterator[Token]:
    for match in _TOKEN.finditer(text):
        found = match.group()
        kind = match.lastgroup
        if kind in ("quoted", "ticked", "bracketed"):
            yield Token(match.group(kind), "", line, True)
        elif kind == "word":
            yield Token(found, found.lower(), line, True)
        elif kind != "space":
            yield Token(found if kind == "mark" else "", "", line, False)
        line += found.count("\n")
