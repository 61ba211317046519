"""One process at a time does a job, over all processes of an installation.

Above: publishers. Below: PostgreSQL's advisory locks. The lock belongs to a connection, so it is
free as soon as its holder dies, and what the leader writes through that connection is fenced: a
process that lost it can no longer write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import structlog

from agentos.database.pool import CANNOT_CONNECT, Database
from agentos.database.queries import Queries
from agentos.errors import AgentOSError, UnavailableError

ELECTION_EVERY_S = 1.0

_sql = Queries("agentos", "sql/outbox.sql")
_log = structlog.get_logger(__name__)


class Seat:
    """The leader's connection; statements of several tasks go through it one by one."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self._connection = connection
        self._turn = asyncio.Lock()

    async def fetch(self, sql: str, *args: Any) -> list[asyncpg.Record]:
        """All rows of a statement."""
        async with self._turn:
            rows: list[asyncpg.Record] = await self._connection.fetch(sql, *args)
            return rows

    async def fetch_value(self, sql: str, *args: Any) -> Any:
        """The first column of the first row, or None."""
        async with self._turn:
            return await self._connection.fetchval(sql, *args)

    async def in_transaction(
        self, work: Callable[[asyncpg.Connection[asyncpg.Record]], Awaitable[int]]
    ) -> int:
        """What `work` answers, committed."""
        async with self._turn, self._connection.transaction():
            return await work(self._connection)


Job = Callable[[Seat], Awaitable[None]]


async def _always() -> bool:
    return True


async def lead_for_ever(
    database: Database,
    name: str,
    job: Job,
    *,
    is_needed: Callable[[], Awaitable[bool]] = _always,
) -> None:
    """Do the job whenever no other process does; its failures are logged and it begins again."""
    while True:
        try:
            if await is_needed():
                await lead(database, name, job)
        except* (*CANNOT_CONNECT, asyncpg.PostgresError, AgentOSError) as failed:
            _log.warning("outbox_interrupted", job=name, error=_first(failed))
        except* Exception as failed:  # noqa: BLE001 - the owner of a background task
            _log.error("outbox_failed", job=name, exc_info=failed)
        await asyncio.sleep(ELECTION_EVERY_S)


async def lead(database: Database, name: str, job: Job) -> bool:
    """Do the job until it ends or the lock is lost; False, at once, where another process does it.

    Raises what the job raises, and UnavailableError where the connection was lost.
    """
    # Asked over the pool first: those who wait need no connection of their own.
    if not await database.fetch_value(_sql.is_free, name):
        return False
    connection = await asyncpg.connect(
        database.dsn,
        timeout=10,
        command_timeout=60.0,
        server_settings={
            "application_name": f"agentos {name}"[:63],
            "timezone": "UTC",
            # What a crash of the server takes back is published again, under the same ids.
            "synchronous_commit": "off",
        },
    )
    try:
        if not await connection.fetchval(_sql.try_lead, name):
            return False
        await _do_while_connected(connection, job)
        return True
    finally:
        connection.terminate()


async def _do_while_connected(connection: asyncpg.Connection[asyncpg.Record], job: Job) -> None:
    lost = asyncio.Event()
    connection.add_termination_listener(lambda _connection: lost.set())

    async def fail_when_lost() -> None:
        await lost.wait()
        raise UnavailableError("the connection that holds the lock was lost")

    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(fail_when_lost())
        await job(Seat(connection))
        watching.cancel()


def _first(group: BaseExceptionGroup[BaseException]) -> str:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"[:300]
