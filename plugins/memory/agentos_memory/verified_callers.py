"""A symbol's direct callers as a language server sees them, laid over what the index says.

Above: `trace_symbol_dependencies` with `verify`. Below: the resident graph and the language
servers. The index is not changed; the server reads the working tree as it is now.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from agentos_memory.adjacency import Relation
from agentos_memory.generations import Repository
from agentos_memory.graph import SymbolGraph
from agentos_memory.language_servers import (
    CallPlace,
    SymbolDefinition,
    Verification,
    find_server,
    verify_callers,
)
from agentos_memory.languages import find_language

RULE = "lsp"


@dataclass(frozen=True, slots=True)
class VerifiedCallers:
    """The direct callers after the server was asked.

    `relations` are calls of the symbol: proven ones, and those of the index at places about which
    the server knows nothing. `n_added` were missing in the index, `n_removed` are calls of
    something else. `server` is None where none is installed, `relations` are then the index's.
    """

    server: str | None
    language: str
    relations: tuple[Relation, ...]
    proven: frozenset[Relation]
    n_confirmed: int
    n_added: int
    n_removed: int
    n_unresolved: int


async def verified_callers(
    repository: Repository,
    graph: SymbolGraph,
    positions: Sequence[int],
    *,
    programs: Mapping[str, str],
) -> VerifiedCallers:
    """The calls of the symbol at `positions`, which name one symbol.

    Raises UnavailableError when the server fails or takes too long, LimitExceededError for a name
    that is called too often to ask.
    """
    definition = graph.definitions[positions[0]]
    language = find_language(definition.path)
    name = language.name if language is not None else "unknown"
    known = [
        relation
        for position in positions
        for relation in graph.incoming_of(position)
        if relation.kind == "calls" and relation.tier != "name_only"
    ]
    # It may ask a program for its version.
    installed = await asyncio.to_thread(find_server, name, programs=programs)
    if installed is None:
        return VerifiedCallers(None, name, tuple(known), frozenset(), 0, 0, 0, 0)
    said = await verify_callers(
        installed,
        repository.root,
        graph.paths_of(name),
        definition.name,
        [
            SymbolDefinition(d.path, d.start_line, d.end_line, d.kind == "class")
            for d in (graph.definitions[p] for p in positions)
        ],
    )
    return _laid_over(graph, positions[0], known, said, name)


def _laid_over(
    graph: SymbolGraph,
    target: int,
    known: Sequence[Relation],
    said: Verification,
    language: str,
) -> VerifiedCallers:
    proven: dict[CallPlace, Relation] = {}
    kept: list[Relation] = []
    n_removed = 0
    elsewhere = set(said.elsewhere) - set(said.callers)
    for relation in known:
        place = CallPlace(relation.path, relation.line)
        if place in said.callers:
            proven[place] = replace(relation, tier="exact", confidence=1.0)
        elif place in elsewhere:
            n_removed += 1
        else:
            kept.append(relation)
    n_confirmed = len(proven)
    for place in said.callers:
        if place not in proven:
            proven[place] = _relation(graph, target, place)
    return VerifiedCallers(
        said.server, language, (*proven.values(), *kept), frozenset(proven.values()),
        n_confirmed, len(proven) - n_confirmed, n_removed, len(said.unresolved),
    )  # fmt: skip


def _relation(graph: SymbolGraph, target: int, place: CallPlace) -> Relation:
    # The file may have grown since it was indexed; its module begins at line 1.
    source = graph.at_line(place.path, place.line) or graph.at_line(place.path, 1)
    return Relation(source[0], target, "calls", "exact", place.path, place.line, 1.0)
