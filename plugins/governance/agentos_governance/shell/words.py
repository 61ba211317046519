"""Words of a shell command: what each is after quoting, or that it cannot be known.

Above: commands, command_wrappers. Below: tree-sitter nodes of tree-sitter-bash.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tree_sitter import Node

_ESCAPE = re.compile(r"\\(\n|.)", re.DOTALL)
_ESCAPE_IN_QUOTES = re.compile(r"\\([\\\"$`\n])")
_BRACE_EXPANSION = re.compile(r"\{[^{}]*(,|\.\.)")
_GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Word:
    """One word: its text as the program receives it.

    `is_literal` is False where the shell computes it (then `text` is the source text), and
    `has_glob` is True where unquoted `*?[` may expand to file names.
    """

    text: str
    is_literal: bool = True
    has_glob: bool = False

    @property
    def is_fixed(self) -> bool:
        """Whether the program receives exactly `text`."""
        return self.is_literal and not self.has_glob


UNKNOWN_WORD = Word("<unknown>", is_literal=False)


def word_of(node: Node) -> Word:
    """The word that a node of an argument or command name stands for."""
    text = _text(node)
    if node.type in {"word", "number"}:
        return _unquoted(text)
    if node.type == "raw_string":
        return Word(text[1:-1])
    if node.type == "string":
        return _double_quoted(node, text)
    if node.type == "ansi_c_string" and "\\" not in text:
        return Word(text[2:-1])
    if node.type == "concatenation":
        return _concatenation(node, text)
    return Word(text, is_literal=False)


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


def _unquoted(text: str) -> Word:
    bare = _ESCAPE.sub("", text)
    plain = _ESCAPE.sub(lambda match: "" if match[1] == "\n" else match[1], text)
    return Word(
        plain,
        is_literal=not _BRACE_EXPANSION.search(bare),
        has_glob=bool(_GLOB.search(bare)),
    )


def _double_quoted(node: Node, text: str) -> Word:
    # `$"..."` is translated by the locale's catalogue; its text is what it says in English.
    quoted = text.removeprefix("$")[1:-1]
    if any(child.is_named and child.type != "string_content" for child in node.children):
        return Word(quoted, is_literal=False)
    if text.startswith("$"):
        return Word(quoted, is_literal=False)
    return Word(_ESCAPE_IN_QUOTES.sub(lambda match: "" if match[1] == "\n" else match[1], quoted))


def _concatenation(node: Node, text: str) -> Word:
    # Word pieces of `{a,b}` are separate nodes, so braces are looked for in the bare pieces.
    bare = "".join(
        _ESCAPE.sub("", _text(child)) if child.type in {"word", "number", "{", "}"} else "_"
        for child in node.children
    )
    parts = [word_of(child) for child in node.children]
    if _BRACE_EXPANSION.search(bare) or not all(part.is_literal for part in parts):
        return Word(text, is_literal=False)
    joined = "".join(part.text for part in parts)
    return Word(joined, has_glob=any(part.has_glob for part in parts))


def words(text: str) -> frozenset[str]:
    """The words of a table written as one text."""
    return frozenset(text.split())


_PLAIN_BRACES = re.compile(r"[^\\'\"$`*?\[\s~]*")
_RANGE = re.compile(r"(-?\d{1,4})\.\.(-?\d{1,4})|([A-Za-z])\.\.([A-Za-z])")
MAX_EXPANSIONS = 64


def words_of(node: Node) -> list[Word]:
    """The words that an argument stands for: several where braces expand, else one."""
    word = word_of(node)
    text = _text(node)
    if word.is_literal or not _PLAIN_BRACES.fullmatch(text) or not _BRACE_EXPANSION.search(text):
        return [word]
    expanded = _expand(text)
    return [word] if expanded is None else [Word(each) for each in expanded]


def _expand(text: str) -> list[str] | None:
    """`a{b,c}d` as `abd`, `acd`; None where braces are nested in a way not followed, or too many."""
    match = re.search(r"\{([^{}]*)\}", text)
    if match is None:
        return None if set(text) & set("{}") else [text]
    inner = match[1]
    parts = inner.split(",") if "," in inner else _range(inner)
    if parts is None:
        return None
    found: list[str] = []
    for part in parts:
        rest = _expand(text[: match.start()] + part + text[match.end() :])
        if rest is None or len(found) + len(rest) > MAX_EXPANSIONS:
            return None
        found += rest
    return list(dict.fromkeys(found))


def _range(text: str) -> list[str] | None:
    match = _RANGE.fullmatch(text)
    if match is None:
        return None
    if match[1] is not None:
        first, last = int(match[1]), int(match[2])
        numbers = range(first, last + 1) if first <= last else range(first, last - 1, -1)
        return [str(number) for number in numbers][: MAX_EXPANSIONS + 1]
    first, last = sorted((ord(match[3]), ord(match[4])))
    return [chr(code) for code in range(first, last + 1)]
