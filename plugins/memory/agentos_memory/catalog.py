"""Which repositories are indexed, and resident copies of their current generations.

Above: search, tracing and the indexer. Below: PostgreSQL, read in one snapshot per copy, so that
a copy never mixes two generations.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from asyncpg import Record

from agentos import Connection, Database, NotFoundError, Queries, UnavailableError
from agentos_memory.adjacency import Relation
from agentos_memory.blast_radius import prepare
from agentos_memory.definition import Definition
from agentos_memory.facts import decode_symbols
from agentos_memory.generations import Repository, repository_from_row
from agentos_memory.graph import SymbolGraph
from agentos_memory.model import Edge, SkippedFile, Symbol, UnresolvedSite
from agentos_memory.relations import decode_relations
from agentos_memory.residents import Residents
from agentos_memory.server_answers import decode_answers, take_in
from agentos_memory.skipped_files import decode_skipped

RESIDENT_REPOSITORIES = 16

_sql = Queries("agentos_memory", "sql/index.sql")


class Catalog:
    """The indexed repositories and their symbol graphs."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._graphs: Residents[int, SymbolGraph] = Residents(RESIDENT_REPOSITORIES)
        self._rows: list[Record] = []
        self._repositories: list[Repository] = []

    async def repositories(self) -> list[Repository]:
        """Every indexed repository at its current generation, by name."""
        rows = await self.database.fetch(_sql.list_repositories)
        # Read at every search, and seldom other than before.
        if rows != self._rows:
            self._rows, self._repositories = rows, list(map(repository_from_row, rows))
        return self._repositories.copy()

    async def select(self, name: str | None) -> list[Repository]:
        """The repository called `name`, or all; NotFoundError says how to make an index."""
        repositories = await self.repositories()
        chosen = [r for r in repositories if name is None or r.name == name]
        if chosen:
            return chosen
        if name is None:
            raise NotFoundError(
                "no repository is indexed yet",
                remedy="run index_repository with the path of a git repository",
            )
        known = ", ".join(r.name for r in repositories[:20]) or "none"
        raise NotFoundError(
            f"no indexed repository is called {name!r}; indexed: {known}",
            remedy="run index_repository, or name one that is indexed",
        )

    async def graph(self, repository: Repository) -> SymbolGraph:
        """The symbol graph of the repository, of its `graph_version` or a newer one.

        UnavailableError while the first graph is still being made.
        """
        if repository.graph_generation is None:
            raise UnavailableError(
                f"the symbol graph of {repository.name} is not there yet; search already is",
                remedy="repeat the call when index_repository has answered, or run it again",
            )

        async def load() -> tuple[int, SymbolGraph]:
            async with self.snapshot() as connection:
                current = await reread(connection, repository)
                rows = await connection.fetch(_sql.read_graph, repository.id)
            graph = await asyncio.to_thread(_build_graph, rows)
            return current.graph_version, graph

        return await self._graphs.get(repository.id, repository.graph_version, load)

    async def skipped_files(self, repository: Repository) -> list[SkippedFile]:
        """Every file of the repository's generation that is not indexed, by path, and why."""
        async with self.snapshot() as connection:
            rows = await connection.fetch(_sql.list_skipped_files, repository.id)
            left_out = await connection.fetchval(_sql.read_left_out, repository.id)
            unread = await connection.fetchval(_sql.read_unextracted, repository.id)
        claimed = [SkippedFile(*row) for row in rows]
        without_knowledge = [
            SkippedFile(path, reason, f"knowledge: {detail}")
            for path, (reason, detail) in (unread or {}).items()
        ]
        listed = [*claimed, *decode_skipped(left_out), *without_knowledge]
        return sorted(listed, key=lambda each: each.path)

    async def renames(self, repository: Repository) -> dict[str, str]:
        """Where the files are now that once had another path, by the old path."""
        rows = await self.database.fetch(_sql.list_renames, repository.id)
        return current_paths([(row["old_path"], row["new_path"]) for row in rows])

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        """A connection whose reads all see the database at one moment."""
        async with (
            self.database.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield connection


async def reread(connection: Connection, repository: Repository) -> Repository:
    """The repository in the connection's snapshot; NotFoundError if its index is gone."""
    row = await connection.fetchrow(_sql.get_repository, repository.id)
    if row is None:
        raise NotFoundError(
            f"the index of {repository.name} was removed", remedy="run index_repository"
        )
    return repository_from_row(row)


def current_paths(renames: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Old to last path, from renames in their order; a path that came back stands for itself."""
    paths: dict[str, str] = {}
    for old, new in renames:
        for source, target in paths.items():
            if target == old:
                paths[source] = new
        paths[old] = new
        paths.pop(new, None)
    return paths


def _build_graph(rows: Sequence[Record]) -> SymbolGraph:
    definitions: list[Definition] = []
    found: list[tuple[list[Edge], list[UnresolvedSite], bytes | None]] = []
    for row in rows:
        symbols = sorted(decode_symbols(row["symbols"]), key=_order_in_file)
        definitions += map(Definition.of, symbols)
        found.append((*decode_relations(row["path"], row["relations"]), row["answers"]))
    # A name that repeats in a file (overloads, property setters) stands for its first definition.
    positions: dict[tuple[str, str], int] = {}
    for position, definition in enumerate(definitions):
        positions.setdefault((definition.path, definition.qualified_name), position)
    edges, sites = _with_answers(found, definitions, positions)
    relations = [
        Relation(source, target, e.kind, e.tier, e.path, e.line, round(e.confidence, 3), e.rule)
        for e in edges
        if (source := positions.get((e.path, e.source))) is not None
        and (target := positions.get((e.target_path, e.target))) is not None
    ]
    graph = SymbolGraph(definitions, relations, sites)
    # Here, in the background: the first question would have to wait for it.
    prepare(graph)
    return graph


def _with_answers(
    found: Sequence[tuple[list[Edge], list[UnresolvedSite], bytes | None]],
    definitions: Sequence[Definition],
    positions: Mapping[tuple[str, str], int],
) -> tuple[list[Edge], list[UnresolvedSite]]:
    """Edges and open calls of all files, after what language servers said about them."""

    def kind_of(name: tuple[str, str]) -> str | None:
        position = positions.get(name)
        return None if position is None else definitions[position].kind

    edges: list[Edge] = []
    sites: list[UnresolvedSite] = []
    for own_edges, own_sites, answers in found:
        if answers is not None:
            own_edges, own_sites = take_in(own_edges, own_sites, decode_answers(answers), kind_of)
        edges += own_edges
        sites += own_sites
    return edges, sites


def _order_in_file(symbol: Symbol) -> tuple[int, int, str]:
    return symbol.start_line, -symbol.end_line, symbol.qualified_name
