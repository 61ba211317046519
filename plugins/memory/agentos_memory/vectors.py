"""Vectors by digest of their text: computed once, kept in PostgreSQL, read in bulk.

Above: search over code, observations and references, and the queue, which makes the vectors.
Below: the models in use with their embedders, and the table `memory.embedding`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from asyncpg import Record
from numpy.typing import NDArray

from agentos import (
    Database,
    Embedder,
    EmbeddingRows,
    PluginError,
    Queries,
    UnavailableError,
    redact_text,
)
from agentos_memory.embedding_models import EmbeddingModels, Model

# pgvector's binary form: dimensions and a reserved field, 2 bytes each, then big-endian halves.
_HEADER_BYTES = 4

Vector: TypeAlias = NDArray[np.float32]

_sql = Queries("agentos_memory", "sql/embedding.sql")


class Vectors:
    """Vectors of queries, and the stored ones of texts."""

    def __init__(self, database: Database, models: EmbeddingModels) -> None:
        self.models = models
        self._database = database

    async def serving(self) -> Model:
        """The model whose vectors answer; UnavailableError says why there is none."""
        try:
            model = (await self.models.current()).serving
        except PluginError as error:
            raise _unavailable(error.message) from error
        if model is None:
            raise _unavailable("nothing is embedded: setting memory.embedder.kind is 'none'")
        return model

    async def embed_query(self, text: str, *, model: str | None = None) -> Vector:
        """The unit vector of a query by the serving model, or by `model`; never stored.

        UnavailableError says why there is none: search goes on by keyword.
        """
        if self.models.settings.kind == "none":
            raise _unavailable("nothing is embedded: setting memory.embedder.kind is 'none'")
        chosen = await self._find(model) if model is not None else await self.serving()
        embedder = self.models.embedder(chosen)
        if embedder is None:
            raise _unavailable(
                f"the stored vectors are those of {chosen.model_id}, with which this version "
                "cannot embed a query; new ones are in the making"
            )
        # What a plugin does with a text is not known here.
        sent = redact_text(text) if chosen.settings.sends_texts else text
        return await _embed_query(embedder, chosen, sent)

    async def read(self, digests: Sequence[str], model_id: str) -> dict[str, Vector]:
        """The stored vectors among `digests`."""
        rows = await self._database.fetch(_sql.read_vectors, model_id, list(digests))
        return dict(zip((row["digest"] for row in rows), decode_vectors(rows), strict=True))

    async def read_since(
        self, model_id: str, position: int, limit: int
    ) -> tuple[list[str], Vector, int]:
        """Digests and vectors that came after `position`, and the position of the last of them."""
        rows = await self._database.fetch(_sql.read_vectors_since, model_id, position, limit)
        last = rows[-1]["position"] if rows else position
        return [row["digest"] for row in rows], decode_vectors(rows), last

    async def _find(self, model_id: str) -> Model:
        serving = await self.serving()
        current = await self.models.current()
        known = [*current.active(), *current.retired]
        return next((model for model in known if model.model_id == model_id), serving)


async def _embed_query(embedder: Embedder, model: Model, text: str) -> Vector:
    timeout_s = model.settings.query_timeout_s
    # The packaged model may have to be loaded first, which a busy machine makes slow.
    limit = None if model.settings.kind == "minilm" else timeout_s + 1
    try:
        async with asyncio.timeout(limit):
            rows = await embedder.embed([text], purpose="query")
        vector: Vector = checked_vectors(rows, 1, model.dimension)[0]
    except PluginError as error:
        raise _unavailable(error.message) from error
    except TimeoutError:
        raise _unavailable(f"{model.model_id} gave no vector within {limit:g} s") from None
    return vector


def checked_vectors(rows: EmbeddingRows, n_texts: int, dimension: int) -> Vector:
    """Unit vectors, float32 [n_texts, dimension]; PluginError for anything else than asked for."""
    try:
        vectors = np.asarray(rows, np.float32)
    except (TypeError, ValueError) as error:
        raise PluginError(f"the embedder answered no rows of numbers: {error}") from error
    if vectors.shape != (n_texts, dimension):
        raise PluginError(
            f"the embedder answered an array of shape {list(vectors.shape)} to {n_texts} texts; "
            f"its dimension is {dimension}"
        )
    if not np.isfinite(vectors).all():
        raise PluginError("the embedder answered numbers that are not finite")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vector = vectors / np.maximum(lengths, 1e-12)
    return unit


def decode_vectors(rows: Sequence[Record]) -> Vector:
    """float32 [rows, dimension] from pgvector's binary form of `halfvec` in column `vector`."""
    if not rows:
        return np.zeros((0, 0), np.float32)
    raw = np.frombuffer(b"".join([row["vector"] for row in rows]), ">f2")
    return raw.reshape(len(rows), -1)[:, _HEADER_BYTES // 2 :].astype(np.float32)


def _unavailable(message: str) -> UnavailableError:
    return UnavailableError(message, remedy="use mode keyword, which needs no vectors")
