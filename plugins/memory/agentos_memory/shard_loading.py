"""Loading the shard of a repository's current generation from the database.

Above: search. Below: stored chunks, vectors, and shards that hold them in memory.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from asyncpg import Record

from agentos import Queries
from agentos_memory.bulk import bulk_work
from agentos_memory.catalog import Catalog, reread
from agentos_memory.chunk_records import FileChunks, decode_chunks
from agentos_memory.generations import Repository
from agentos_memory.residents import Residents
from agentos_memory.shards import FileEntry, Shard, counted
from agentos_memory.term_counts import TermCounts
from agentos_memory.vector_matrix import VectorMatrix
from agentos_memory.vectors import Vectors

RESIDENT_SHARDS = 16
# Of all shards together: with vectors of 384 numbers, 4 KB each.
RESIDENT_CHUNKS = 400_000

Tell: TypeAlias = Callable[[str], Awaitable[None]]
"""Told what is at work."""

_sql = Queries("agentos_memory", "sql/index.sql")


@dataclass(frozen=True, slots=True)
class _Part:
    """The chunks of one content, without their identifiers, which are counted."""

    chunks: FileChunks
    counts: TermCounts


@dataclass(frozen=True, slots=True)
class _Resident:
    shard: Shard
    names: VectorMatrix
    bodies: VectorMatrix
    parts: Mapping[int, _Part]
    """By content; the next generation shares most of them."""


class Shards:
    """Resident shards by repository; a new generation replaces the old one at its first query."""

    def __init__(self, catalog: Catalog, vectors: Vectors) -> None:
        self._catalog = catalog
        self._vectors = vectors
        self._residents: Residents[int, _Resident] = Residents(
            RESIDENT_SHARDS, weigh=_n_chunks, max_weight=RESIDENT_CHUNKS
        )

    async def get(
        self, repository: Repository, *, with_vectors: bool, tell: Tell | None = None
    ) -> Shard:
        """The shard of the repository's generation, or of a newer one.

        `with_vectors` takes in the vectors that were made since; nothing is read for them before.
        `tell` hears of what takes seconds, which is reading a repository for the first time.
        """

        async def load() -> tuple[int, _Resident]:
            if tell is not None:
                await tell(f"loading the index of {repository.name}")
            before = self._residents.latest(repository.id)
            known: Mapping[int, _Part] = before.parts if before is not None else {}
            async with self._catalog.snapshot() as connection:
                current = await reread(connection, repository)
                files = await connection.fetch(_sql.list_chunked_files, repository.id)
                unknown = [row["content_id"] for row in files if row["content_id"] not in known]
                rows = await connection.fetch(_sql.read_chunks, unknown)
            resident = await asyncio.to_thread(self._build_in_bulk, current, files, rows, before)
            return current.generation, resident

        resident = await self._residents.get(repository.id, repository.generation, load)
        if with_vectors:
            if tell is not None and resident.names.current.model is None:
                await tell(f"loading the vectors of {repository.name}")
            await resident.names.refresh()
            await resident.bodies.refresh()
        return resident.shard

    def _build_in_bulk(
        self,
        repository: Repository,
        files: Sequence[Record],
        rows: Sequence[Record],
        before: _Resident | None,
    ) -> _Resident:
        # Hundreds of thousands of names and lines stay; walking them would double the time.
        with bulk_work():
            return self._build(repository, files, rows, before)

    def _build(
        self,
        repository: Repository,
        files: Sequence[Record],
        rows: Sequence[Record],
        before: _Resident | None,
    ) -> _Resident:
        known: Mapping[int, _Part] = before.parts if before is not None else {}
        paths = {row["content_id"]: row["path"] for row in files}
        fresh = {row["id"]: _part(paths[row["id"]], row["chunks"]) for row in rows}
        parts = {content: fresh.get(content) or known[content] for content in paths}
        stored = [part.chunks for part in parts.values()]
        counts = [part.counts for part in parts.values()]
        entries = [FileEntry(row["path"], row["language"], row["sha256"]) for row in files]
        names = VectorMatrix(
            self._vectors,
            [digest for part in stored for digest in part.name_digests],
            before=before.names if before is not None else None,
        )
        bodies = VectorMatrix(
            self._vectors,
            [digest for part in stored for digest in part.digests],
            before=before.bodies if before is not None else None,
        )
        shard = Shard(repository, entries, stored, counts=counts, names=names, bodies=bodies)
        return _Resident(shard, names, bodies, parts)


def _n_chunks(resident: _Resident) -> int:
    return len(resident.shard)


def _part(path: str, blob: bytes) -> _Part:
    chunks = decode_chunks(path, blob)
    none = array("I")
    return _Part(replace(chunks, identifiers=(), sizes=none, tokens=none), counted(chunks))
