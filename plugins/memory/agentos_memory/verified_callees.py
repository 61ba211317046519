"""What a symbol calls as a language server sees it, laid over what the index says.

Above: verification. Below: the resident graph, and what the server answered.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from agentos_memory.adjacency import Relation
from agentos_memory.answered_targets import SourceFiles, class_of, symbol_at
from agentos_memory.graph import SymbolGraph
from agentos_memory.language_servers import Answers, Place
from agentos_memory.verified_calls import (
    CONSTRUCTOR_RULE,
    VerifiedCalls,
    call_edges,
    known_relations,
    proven,
    reached,
)

Line: TypeAlias = tuple[str, int]


@dataclass(slots=True)
class _Said:
    """What the server knows of one line: symbols that are called, names that lead nowhere else."""

    targets: set[int] = field(default_factory=set)
    settled: set[str] = field(default_factory=set)
    unsettled: set[str] = field(default_factory=set)


def callee_places(graph: SymbolGraph, positions: Sequence[int], files: SourceFiles) -> list[Place]:
    """Every call that stands in one of the definitions, in no inner one."""
    places = []
    for position in positions:
        own = graph.definitions[position]
        for mention in files.calls(own.path, _first_line(graph, files, position), own.end_line):
            around = graph.at_line(own.path, mention.line)
            if around and around[0] == position:
                places.append(Place(own.path, mention.line, mention.column))
    return places


def lay_over_callees(
    graph: SymbolGraph,
    positions: Sequence[int],
    places: Sequence[Place],
    answers: Answers,
    files: SourceFiles,
) -> VerifiedCalls:
    """The calls in the symbol at `positions`, which name one symbol."""
    replaced = call_edges(graph) & np.isin(graph.edges.source, positions)
    known = known_relations(graph, replaced)
    by_line, n_unresolved = _by_line(graph, places, answers, files)
    confirmed, kept, n_removed = _sorted_out(graph, known, by_line)
    have = {(r.path, r.line, r.target) for r in (*confirmed, *kept)}
    added = [each for each in _found(graph, by_line) if (each.path, each.line, each.target)
             not in have]  # fmt: skip
    return VerifiedCalls(
        replaced, (*confirmed, *added, *kept), frozenset((*confirmed, *added)),
        len(confirmed), len(added), n_removed, n_unresolved,
    )  # fmt: skip


def _first_line(graph: SymbolGraph, files: SourceFiles, position: int) -> int:
    """The line of the symbol's name: decorators above it belong to what is around."""
    own = graph.definitions[position]
    file = files.get(own.path)
    lines = (
        line
        for (line, _), name in (file.defined.items() if file is not None else ())
        if name == own.name and own.start_line <= line <= own.end_line
    )
    return min(lines, default=own.start_line)


def _by_line(
    graph: SymbolGraph, places: Sequence[Place], answers: Answers, files: SourceFiles
) -> tuple[Mapping[Line, _Said], int]:
    by_line: defaultdict[Line, _Said] = defaultdict(_Said)
    n_unresolved = 0
    for place in places:
        said = by_line[place.path, place.line]
        name = _name_at(files, place)
        if place not in answers.by_place:
            said.unsettled.add(name)
            continue
        answer = answers.by_place[place]
        targets = {symbol_at(graph, files, each) for each in answer or ()}
        said.targets |= {target for target in targets if target is not None}
        is_settled = answer is None or targets - {None}
        (said.settled if is_settled else said.unsettled).add(name)
        n_unresolved += not is_settled
    return by_line, n_unresolved


def _name_at(files: SourceFiles, place: Place) -> str:
    found = files.calls(place.path, place.line, place.line)
    return next((each.name for each in found if each.column == place.column), "")


def _sorted_out(
    graph: SymbolGraph, known: Sequence[Relation], by_line: Mapping[Line, _Said]
) -> tuple[list[Relation], list[Relation], int]:
    confirmed, kept, n_removed = [], [], 0
    for relation in known:
        said = by_line.get((relation.path, relation.line))
        # A constructor stands and falls with the class that is called.
        owner = class_of(graph, relation.target)
        target = owner if relation.rule == CONSTRUCTOR_RULE and owner is not None else None
        target = relation.target if target is None else target
        name = graph.definitions[target].name
        if said is not None and not said.targets.isdisjoint({target, relation.target}):
            confirmed.append(proven(relation))
        elif said is not None and name in said.settled - said.unsettled:
            n_removed += 1
        else:
            kept.append(relation)
    return confirmed, kept, n_removed


def _found(graph: SymbolGraph, by_line: Mapping[Line, _Said]) -> Iterator[Relation]:
    for (path, line), said in sorted(by_line.items()):
        source = graph.at_line(path, line)
        for called in sorted(said.targets):
            for target, kind, rule in reached(graph, called):
                yield Relation(source[0], target, kind, "exact", path, line, 1.0, rule)
