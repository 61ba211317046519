"""The chunks of one generation, resident and ready to be scored.

A shard scores every chunk of its repository in every arm, which is faster than asking an index
for candidates up to some 50,000 chunks, and never loses a result to a filter. Above: search.
Below: rows and vectors, loaded in one snapshot of the database.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from asyncpg import Record

from agentos import Queries
from agentos_memory.catalog import Catalog, reread
from agentos_memory.generations import Repository
from agentos_memory.ranking import ARM_WEIGHTS, Bm25fIndex, Scores, fuse
from agentos_memory.residents import Residents
from agentos_memory.vectors import DIMENSIONS, Vector, Vectors, decode_vector

SearchMode: TypeAlias = Literal["hybrid", "semantic", "keyword"]

RESIDENT_SHARDS = 16

_sql = Queries("agentos_memory")


@dataclass(frozen=True, slots=True)
class CodeChunk:
    """What a hit may be: one symbol, or a part of one."""

    path: str
    language: str
    symbol: str
    name: str
    kind: str
    start_line: int
    end_line: int
    signature: str
    body: str


@dataclass(frozen=True, slots=True)
class Shard:
    """The chunks of a repository at one generation, in source order, with their indexes."""

    repository: Repository
    chunks: Sequence[CodeChunk]
    lexical: Bm25fIndex
    vectors: Vector
    name_vectors: Vector
    file_digests: Mapping[str, str]
    by_name: Mapping[str, Sequence[int]]

    def named(self, name: str) -> list[int]:
        """Positions of the chunks of what is called `name`: plain, dotted or qualified."""
        last = name.rpartition(".")[2].rpartition(":")[2]
        ends = ("." + name, ":" + name, "/" + name)
        return [
            position
            for position in self.by_name.get(last, ())
            if name in (last, (symbol := self.chunks[position].symbol)) or symbol.endswith(ends)
        ]

    def scores(self, query: str, query_vector: Vector | None, mode: SearchMode) -> Scores:
        """One score per chunk; `query_vector` is needed unless the mode is keyword."""
        if mode == "keyword":
            return self.lexical.scores(query)
        assert query_vector is not None
        similarity: Scores = self.vectors @ query_vector
        if mode == "semantic":
            return similarity
        arms = {
            "bm25f": self.lexical.scores(query),
            "body": similarity,
            "name": self.name_vectors @ query_vector,
        }
        return fuse(arms, ARM_WEIGHTS)


class Shards:
    """Resident shards by repository; a new generation replaces the old one at its first query."""

    def __init__(self, catalog: Catalog, vectors: Vectors) -> None:
        self._catalog = catalog
        self._vectors = vectors
        self._shards: Residents[int, Shard] = Residents(RESIDENT_SHARDS)

    async def get(self, repository: Repository) -> Shard:
        """The shard of the repository's generation, or of a newer one."""

        async def load() -> tuple[int, Shard]:
            async with self._catalog.snapshot() as connection:
                current = await reread(connection, repository)
                chunks = await connection.fetch(_sql.read_chunks, repository.id)
                vectors = await connection.fetch(
                    _sql.read_chunk_vectors, repository.id, self._vectors.model
                )
                files = await connection.fetch(_sql.read_file_digests, repository.id)
            shard = await asyncio.to_thread(_build, current, chunks, vectors, files)
            return current.generation, shard

        return await self._shards.get(repository.id, repository.generation, load)


def _build(
    repository: Repository,
    rows: Sequence[Record],
    vector_rows: Sequence[Record],
    file_rows: Sequence[Record],
) -> Shard:
    chunks = [
        CodeChunk(
            row["path"],
            row["language"],
            row["qualified_name"],
            row["name"],
            row["kind"],
            row["start_line"],
            row["end_line"],
            row["signature"],
            row["body"],
        )
        for row in rows
    ]
    by_digest = {row["digest"]: decode_vector(row["vector"]) for row in vector_rows}
    vectors = _stacked([row["digest"] for row in rows], by_digest)
    name_vectors = _stacked([row["name_digest"] for row in rows], by_digest)
    digests = {row["path"]: row["sha256"] for row in file_rows}
    by_name: dict[str, list[int]] = defaultdict(list)
    for position, chunk in enumerate(chunks):
        by_name[chunk.name].append(position)
    lexical = Bm25fIndex.build(_fields(chunks))
    return Shard(repository, chunks, lexical, vectors, name_vectors, digests, dict(by_name))


def _stacked(digests: Sequence[str], by_digest: Mapping[str, Vector]) -> Vector:
    """One row per digest; zeros, which resemble nothing, where a vector is missing."""
    vectors = np.zeros((len(digests), DIMENSIONS), np.float32)
    for position, digest in enumerate(digests):
        found = by_digest.get(digest)
        if found is not None:
            vectors[position] = found
    return vectors


def _fields(chunks: Sequence[CodeChunk]) -> list[dict[str, str]]:
    return [
        {
            "name": chunk.name,
            "class": _enclosing_class(chunk),
            "path": chunk.path,
            "signature": chunk.signature,
            "body": chunk.body,
        }
        for chunk in chunks
    ]


def _enclosing_class(chunk: CodeChunk) -> str:
    if chunk.kind in ("class", "interface"):
        return chunk.name
    if chunk.kind != "method":
        return ""
    owner = chunk.symbol.rpartition(".")[0]
    return owner.rpartition(":")[2].rpartition(".")[2]
