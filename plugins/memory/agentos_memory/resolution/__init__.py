"""Whole-repository resolution: from the analyses of all files to edges between symbols.

`resolve` is the way in. Inside, `program` links scopes, `modules` finds imported modules,
`hierarchy` orders classes, `evaluation` finds out what is called with the help of `names`,
`attributes`, `calls`, `containers`, `returns` and `annotations`, and `edges` writes it down with
its tier.
"""

from __future__ import annotations

from collections.abc import Sequence

from agentos_memory.model import Edge, FileAnalysis, Resolution
from agentos_memory.resolution.edges import EdgeBuilder
from agentos_memory.resolution.evaluation import Evaluator
from agentos_memory.resolution.program import Program

__all__ = ["resolve"]


def resolve(analyses: Sequence[FileAnalysis]) -> Resolution:
    """Edges between the symbols of all files, and the calls that stayed open.

    The result depends only on the set of analyses, not on their order: edges are sorted by
    path, line, kind, source, target. A call on a known receiver whose class lacks the method,
    or on something imported from outside, gives neither an edge nor an open site.
    """
    builder = EdgeBuilder(Evaluator(Program(analyses)))
    found: dict[tuple[str, int, str, str, str, str], Edge] = {}
    for analysis in sorted(analyses, key=lambda each: each.path):
        for edge in builder.edges_of(analysis):
            key = (edge.path, edge.line, edge.kind, edge.source, edge.target, edge.target_path)
            known = found.get(key)
            if known is None or edge.confidence > known.confidence:
                found[key] = edge
    unresolved = sorted(builder.unresolved, key=lambda s: (s.path, s.line, s.callee, s.caller))
    return Resolution(tuple(found[key] for key in sorted(found)), tuple(unresolved))
