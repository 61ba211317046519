"""A connection of its own for claims that must end with their process.

A claim is an advisory lock of the connection, so it is free as soon as its process dies, by
whatever means; nobody waits for a lease to end. Above: what claims work in the background.
Below: PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TypeAlias

import asyncpg

from agentos import Database

CONNECT_TIMEOUT_S = 10.0
COMMAND_TIMEOUT_S = 60.0

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Prepare: TypeAlias = Callable[[Connection], Awaitable[None]]


class OwnConnection:
    """One connection, opened at the first use and again after it was lost.

    `name` is what the server calls it, `settings` are the session's. `prepare` makes a new one
    ready; what an earlier one held is gone by then.
    """

    def __init__(
        self,
        database: Database,
        name: str,
        *,
        settings: Mapping[str, str] | None = None,
        prepare: Prepare | None = None,
    ) -> None:
        self._database = database
        self._settings = {"application_name": name, "timezone": "UTC"} | dict(settings or {})
        self._prepare = prepare
        self._connection: Connection | None = None

    async def open(self) -> Connection:
        """The connection, which is alive as far as this side knows."""
        if self._connection is not None and self._connection.is_closed():
            await self.close()
        if self._connection is None:
            connection = await asyncpg.connect(
                self._database.dsn,
                timeout=CONNECT_TIMEOUT_S,
                command_timeout=COMMAND_TIMEOUT_S,
                server_settings=self._settings,
            )
            try:
                if self._prepare is not None:
                    await self._prepare(connection)
            except BaseException:
                connection.terminate()
                raise
            self._connection = connection
        return self._connection

    async def close(self) -> None:
        """End it, and with it every claim."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                await connection.close(timeout=2)
