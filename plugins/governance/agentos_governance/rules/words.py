"""The words of the language, and the text of names and literals.

Above: lexer, parser, printer. Below: tree.
"""

from __future__ import annotations

import re
from decimal import Decimal
from difflib import get_close_matches
from functools import lru_cache

from agentos_governance.rules.sizes import MAX_NAME_CHARACTERS
from agentos_governance.rules.tree import CAPABILITIES, EVERYTHING, UNIT_SECONDS

VERBS = ("ALLOW", "DENY", "ASK", "LIMIT")
_CLAUSES = ("IF", "REASON", "SINCE", "TO", "PER")
_OPERATORS = ("AND", "OR", "NOT", "IN", "MATCHES", "STARTS", "ENDS", "WITH")
KEYWORDS = frozenset([*VERBS, *_CLAUSES, *_OPERATORS])
VALUES = ("true", "false")
FUNCTIONS = ("has", "happened", "count")
MOMENTS = ("claim", "creation")
PERIODS = ("claim", "work_order")
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
UNITS = tuple(UNIT_SECONDS)

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:[.-][A-Za-z0-9_]+)*")
NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")

_RESERVED = frozenset([*EVERYTHING, *CAPABILITIES, *VALUES])
_LOWER_KEYWORDS = frozenset(word.lower() for word in KEYWORDS)
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
UNESCAPED = {'"': '"', "\\": "\\", "n": "\n", "t": "\t"}


def is_like_keyword(name: str) -> bool:
    """Whether a name is a keyword but for its case, and so nearly surely meant as one."""
    return name.lower() in _LOWER_KEYWORDS


@lru_cache(maxsize=4_096)
def like_capability(name: str) -> str | None:
    """The capability, or word for every call, that a tool name is a slip of the finger from.

    Without this `DENY writ` would be a rule about a tool that does not exist. Tools of clients
    such as `Write` differ by case and are names like any other.
    """
    if name in _RESERVED or name != name.lower():
        return None
    near = get_close_matches(name[:MAX_NAME_CHARACTERS], [*CAPABILITIES, *EVERYTHING], 1, 0.85)
    return near[0] if near else None


def is_bare_tool_name(text: str) -> bool:
    """Whether a tool name reads as itself where a target stands, without quotes."""
    return (
        NAME.fullmatch(text) is not None
        and len(text) <= MAX_NAME_CHARACTERS
        and text not in _RESERVED
        and not is_like_keyword(text)
        and like_capability(text) is None
    )


def text_literal(text: str) -> str:
    """The text in double quotes; what cannot be seen is written as an escape."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    known = _ESCAPES.get(character)
    if known is not None:
        return known
    return character if character.isprintable() else f"\\u{{{ord(character):x}}}"


def number_literal(value: int | Decimal) -> str:
    """The shortest decimal print of a number."""
    return str(value) if isinstance(value, int) else format(value, "f")


def number_of(text: str) -> int | Decimal:
    """The value of a number's text: an int where it is whole, else a Decimal without zeros behind.

    Decimal's own normalisation would round to the precision of the thread's context.
    """
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    return Decimal(f"{whole}.{fraction}") if fraction else int(whole)
