"""Parses a shell script, and refuses what a parser reads otherwise than bash does.

Above: commands. Below: tree-sitter-bash, boundaries.
"""

from __future__ import annotations

import re

import tree_sitter_bash
from tree_sitter import Language, Node, Parser

from agentos import InvalidArgumentError
from agentos_governance.shell.boundaries import check_boundaries

MAX_COMMAND_CHARACTERS = 8_000
MAX_OPERATORS = 600
"""Characters that the shell may read as more than text, quoted ones and data included."""

_BASH = Language(tree_sitter_bash.language())
# Bash reads these as part of a word, or not at all; a parser may take them for space.
_STRANGE_CHARACTER = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\xa0\u1680\u2000-\u200f\u2028-\u202f]")

# The parser's recovery from errors is quadratic in these, and holds the interpreter's lock.
_OPERATOR = re.compile(r"[|&;()<>`$?\[{}]")

# Bash joins the lines before it reads words; the parser sees two words, or one command too few.
_MISREAD_LINE_BREAK = re.compile(r"\S\\\n|^[ \t]*\\\n", re.MULTILINE)


def parse_script(text: str) -> Node:
    """The root of the syntax tree; InvalidArgumentError for text that cannot be read reliably."""
    if len(text) > MAX_COMMAND_CHARACTERS:
        raise InvalidArgumentError(f"it has more than {MAX_COMMAND_CHARACTERS} characters")
    if len(_OPERATOR.findall(text)) > MAX_OPERATORS:
        raise InvalidArgumentError(f"it has more than {MAX_OPERATORS} shell operators")
    if _STRANGE_CHARACTER.search(text):
        raise InvalidArgumentError("it has control characters or unusual spaces")
    if _MISREAD_LINE_BREAK.search(text):
        raise InvalidArgumentError("a continued line in the middle of a word or of nothing")
    try:
        source = text.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidArgumentError("it is not valid Unicode") from None
    root = Parser(_BASH).parse(source).root_node
    if root.has_error:
        raise InvalidArgumentError("it does not parse as shell")
    check_boundaries(root, source)
    return root
