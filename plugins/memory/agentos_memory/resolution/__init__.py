"""Whole-repository resolution: from the analyses of all files to edges between symbols.

`resolve` is the way in. Inside, `program` links scopes, `modules` finds imported modules,
`hierarchy` orders classes, `evaluation` finds out what is called with the help of `names`,
`attributes`, `calls`, `containers`, `returns` and `annotations`, and `edges` writes it down with
its tier. Go has static types and a resolver of its own, `golang`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain

from agentos_memory.model import Edge, FileAnalysis, Resolution
from agentos_memory.resolution.edges import EdgeBuilder
from agentos_memory.resolution.evaluation import Evaluator
from agentos_memory.resolution.evidence import in_order
from agentos_memory.resolution.golang import GO_LANGUAGES, resolve_go
from agentos_memory.resolution.program import Program

__all__ = ["resolve"]


def resolve(analyses: Sequence[FileAnalysis]) -> Resolution:
    """Edges between the symbols of all files, and the calls that stayed open.

    The result depends only on the set of analyses, not on their order: edges are sorted by
    path, line, kind, source, target. A call on a known receiver whose class lacks the method,
    or on something imported from outside, gives neither an edge nor an open site.
    """
    ordered = sorted(analyses, key=lambda each: each.path)
    others = [each for each in ordered if each.language not in GO_LANGUAGES]
    builder = EdgeBuilder(Evaluator(Program(others)))
    go_edges, go_unresolved = resolve_go([e for e in ordered if e.language in GO_LANGUAGES])
    by_path = {each.path: builder.edges_of(each) for each in others}
    go_by_path: defaultdict[str, list[Edge]] = defaultdict(list)
    for edge in go_edges:
        go_by_path[edge.path].append(edge)
    by_path |= {path: in_order(edges) for path, edges in go_by_path.items()}
    unresolved = sorted(
        (*builder.unresolved, *go_unresolved), key=lambda s: (s.path, s.line, s.callee, s.caller)
    )
    edges = chain.from_iterable(by_path[path] for path in sorted(by_path))
    return Resolution(tuple(edges), tuple(unresolved))
