"""The kinds and properties that a query may name: what nodes and edges of the graph can have.

Above: parsing, which refuses other names where they stand. Below: the graph.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from agentos_memory.knowledge.graph import CODE_EDGE_KINDS, CODE_KINDS
from agentos_memory.knowledge.model import EDGE_KINDS, ENTITY_KINDS

NODE_KINDS = frozenset({*ENTITY_KINDS, *CODE_KINDS})
ALL_EDGE_KINDS = frozenset({*EDGE_KINDS, *CODE_EDGE_KINDS})
OWN_NODE_PROPERTIES = frozenset({
    "id", "kind", "name", "path", "line", "end_line", "tier", "confidence", "rule",
})  # fmt: skip
# Facts of entities that queries may ask for; attributes are open, these are those that exist.
_ATTRIBUTES = frozenset({
    "title", "subject", "committed_at", "model", "app", "field", "labels", "selector", "namespace",
    "type", "address", "revision", "request", "fields",
})  # fmt: skip
NODE_PROPERTIES = OWN_NODE_PROPERTIES | _ATTRIBUTES
EDGE_PROPERTIES = frozenset({
    "id", "kind", "path", "line", "tier", "confidence", "rule", "carries",
})  # fmt: skip


def nearest(name: str, allowed: Iterable[str]) -> str | None:
    """The allowed name that was probably meant."""
    spelled = {each.lower(): each for each in sorted(allowed)}
    found = get_close_matches(name.lower(), spelled, n=1, cutoff=0.7)
    return spelled[found[0]] if found else None
