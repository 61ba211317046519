"""Whether a tree is nested too deeply to be searched.

A query's cost grows with the square of the depth: 100,000 open brackets take half a minute, and
no code that people write or generate comes near MAX_NESTING. Above: the extractor that reads by
queries.
"""

from __future__ import annotations

from tree_sitter import Node

MAX_NESTING = 1_500
# Tokens in one stretch that the parser could make nothing of.
MAX_BROKEN = 5_000
_SAMPLES = 24


def is_too_deep(root: Node) -> bool:
    """Whether the tree is deeper than MAX_NESTING at one of some places spread over the text.

    What is deep enough to be costly is deep over much of the text. What the parser gave up on
    altogether is searched as slowly as if it were nested.
    """
    if root.has_error:
        broken = (node for node in (root, *root.children) if node.is_error)
        if any(node.child_count > MAX_BROKEN for node in broken):
            return True
    size = root.end_byte
    return any(
        _is_deep_at(root, root.start_byte + (size - root.start_byte) * step // _SAMPLES)
        for step in range(1, _SAMPLES)
    )


def _is_deep_at(root: Node, offset: int) -> bool:
    cursor = root.walk()
    return all(cursor.goto_first_child_for_byte(offset) is not None for _ in range(MAX_NESTING))
