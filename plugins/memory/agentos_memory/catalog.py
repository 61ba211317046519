"""Which repositories are indexed, and resident copies of their current generations.

Above: search, tracing and the indexer. Below: PostgreSQL, read in one snapshot per copy, so that
a copy never mixes two generations.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from asyncpg import Record

from agentos import Connection, Database, NotFoundError, Queries
from agentos_memory.generations import Repository, repository_from_row
from agentos_memory.graph import Definition, Relation, SymbolGraph
from agentos_memory.model import UnresolvedSite
from agentos_memory.residents import Residents

RESIDENT_REPOSITORIES = 16

_sql = Queries("agentos_memory")


class Catalog:
    """The indexed repositories and their symbol graphs."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._graphs: Residents[int, SymbolGraph] = Residents(RESIDENT_REPOSITORIES)

    async def repositories(self) -> list[Repository]:
        """Every indexed repository at its current generation, by name."""
        rows = await self.database.fetch(_sql.list_repositories)
        return [repository_from_row(row) for row in rows]

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
        """The symbol graph of the repository's generation, or of a newer one."""

        async def load() -> tuple[int, SymbolGraph]:
            async with self.snapshot() as connection:
                current = await reread(connection, repository)
                symbols = await connection.fetch(_sql.read_symbols, repository.id)
                edges = await connection.fetch(_sql.read_edges, repository.id)
                calls = await connection.fetch(_sql.read_unresolved_calls, repository.id)
            graph = await asyncio.to_thread(_build_graph, symbols, edges, calls)
            return current.generation, graph

        return await self._graphs.get(repository.id, repository.generation, load)

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


def _build_graph(
    symbols: Sequence[Record],
    edges: Sequence[Record],
    calls: Sequence[Record],
) -> SymbolGraph:
    definitions = [
        Definition(
            row["path"],
            row["qualified_name"],
            row["name"],
            row["kind"],
            row["start_line"],
            row["end_line"],
            row["signature"],
        )
        for row in symbols
    ]
    # A name that repeats in a file (overloads, property setters) stands for its first definition.
    positions: dict[tuple[str, str], int] = {}
    for position, definition in enumerate(definitions):
        positions.setdefault((definition.path, definition.qualified_name), position)
    relations = [
        Relation(source, target, row["kind"], row["tier"], row["path"], row["line"],
                 round(row["confidence"], 3))
        for row in edges
        if (source := positions.get((row["path"], row["source"]))) is not None
        and (target := positions.get((row["target_path"], row["target"]))) is not None
    ]  # fmt: skip
    sites = [
        UnresolvedSite(row["caller"], row["callee"], row["receiver"], row["path"], row["line"])
        for row in calls
    ]
    return SymbolGraph(definitions, relations, sites)
