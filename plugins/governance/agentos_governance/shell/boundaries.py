"""Refuses lines where the parser and bash disagree on where words begin and end.

Above: commands. Below: tree-sitter nodes. The grammar is lenient in places where bash is not;
each check here stands for a disagreement found by comparing both on generated lines.
"""

from __future__ import annotations

import re
from itertools import pairwise

from tree_sitter import Node

from agentos import InvalidArgumentError

# Escaped space is part of a word; other space is not.
_BARE_SPACE = re.compile(rb"(?<!\\)(?:\\\\)*[ \t\n]")
# Nothing in it is quoted, escaped, nested or run: both end it at its one closing brace.
_PLAIN_EXPANSION = re.compile(rb"\$\{\w+[:/#%^,-][^'\"\\$`{}\n<>()]*\}")
_PARENTS = frozenset({"command", "redirected_statement", "file_redirect", "declaration_command"})


# What may stand between two nodes. The grammar also skips an escaped space, which is a word, and
# a lone `-` before a here-document, which matters to no rule.
_GAP = re.compile(rb"(?:[ \t\n]|\\\n|(?<=[ \t])-(?=[ \t]))*")
_TEXT = frozenset({"string", "heredoc_redirect", "heredoc_body", "expansion", "regex", "comment"})


def check_boundaries(root: Node, source: bytes) -> None:
    """Raises InvalidArgumentError for a tree whose words cannot be bash's words."""
    pending = [root]
    while pending:
        node = pending.pop()
        text = node.text or b""
        if node.type == "expansion" and _PLAIN_EXPANSION.fullmatch(text):
            continue
        if node.type in {"word", "simple_expansion"} and _BARE_SPACE.search(text):
            raise InvalidArgumentError("a word that contains a space")
        if node.type in _PARENTS:
            _check_neighbours(node)
        if node.type not in _TEXT:
            _check_gaps(node, source)
        pending += node.children


def _check_gaps(node: Node, source: bytes) -> None:
    for left, right in pairwise(node.children):
        if not _GAP.fullmatch(source, left.end_byte, max(left.end_byte, right.start_byte)):
            raise InvalidArgumentError("something unread between two words")


def _check_neighbours(node: Node) -> None:
    """Two words need something between them; only a redirection may follow at once."""
    children = node.named_children
    for left, right in pairwise(children):
        is_redirect = right.type.endswith("_redirect") or left.type == "file_descriptor"
        if left.end_byte == right.start_byte and not is_redirect:
            raise InvalidArgumentError("two words with nothing between them")
