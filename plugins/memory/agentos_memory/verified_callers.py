"""A symbol's direct callers as a language server sees them, laid over what the index says.

A class is called where its constructor is. Above: verification. Below: the resident graph, and
what the server answered.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from agentos_memory.adjacency import Relation
from agentos_memory.answered_targets import SourceFiles, class_of, constructor_of, symbol_at
from agentos_memory.graph import SymbolGraph
from agentos_memory.language_servers import Answer, Answers, Place, find_calls
from agentos_memory.model import EdgeKind
from agentos_memory.verified_calls import (
    VerifiedCalls,
    call_edges,
    known_relations,
    proven,
)

# What a call of the name turned out to be.
Verdict: TypeAlias = Literal["caller", "elsewhere", "unresolved", "unasked"]
Line: TypeAlias = tuple[str, int]


def caller_places(
    graph: SymbolGraph, positions: Sequence[int], root: Path, paths: Sequence[str]
) -> list[Place]:
    """Every call of that name; a constructor is called by its class's name, too."""
    owner = class_of(graph, positions[0])
    name = graph.definitions[positions[0]].name
    if owner is None:
        return find_calls(root, paths, {name})
    # A constructor without the class's name in its file belongs to another class.
    class_name = graph.definitions[owner].name
    return find_calls(root, paths, {name, class_name}, beside=class_name)


def lay_over_callers(
    graph: SymbolGraph,
    positions: Sequence[int],
    places: Sequence[Place],
    answers: Answers,
    files: SourceFiles,
) -> VerifiedCalls:
    """The calls of the symbol at `positions`, which name one symbol."""
    wanted = _wanted(graph, positions)
    verdicts: defaultdict[Line, set[Verdict]] = defaultdict(set)
    for place in places:
        verdict: Verdict = "unasked"
        if place in answers.by_place:
            verdict = _verdict(graph, files, answers.by_place[place], wanted)
        verdicts[place.path, place.line].add(verdict)
    replaced = call_edges(graph) & np.isin(graph.edges.target, positions)
    known = known_relations(graph, replaced)
    confirmed, kept, n_removed = _sorted_out(known, verdicts)
    called = {(relation.path, relation.line) for relation in known}
    added = [
        _relation(graph, positions[0], line)
        for line, said in sorted(verdicts.items())
        if "caller" in said and line not in called
    ]
    n_unresolved = sum("unresolved" in said for said in verdicts.values())
    return VerifiedCalls(
        replaced, (*confirmed, *added, *kept), frozenset((*confirmed, *added)),
        len(confirmed), len(added), n_removed, n_unresolved,
    )  # fmt: skip


def _wanted(graph: SymbolGraph, positions: Sequence[int]) -> frozenset[int]:
    """The symbol's definitions; a class and the constructor that it defines are called as one."""
    is_class = graph.definitions[positions[0]].kind == "class"
    find = constructor_of if is_class else class_of
    other = find(graph, positions[0])
    return frozenset({*positions} | ({other} if other is not None else set()))


def _verdict(
    graph: SymbolGraph, files: SourceFiles, answer: Answer, wanted: frozenset[int]
) -> Verdict:
    if answer is None:
        return "elsewhere"
    targets = {symbol_at(graph, files, place) for place in answer} - {None}
    if not targets:
        return "unresolved"
    return "elsewhere" if targets.isdisjoint(wanted) else "caller"


def _sorted_out(
    known: Sequence[Relation], verdicts: dict[Line, set[Verdict]]
) -> tuple[list[Relation], list[Relation], int]:
    """What the server confirmed, what stays as it was, and how many lead elsewhere."""
    confirmed, kept, n_removed = [], [], 0
    for relation in known:
        said = verdicts.get((relation.path, relation.line), set())
        if "caller" in said:
            confirmed.append(proven(relation))
        elif said == {"elsewhere"}:
            n_removed += 1
        else:
            kept.append(relation)
    return confirmed, kept, n_removed


def _relation(graph: SymbolGraph, target: int, line: Line) -> Relation:
    # The file may have grown since it was indexed; its module begins at line 1.
    source = graph.at_line(*line) or graph.at_line(line[0], 1)
    is_class = graph.definitions[target].kind == "class"
    kind: EdgeKind = "constructs" if is_class and class_of(graph, target) is None else "calls"
    return Relation(source[0], target, kind, "exact", *line, 1.0)
