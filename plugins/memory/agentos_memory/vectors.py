"""Vectors by digest of their text: computed once, kept in PostgreSQL, read in bulk.

Above: the indexer, search over code and over observations. Below: the embedder, which is loaded
at the first use, and the table `memory.embedding`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from agentos import Database, Queries
from agentos_memory.embedding import MiniLmEmbedder

EMBED_BATCH = 256
# Two batches side by side on one thread each: some 205 texts per CPU-second, where one batch on
# two threads had 185.
EMBED_LANES = 2
DIMENSIONS = 384
# A third faster than 128 tokens, which rank better for texts of issues and no better for
# descriptions.
MAX_TOKENS = 64
# pgvector's binary form: dimensions and a reserved field, 2 bytes each, then big-endian halves.
_HEADER_BYTES = 4

Vector = NDArray[np.float32]
Progress = Callable[[int, int], Awaitable[None]]

_sql = Queries("agentos_memory")


class Vectors:
    """The embedding model with its store."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._embedder = MiniLmEmbedder(threads=1)

    @property
    def model(self) -> str:
        """What the vectors were made with; those of different models are never compared."""
        return f"{self._embedder.model_id}/{MAX_TOKENS}"

    async def embed_query(self, text: str) -> Vector:
        """The unit vector of a query; never stored."""
        vectors: Vector = (await asyncio.to_thread(self._embed, [text]))[0]
        return vectors

    async def store(
        self, texts: Mapping[str, str], *, now: datetime, progress: Progress | None = None
    ) -> int:
        """Embed the texts (by digest) that have no vector yet; how many those were.

        Each batch is committed on its own: a digest means one text for ever, so an interrupted
        run leaves nothing half done and its successor goes on from there.
        """
        known = await self._known(list(texts))
        # Texts of like length share a batch, since a batch is padded to its longest.
        missing = sorted(set(texts) - known, key=lambda digest: (len(texts[digest]), digest))
        for start in range(0, len(missing), EMBED_BATCH):
            batch = missing[start : start + EMBED_BATCH]
            # Interleaved, so that both lanes have texts of the same lengths.
            lanes = [batch[lane::EMBED_LANES] for lane in range(EMBED_LANES)]
            await asyncio.gather(*(self._store_lane(lane, texts, now) for lane in lanes if lane))
            if progress is not None:
                await progress(start + len(batch), len(missing))
        return len(missing)

    async def read(self, digests: Sequence[str]) -> dict[str, Vector]:
        """The stored vectors among `digests`."""
        rows = await self._database.fetch(_sql.read_vectors, self.model, list(digests))
        return {row["digest"]: decode_vector(row["vector"]) for row in rows}

    async def _store_lane(
        self, digests: list[str], texts: Mapping[str, str], now: datetime
    ) -> None:
        vectors = await asyncio.to_thread(self._embed, [texts[digest] for digest in digests])
        await self._insert(digests, vectors, now)

    def _embed(self, texts: Sequence[str]) -> Vector:
        return self._embedder.embed(texts, max_tokens=MAX_TOKENS)

    async def _known(self, digests: list[str]) -> set[str]:
        rows = await self._database.fetch(_sql.list_known_digests, self.model, digests)
        return {row["digest"] for row in rows}

    async def _insert(self, digests: list[str], vectors: Vector, now: datetime) -> None:
        texts = await asyncio.to_thread(lambda: [encode_vector(vector) for vector in vectors])
        async with self._database.connection() as connection:
            await connection.execute(_sql.insert_embeddings, self.model, digests, texts, now)


def encode_vector(vector: Vector) -> str:
    """pgvector's text form, with the precision that a half has."""
    return "[" + ",".join(f"{x:.4g}" for x in vector.tolist()) + "]"


def decode_vector(binary: bytes) -> Vector:
    """A vector from pgvector's binary form of `halfvec`."""
    return np.frombuffer(binary, dtype=">f2", offset=_HEADER_BYTES).astype(np.float32)
