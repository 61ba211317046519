"""Making edges: one symbol, one relation, one line of evidence, with the confidence of its tier.

Above: the modules that write calls and other relations. Below: the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agentos_memory.model import Edge, EdgeKind, Symbol, Tier

CONFIDENCE: Mapping[Tier, float] = {
    "exact": 1.0,
    "typed": 0.95,
    "may_dispatch": 0.5,
    "name_only": 0.3,
}


def edge(
    kind: EdgeKind, source: str, target: Symbol, path: str, line: int, tier: Tier, rule: str
) -> Edge:
    """The edge from `source`, whose evidence stands at `path:line`, to `target`."""
    return Edge(
        source, target.qualified_name, kind, path, line, target.path, CONFIDENCE[tier], tier, rule
    )


def in_order(edges: Iterable[Edge]) -> list[Edge]:
    """The edges of one file by line, kind, source and target, each once with its best proof."""
    found: dict[tuple[int, str, str, str, str], Edge] = {}
    for each in edges:
        key = (each.line, each.kind, each.source, each.target, each.target_path)
        known = found.get(key)
        if known is None or each.confidence > known.confidence:
            found[key] = each
    return [found[key] for key in sorted(found)]
