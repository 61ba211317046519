"""The queue's own connection: it holds claims, and stores vectors.

A claim is free as soon as its process dies. Above: the queue. Below: PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from struct import pack

from agentos import Database, Queries
from agentos_memory.own_connection import Connection, OwnConnection
from agentos_memory.text_sources import ScopeProgress
from agentos_memory.vectors import Vector

_sql = Queries("agentos_memory", "sql/embedding.sql")


class VectorWriter:
    """One connection, opened at the first use and again after it was lost."""

    def __init__(self, database: Database) -> None:
        self._connection = OwnConnection(
            database,
            "agentos embedding",
            # What a crash of the server takes back is computed again.
            settings={"synchronous_commit": "off"},
            prepare=self._prepare,
        )
        self._claims: set[tuple[str, str]] = set()

    async def claim(self, scope: str, model_id: str) -> bool:
        """Whether this process alone works on `scope` with that model now."""
        connection = await self._connection.open()
        if (scope, model_id) in self._claims:
            return True
        is_ours = bool(await connection.fetchval(_sql.try_claim, scope, model_id))
        if is_ours:
            self._claims.add((scope, model_id))
        return is_ours

    async def release(self, scope: str, model_id: str) -> None:
        """Let others work on it."""
        if (scope, model_id) in self._claims:
            self._claims.discard((scope, model_id))
            connection = await self._connection.open()
            await connection.fetchval(_sql.release_claim, scope, model_id)

    async def store(
        self,
        model_id: str,
        digests: Sequence[str],
        vectors: Vector,
        progress: ScopeProgress,
        now: datetime,
    ) -> None:
        """Vectors and how far the scope is with them, in one transaction."""
        connection = await self._connection.open()
        async with connection.transaction():
            if digests:
                await connection.copy_records_to_table(
                    "new_embedding",
                    columns=["digest", "vector"],
                    records=zip(digests, vectors, strict=True),
                )
                await connection.execute(_sql.take_turn)
                await connection.execute(_sql.insert_new_embeddings, model_id, now)
            await connection.execute(
                _sql.record_progress,
                progress.scope,
                model_id,
                progress.version,
                progress.names_done,
                progress.names_total,
                progress.bodies_done,
                progress.bodies_total,
                progress.n_unreadable,
                progress.is_complete,
                now,
            )

    async def close(self) -> None:
        """End the connection, and with it every claim."""
        self._claims.clear()
        await self._connection.close()

    async def _prepare(self, connection: Connection) -> None:
        # Claims of a connection that was lost are lost with it.
        self._claims.clear()
        await connection.set_type_codec(
            "halfvec",
            schema=await connection.fetchval(_sql.find_vector_schema),
            encoder=encode_vector,
            decoder=_undecoded,
            format="binary",
        )
        await connection.execute(_sql.create_new_embeddings)


def encode_vector(vector: Vector) -> bytes:
    """pgvector's binary form of a `halfvec`."""
    return pack(">HH", len(vector), 0) + vector.astype(">f2").tobytes()


def _undecoded(binary: bytes) -> bytes:
    return binary
