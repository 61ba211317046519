"""Removes vectors that nothing needs any more: those of retired models, and of texts that are gone.

Above: the queue, when it has nothing else to do. Below: the tables of vectors and models.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from agentos import Database, Queries
from agentos_memory.embedding_models import EmbeddingModels, Models
from agentos_memory.text_sources import TextSource

UNUSED_KEPT_FOR = timedelta(days=1)
# A text that is gone may come back, as with a switch of branches.
SWEEP_EVERY_S = 3_600.0
DELETED_AT_ONCE = 5_000

_sql = Queries("agentos_memory", "sql/embedding.sql")


class EmbeddingSweep:
    """What is deleted, a bounded piece at a time."""

    def __init__(
        self,
        database: Database,
        models: EmbeddingModels,
        sources: Callable[[], Awaitable[Sequence[TextSource]]],
    ) -> None:
        self._database = database
        self._models = models
        self._sources = sources
        self._swept_at = time.monotonic()

    async def step(self, models: Models, now: datetime) -> bool:
        """Delete something; False where there was nothing to delete."""
        for model in models.retired:
            await self._delete_retired(model.model_id)
            return True
        if time.monotonic() - self._swept_at > SWEEP_EVERY_S:
            self._swept_at = time.monotonic()
            await self.forget_unused(now)
        return False

    async def forget_unused(self, now: datetime) -> int:
        """Delete vectors, a day old or more, of texts that no source has; how many digests."""
        before = now - UNUSED_KEPT_FOR
        rows = await self._database.fetch(_sql.list_embedded_digests, before)
        unused = {row["digest"] for row in rows}
        scopes = []
        for source in await self._sources():
            scopes.append(source.scope)
            if unused:
                unused -= {each.digest for each in await source.wanted()}
        gone = sorted(unused)
        for start in range(0, len(gone), DELETED_AT_ONCE):
            await self._execute(_sql.delete_vectors, gone[start : start + DELETED_AT_ONCE], before)
        await self._execute(_sql.delete_progress, scopes)
        return len(gone)

    async def _delete_retired(self, model_id: str) -> None:
        async with self._database.connection() as connection:
            tag = await connection.execute(_sql.delete_retired_vectors, model_id, DELETED_AT_ONCE)
            if int(tag.rpartition(" ")[2]) < DELETED_AT_ONCE:
                await connection.execute(_sql.delete_retired_model, model_id)
        self._models.expire()

    async def _execute(self, statement: str, *arguments: object) -> None:
        async with self._database.connection() as connection:
            await connection.execute(statement, *arguments)
