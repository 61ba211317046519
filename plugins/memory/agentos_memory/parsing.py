"""Source bytes to syntax trees, with each grammar loaded once."""

from __future__ import annotations

import time
from functools import cache
from itertools import count

from tree_sitter import Language as Grammar
from tree_sitter import Node, Parser

from agentos_memory.languages import Language

# A parser reports a step about every 60 bytes of code; counted, not timed, so that what a file
# gives never hangs on the machine. The first grammar needs no limit: analysis has a deadline.
MIN_STEPS = 300
BYTES_A_STEP = 12
READ_BYTES = 65_536


def parse(language: Language, source: bytes) -> Node:
    """Root node of the source's tree; broken code parses into a tree with ERROR nodes.

    Raises RecursionError for what is nested deeper than its grammar can follow.
    """
    if language.require_parsable is not None:
        language.require_parsable(source)
    root = Parser(_grammar(language)).parse(source).root_node
    return _with_fewest_errors(language, source, root) if root.has_error else root


def parses_within(language: Language, source: bytes, cpu_s: float) -> bool:
    """Whether the source's tree is there within so many CPU seconds of this thread.

    For who cannot leave parsing to another process. Other threads go on meanwhile, unlike in
    `parse`, which then takes about as long.
    """
    end = time.thread_time() + cpu_s

    def is_too_late(offset: int, has_error: bool) -> bool:
        return time.thread_time() > end

    def read(offset: int, point: object) -> bytes:
        return source[offset : offset + READ_BYTES]

    try:
        Parser(_grammar(language)).parse(read, progress_callback=is_too_late)
    except ValueError:
        return False
    return True


def _with_fewest_errors(language: Language, source: bytes, root: Node) -> Node:
    """The tree itself, or a better one of the mended source or of the second grammar."""
    best, fewest = root, _count_errors(root)
    text = language.mend(source) if language.mend is not None else source
    for grammar in (_grammar(language), _second_grammar(language)):
        if grammar is None or (text == source and grammar is _grammar(language)):
            continue
        tried = _parse_briefly(grammar, text)
        if tried is None:
            continue
        n_errors = _count_errors(tried)
        if n_errors < fewest:
            best, fewest = tried, n_errors
        if not n_errors:
            break
    return best


def _parse_briefly(grammar: Grammar, text: bytes) -> Node | None:
    """The root node; None where recovery takes far longer than code of that length ever does."""
    steps = count()
    most = MIN_STEPS + len(text) // BYTES_A_STEP

    def is_too_long(offset: int, has_error: bool) -> bool:
        return next(steps) > most

    def read(offset: int, point: object) -> bytes:
        return text[offset : offset + READ_BYTES]

    try:
        Parser(grammar).parse(read, progress_callback=is_too_long)
    except ValueError:
        return None
    # Nodes of a source that was handed over in pieces read their text slowly.
    return Parser(grammar).parse(text).root_node


def _count_errors(root: Node) -> int:
    n_errors, pending = 0, [root]
    while pending:
        node = pending.pop()
        n_errors += node.is_error or node.is_missing
        pending.extend(child for child in node.children if child.has_error)
    return n_errors


@cache
def _grammar(language: Language) -> Grammar:
    return language.load_grammar()


@cache
def _second_grammar(language: Language) -> Grammar | None:
    load = language.load_second_grammar
    return load() if load is not None else None
