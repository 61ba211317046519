"""What a change of files may break, for whoever reviews work: `agentos.BlastRadiusSource`.

Above: the plugin provides it as a service. Below: the blast radius of symbols, over the resident
graph. It answers of what is indexed, and never indexes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from agentos import ChangeReach, UnavailableError
from agentos_memory.blast_radius import FOLLOWED, blast_radius
from agentos_memory.catalog import Catalog
from agentos_memory.generations import Repository
from agentos_memory.graph import SymbolGraph

MAX_PATHS = 200
"""Of one question; a change of more files is answered from the first of them."""


class ReachOfChanges:
    """Answers from the catalog of indexed repositories."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def reach_of(self, repo: str, paths: Sequence[str]) -> ChangeReach | None:
        """See `agentos.BlastRadiusSource`."""
        repository = await self._find(repo)
        if repository is None:
            return None
        try:
            graph = await self._catalog.graph(repository)
        except UnavailableError:
            return None
        return await asyncio.to_thread(_reach, graph, repository, sorted(paths)[:MAX_PATHS])

    async def _find(self, repo: str) -> Repository | None:
        for repository in await self._catalog.repositories():
            if str(repository.root) == repo:
                return repository
        return None


def _reach(graph: SymbolGraph, repository: Repository, paths: Sequence[str]) -> ChangeReach | None:
    members = {path: list(graph.members(path)) for path in paths}
    positions = [position for path in paths for position in members[path]]
    if not positions:
        return None
    radius = blast_radius(graph, positions, FOLLOWED)
    known = [path for path in paths if members[path]]
    untested = [path for path in known if not blast_radius(graph, members[path], FOLLOWED).n_tests]
    return ChangeReach(
        symbols=radius.n_symbols,
        files=radius.n_files,
        modules=radius.n_modules,
        tests=radius.n_tests,
        untested=tuple(untested),
        test_files=tuple(sorted({graph.definitions[test].path for test in radius.tests})),
        is_current=repository.has_current_graph,
    )
