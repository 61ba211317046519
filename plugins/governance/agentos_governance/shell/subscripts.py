"""Words that bash reads a second time: a subscript in quotes may hold a command that then runs.

So may a here-document, in backticks.

Above: commands. Below: words. Source: the manual of bash, "Shell Arithmetic" and "Arrays": `test -v`,
`printf -v`, `read`, `unset`, declarations and numeric comparisons expand the subscript of the name
that they are given, so `[ -v 'a[$(x)]' ]` runs x.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tree_sitter import Node

from agentos import InvalidArgumentError
from agentos_governance.shell.words import Word, word_of, words

READING_TWICE = frozenset(
    {
        *("test_command", "variable_assignment", "declaration_command", "unset_command"),
        *("for_statement", "herestring_redirect"),
    }
)
"""Statements whose words bash may read again."""

# `echo` gives a word on, to what then reads it.
_BUILTINS = words("test [ printf read wait getopts echo set")
_COMMAND_IN_SUBSCRIPT = re.compile(r"\w\[.*(\$\(|`)", re.DOTALL)
# Of a word with parts that are computed: its parts in quotes, or what is escaped in it.
_IN_QUOTES = re.compile(r"'[^']*\w\[[^']*(\$\(|`)|\w\[.*\\(\$\(|`)", re.DOTALL)
_CODE = re.compile(
    r"\\(?:x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|([0-7]{1,3}))"
)
_BACKTICK = re.compile(rb"(?<!\\)(?:\\\\)*`")
_WORDS = frozenset({"word", "raw_string", "string", "ansi_c_string", "concatenation"})
_OTHERS = frozenset({"command_substitution", "process_substitution", "do_group"})
"""Statements of their own."""


def refuse_hidden_commands(argv: tuple[Word, ...], *, is_function: bool) -> None:
    """Raises where an argument of a builtin holds a command that the line does not show as one.

    `is_function` where it may be a function, which may do anything with its arguments.
    """
    if is_function or argv[0].text in _BUILTINS:
        _refuse(argv[1:])


def refuse_commands_in_words(node: Node) -> None:
    """The same for the words of a statement of `READING_TWICE`."""
    _refuse(_words_below(node))


def refuse_backticks_in_document(node: Node) -> None:
    """Raises for backticks in a here-document that bash expands; the grammar takes them for text."""
    if node.type != "heredoc_redirect":
        return
    parts = {child.type: child.text or b"" for child in node.named_children}
    if set(parts.get("heredoc_start", b"")) & set(b"'\"\\"):
        return
    if _BACKTICK.search(parts.get("heredoc_body", b"")):
        raise InvalidArgumentError("backticks run a command here; quote the document's end mark")


def _words_below(node: Node) -> Iterable[Word]:
    for child in node.named_children:
        if child.type in _WORDS:
            yield word_of(child)
        elif child.type not in _OTHERS:
            yield from _words_below(child)


def _refuse(given: Iterable[Word]) -> None:
    for word in given:
        text = word.text if word.is_literal else _CODE.sub(_character, word.text)
        pattern = _COMMAND_IN_SUBSCRIPT if word.is_literal else _IN_QUOTES
        if pattern.search(text):
            raise InvalidArgumentError("a subscript in quotes that holds a command")


def _character(code: re.Match[str]) -> str:
    two, four, eight, octal = code.groups()
    number = int(octal, 8) if octal else int(two or four or eight, 16)
    return chr(number) if number < 0x110000 else "?"
