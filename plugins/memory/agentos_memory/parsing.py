"""Source bytes to syntax trees, with each grammar loaded once."""

from __future__ import annotations

from functools import cache

from tree_sitter import Language as Grammar
from tree_sitter import Node, Parser

from agentos_memory.languages import Language


def parse(language: Language, source: bytes) -> Node:
    """Root node of the source's tree; broken code parses into a tree with ERROR nodes.

    Raises RecursionError for what is nested deeper than its grammar can follow.
    """
    if language.require_parsable is not None:
        language.require_parsable(source)
    return Parser(_grammar(language)).parse(source).root_node


@cache
def _grammar(language: Language) -> Grammar:
    return language.load_grammar()
