"""Calls of which the receiver decides, when it runs, which override they reach.

Above: the graph and its walks. Below: relations.
"""

from __future__ import annotations

from dataclasses import replace

from agentos_memory.adjacency import Relation

# Rules of calls that name one function and no other, whatever the receiver turns out to be.
STATIC_RULES = frozenset({
    "super", "class member", "module member", "import", "star import", "scope", "constructor",
    "base class",
})  # fmt: skip
_CONFIDENCE = 0.5


def dispatches(relation: Relation) -> bool:
    """Whether the relation is a call that may reach an override of what it names."""
    return (
        relation.kind == "calls"
        and relation.tier != "name_only"
        and relation.rule not in STATIC_RULES
    )


def dispatched(call: Relation, target: int) -> Relation:
    """A call that may reach the override `target` of what it names."""
    return replace(
        call, target=target, tier="may_dispatch", confidence=_CONFIDENCE, rule="override"
    )
