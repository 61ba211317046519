"""Syntax trees of other languages than Python, by tree-sitter, walked without recursion.

Above: readers of tests in those languages. Below: the installed grammars, loaded on first use.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from typing import Any

from tree_sitter import Language, Node, Parser

from agentos import LimitExceededError

MAX_TRUSTED_BYTES = 64 * 1024
MAX_PARSE_S = 2.0
"""Of the processor."""
_PIECE_BYTES = 16 * 1024
_GRAMMARS = {
    ".js": ("tree_sitter_javascript", "language"),
    ".jsx": ("tree_sitter_javascript", "language"),
    ".mjs": ("tree_sitter_javascript", "language"),
    ".cjs": ("tree_sitter_javascript", "language"),
    ".ts": ("tree_sitter_typescript", "language_typescript"),
    ".mts": ("tree_sitter_typescript", "language_typescript"),
    ".cts": ("tree_sitter_typescript", "language_typescript"),
    ".tsx": ("tree_sitter_typescript", "language_tsx"),
    ".go": ("tree_sitter_go", "language"),
    ".rs": ("tree_sitter_rust", "language"),
    ".java": ("tree_sitter_java", "language"),
    ".py": ("tree_sitter_python", "language"),
}
_WORD = re.compile(r"[A-Za-z_$][\w$]*")
_SPACE = re.compile(r"\s+")
_LITERALS = (
    "number", "string", "template_string", "interpreted_string_literal", "raw_string_literal",
    "int_literal", "float_literal", "integer_literal", "decimal_integer_literal", "string_literal",
    "decimal_floating_point_literal", "char_literal", "rune_literal", "regex",
)  # fmt: skip


@lru_cache(maxsize=16)
def _parser(suffix: str) -> Parser:
    module, function = _GRAMMARS[suffix]
    load: Callable[[], Any] = getattr(import_module(module), function)
    return Parser(Language(load()))


def load_grammars() -> None:
    """Load every installed grammar, so that forks of this process need not."""
    for suffix in _GRAMMARS:
        with suppress(ImportError):
            _parser(suffix)


def parse_tree(path: str, content: bytes) -> Node:
    """The root of the tree of a file; the language is that of its name.

    Raises LimitExceededError for a large one that is no source of that language: what a parser makes
    of it takes 20 microseconds a byte, in which no other thread of the server runs.
    """
    parser = _parser(path[path.rindex(".") :])
    if len(content) > MAX_TRUSTED_BYTES and not _is_parsed_soon(parser, content):
        raise LimitExceededError(f"{path} takes longer than {MAX_PARSE_S:g} s to parse")
    return parser.parse(content).root_node


def _is_parsed_soon(parser: Parser, content: bytes) -> bool:
    ends = time.thread_time() + MAX_PARSE_S
    try:
        # Only a parser that reads piece by piece asks whether to go on, and lets others run.
        parser.parse(
            lambda at, _: content[at : at + _PIECE_BYTES],
            progress_callback=lambda _, __: time.thread_time() > ends,
        )
    except ValueError:
        parser.reset()
        return False
    return True


def walk(node: Node, *, into: Callable[[Node], bool] = lambda node: True) -> Iterator[Node]:
    """The node and all below it in the order of the source, without those that `into` refuses."""
    pending = [node]
    while pending:
        each = pending.pop()
        yield each
        if each is node or into(each):
            pending.extend(reversed(each.named_children))


def text(node: Node | None) -> str:
    """The source of a node; empty for none."""
    if node is None or node.text is None:
        return ""
    return node.text.decode("utf-8", "replace")


def one_line(node: Node | None) -> str:
    """The source of a node with single spaces, for comparisons and messages."""
    return _SPACE.sub(" ", text(node)).strip()


def line_of(node: Node) -> int:
    """Where it begins; 1-based."""
    return node.start_point[0] + 1


def words_in(node: Node) -> frozenset[str]:
    """Every identifier in the source of a node."""
    return frozenset(_WORD.findall(text(node)))


def literals_in(node: Node) -> frozenset[str]:
    """The literals in a node as they are written."""
    return frozenset(text(each)[:200] for each in walk(node) if each.type in _LITERALS)


def digest(node: Node | None) -> str:
    """Of the source of a node, whatever its spaces."""
    return hashlib.sha256(one_line(node).encode()).hexdigest()
