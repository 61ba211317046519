"""What refinement keeps: answers, how far each repository is, and who works on it.

Claims and answers are of one connection: a process that is killed loses its claim at once, and
nothing that it had stored. Above: refinement. Below: PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from agentos import Database, Queries
from agentos_memory.own_connection import OwnConnection
from agentos_memory.server_answers import SiteAnswer, encode_answers

_sql = Queries("agentos_memory", "sql/refinement.sql")


@dataclass(frozen=True, slots=True)
class RefinementProgress:
    """How far the graph of a repository is refined, as of `graph_generation`.

    `servers` are asked, by name; `done` open calls were asked about, `waiting` are not yet.
    `failure` says why it does not get on now; it is tried again.
    """

    repository_id: int
    graph_generation: int
    servers: str
    done: int
    waiting: int
    failure: str | None = None


class RefinementStore:
    """One connection for writing, opened at the first use and again after it was lost."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection = OwnConnection(database, "agentos refinement")

    async def all_progress(self) -> dict[int, RefinementProgress]:
        """How far every repository is, by its id."""
        rows = await self._database.fetch(_sql.list_progress)
        return {row["repository_id"]: _progress(row) for row in rows}

    async def progress(self, repository_id: int) -> RefinementProgress | None:
        """How far one repository is; None where nobody has looked at it."""
        row = await self._database.fetch_row(_sql.find_progress, repository_id)
        return None if row is None else _progress(row)

    async def files(self, repository_id: int) -> Sequence[asyncpg.Record]:
        """Files of the graph with content_id, sha256 and stored answers."""
        return await self._database.fetch(_sql.read_files, repository_id)

    async def claim(self, repository_id: int) -> bool:
        """Whether this process alone refines the repository now."""
        return bool(await (await self._connection.open()).fetchval(_sql.try_claim, repository_id))

    async def release(self, repository_id: int) -> None:
        """Let others do so."""
        await (await self._connection.open()).fetchval(_sql.release_claim, repository_id)

    async def adopt(self, repository_id: int, others: Sequence[int]) -> bool:
        """Take over what was answered in other work trees; whether there was anything."""
        connection = await self._connection.open()
        return bool(await connection.fetchval(_sql.adopt_answers, repository_id, list(others)))

    async def store(
        self,
        answers: Mapping[int, Sequence[SiteAnswer]],
        progress: RefinementProgress,
        now: datetime,
    ) -> None:
        """All answers about some contents, and how far the repository is, in one transaction."""
        connection = await self._connection.open()
        async with connection.transaction():
            if answers:
                await connection.execute(
                    _sql.store_answers,
                    progress.repository_id,
                    list(answers),
                    [len(each) for each in answers.values()],
                    [encode_answers(each) for each in answers.values()],
                    now,
                )
            await connection.execute(
                _sql.record_progress,
                progress.repository_id,
                progress.graph_generation,
                progress.servers,
                progress.done,
                progress.waiting,
                progress.failure,
                now,
            )

    async def publish(self, repository_id: int) -> None:
        """Make what was stored part of the graph that answers."""
        await (await self._connection.open()).execute(_sql.publish_answers, repository_id)

    async def close(self) -> None:
        """End the connection, and with it every claim."""
        await self._connection.close()


def _progress(row: asyncpg.Record) -> RefinementProgress:
    return RefinementProgress(
        row["repository_id"], row["graph_generation"], row["servers"], row["done_count"],
        row["waiting_count"], row["failure"],
    )  # fmt: skip
