"""What a language server makes of a symbol's calls, laid over what the index says.

Above: `trace_symbol_dependencies` with `verify`. Below: verified callers and callees, the pool of
language servers, the resident graph. The index is not changed; the server reads the working tree
as it is now.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agentos import UnavailableError
from agentos_memory.adjacency import Relation
from agentos_memory.answered_targets import SourceFiles
from agentos_memory.generations import Repository
from agentos_memory.graph import SymbolGraph
from agentos_memory.language_servers import (
    Answers,
    InstalledServer,
    Place,
    ServerPool,
    ask_definitions,
    find_server,
)
from agentos_memory.languages import find_language
from agentos_memory.tracing import Direction
from agentos_memory.verified_callees import callee_places, lay_over_callees
from agentos_memory.verified_callers import caller_places, lay_over_callers
from agentos_memory.verified_calls import VerifiedCalls

RULE = "lsp"
MAX_SITES = 2_000
# How long one answer may take in all, start of the server included.
TOTAL_TIMEOUT_S = 180.0


@dataclass(frozen=True, slots=True)
class Verification:
    """The graph after the server was asked about the calls of one symbol.

    `proven` are relations that the server confirmed or found. `n_added` were missing in the
    index, `n_removed` lead to something else. `n_unasked` places were left when the server, or
    the time, gave up, for the reason `gave_up`; there the index stands. `server` is None where
    none is installed for `language`.
    """

    graph: SymbolGraph
    server: str | None
    language: str
    proven: frozenset[Relation] = frozenset()
    n_confirmed: int = 0
    n_added: int = 0
    n_removed: int = 0
    n_unresolved: int = 0
    n_unasked: int = 0
    gave_up: str | None = None


class Verifier:
    """Asks the language servers of one process; `programs` are those that a setting names."""

    def __init__(self, pool: ServerPool, programs: Mapping[str, str]) -> None:
        self._pool = pool
        self._programs = programs

    async def verify(
        self,
        repository: Repository,
        graph: SymbolGraph,
        positions: Sequence[int],
        direction: Direction,
        *,
        timeout_s: float = TOTAL_TIMEOUT_S,
    ) -> Verification:
        """The graph with the direct calls of the symbol at `positions` as the server sees them.

        Raises UnavailableError when the server fails before its first answer.
        """
        deadline = asyncio.get_running_loop().time() + timeout_s
        definition = graph.definitions[positions[0]]
        found = find_language(definition.path)
        language = found.name if found is not None else "unknown"
        # It may ask a program for its version.
        installed = await asyncio.to_thread(
            find_server, language, programs=self._programs, shown=repository.root
        )
        if installed is None:
            return Verification(graph, None, language)
        files = SourceFiles(repository.root)
        paths = graph.paths_of(language)
        places = await asyncio.to_thread(_places, graph, positions, direction, files, paths,
                                         repository)  # fmt: skip
        asked = [place for each in places for place in each][:MAX_SITES]
        answers = await self._ask(installed, repository, paths, asked, deadline)
        return await asyncio.to_thread(
            _laid_over, graph, positions, places, answers, files,
            installed.server.name, language,
        )  # fmt: skip

    async def _ask(
        self,
        installed: InstalledServer,
        repository: Repository,
        paths: Sequence[str],
        places: Sequence[Place],
        deadline: float,
    ) -> Answers:
        name = installed.server.name
        try:
            async with asyncio.timeout_at(deadline) as limit:
                async with self._pool.client(installed, repository.root, paths) as client:
                    # From here on what was answered counts.
                    limit.reschedule(None)
                    return await ask_definitions(client, places, deadline=deadline)
        except TimeoutError:
            raise UnavailableError(
                f"{name} was not ready in time", remedy="repeat the call without `verify`"
            ) from None


def _places(
    graph: SymbolGraph,
    positions: Sequence[int],
    direction: Direction,
    files: SourceFiles,
    paths: Sequence[str],
    repository: Repository,
) -> tuple[Sequence[Place], Sequence[Place]]:
    """Where the callers call, and where the symbol itself does."""
    callers = []
    if direction != "callees":
        callers = caller_places(graph, positions, repository.root, paths)
    callees = callee_places(graph, positions, files) if direction != "callers" else []
    return callers, callees


def _laid_over(
    graph: SymbolGraph,
    positions: Sequence[int],
    places: tuple[Sequence[Place], Sequence[Place]],
    answers: Answers,
    files: SourceFiles,
    server: str,
    language: str,
) -> Verification:
    callers, callees = places
    found: list[VerifiedCalls] = []
    if callers:
        found.append(lay_over_callers(graph, positions, callers, answers, files))
        graph = graph.with_relations(found[-1].replaced, found[-1].relations)
    if callees:
        found.append(lay_over_callees(graph, positions, callees, answers, files))
        graph = graph.with_relations(found[-1].replaced, found[-1].relations)
    n_unasked = sum(place not in answers.by_place for place in {*callers, *callees})
    is_cut = n_unasked and answers.gave_up is None
    return Verification(
        graph, server, language,
        frozenset().union(*(each.proven for each in found)),
        sum(each.n_confirmed for each in found), sum(each.n_added for each in found),
        sum(each.n_removed for each in found), sum(each.n_unresolved for each in found),
        n_unasked,
        f"one call asks about {MAX_SITES} places at most" if is_cut else answers.gave_up,
    )  # fmt: skip
