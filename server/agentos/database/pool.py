"""Connections to PostgreSQL: a bounded pool that outlives restarts of the server.

Above: transactions, the event store, plugins' reads. Below: asyncpg.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from types import TracebackType
from typing import Any, TypeAlias

import asyncpg
import orjson

from agentos.errors import ConfigurationError, UnavailableError

Connection: TypeAlias = (
    "asyncpg.pool.PoolConnectionProxy[asyncpg.Record] | asyncpg.Connection[asyncpg.Record]"
)
"""A connection of the pool, inside or outside of a transaction."""

_Pooled: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"

CONNECTION_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    ConnectionError,
)
# While connecting, a missing socket or a full backlog says the same: not there now.
CANNOT_CONNECT = (*CONNECTION_LOST, OSError, TimeoutError)


def is_connection_lost(error: BaseException) -> bool:
    """Whether `error` says that the connection is gone; a bad argument is a ValueError too."""
    return isinstance(error, CONNECTION_LOST) and not isinstance(error, ValueError)


@contextmanager
def reporting_loss(when: str = "before the answer") -> Iterator[None]:
    """Statements in the block raise UnavailableError where the connection was lost."""
    try:
        yield
    except CONNECTION_LOST as error:
        if not is_connection_lost(error):
            raise
        raise _loss(when) from error


def _loss(when: str) -> UnavailableError:
    return UnavailableError(
        f"the database connection was lost {when}",
        remedy="repeat the call with the same idempotency key",
    )


# Kept aside by whoever used them last: taking one from asyncpg's pool and giving it back costs as
# much as a short statement.
MAX_AT_HAND = 4


class Database:
    """A pool of connections; reads ride through a restart of PostgreSQL, writes report it."""

    def __init__(
        self,
        dsn: str,
        *,
        pool_size: int = 16,
        revive: Callable[[], Awaitable[None]] | None = None,
        acquire_timeout_s: float = 10.0,
    ) -> None:
        self.dsn = dsn
        self._pool_size = pool_size
        self._revive = revive
        self._acquire_timeout_s = acquire_timeout_s
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._revival = asyncio.Lock()
        self._at_hand: list[_Pooled] = []
        self._n_waiting = 0

    async def open(self) -> None:
        """Connect; ConfigurationError where the server cannot be reached."""
        try:
            self._pool = await asyncpg.create_pool(
                self.dsn,
                min_size=1,
                max_size=self._pool_size,
                init=_prepare_connection,
                reset=_keep_session,
                command_timeout=60.0,
                server_settings={"application_name": "agentos", "timezone": "UTC"},
            )
        except (*CANNOT_CONNECT, asyncpg.PostgresError) as error:
            raise ConfigurationError(
                f"cannot connect to PostgreSQL: {type(error).__name__}; "
                "check AGENTOS_DATABASE_URL, or unset it to use the embedded server"
            ) from error

    async def close(self) -> None:
        """Close every connection; waits a little for those in use."""
        if self._pool is None:
            return
        try:
            async with asyncio.timeout(5):
                while self._at_hand:
                    await self._pool.release(self._at_hand.pop())
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """A connection for as long as the block talks to PostgreSQL; UnavailableError if none."""
        return _Borrowed(self)

    async def fetch(self, sql: str, *args: Any) -> list[asyncpg.Record]:
        """All rows of a read, retried once the server is back."""
        rows: list[asyncpg.Record] = await self._read(lambda c: c.fetch(sql, *args))
        return rows

    async def fetch_row(self, sql: str, *args: Any) -> asyncpg.Record | None:
        """The first row of a read, or None."""
        row: asyncpg.Record | None = await self._read(lambda c: c.fetchrow(sql, *args))
        return row

    async def fetch_value(self, sql: str, *args: Any) -> Any:
        """The first column of the first row, or None."""
        return await self._read(lambda c: c.fetchval(sql, *args))

    async def _read(self, run: Callable[[Connection], Awaitable[Any]]) -> Any:
        deadline = time.monotonic() + self._acquire_timeout_s
        while True:
            try:
                async with self.connection() as connection:
                    return await run(connection)
            except UnavailableError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.05)

    async def _acquire(self) -> _Pooled:
        if self._pool is None:
            raise UnavailableError("the database is not open")
        while self._at_hand:
            connection = self._at_hand.pop()
            # What died meanwhile was taken back by the pool, and may not even be asked.
            with suppress(asyncpg.InterfaceError):
                if not connection.is_closed():
                    return connection
                await self._pool.release(connection)
        self._n_waiting += 1
        try:
            return await self._acquire_from(self._pool)
        finally:
            self._n_waiting -= 1

    async def _acquire_from(self, pool: asyncpg.Pool[asyncpg.Record]) -> _Pooled:
        deadline = time.monotonic() + self._acquire_timeout_s
        while True:
            try:
                # Its own timeout would make a task of every acquisition.
                async with asyncio.timeout(self._acquire_timeout_s):
                    return await pool.acquire()
            except CANNOT_CONNECT as error:
                if time.monotonic() > deadline:
                    raise UnavailableError(
                        "the database cannot be reached", remedy="retry in a few seconds"
                    ) from error
                await self._bring_back()

    async def _bring_back(self) -> None:
        if self._revive is None:
            await asyncio.sleep(0.1)
            return
        async with self._revival:
            await self._revive()

    async def _release(self, connection: _Pooled, *, is_clean: bool) -> None:
        pool = self._pool
        assert pool is not None
        is_closed = connection.is_closed()
        if not is_closed and connection.is_in_transaction():
            # A cancelled or failed transaction: never hand it to the next user.
            connection.terminate()
            is_closed = True
        may_keep = is_clean and not is_closed and not pool.is_closing()
        # Whoever waits, waits at the pool.
        if may_keep and not self._n_waiting and len(self._at_hand) < MAX_AT_HAND:
            self._at_hand.append(connection)
            return
        await pool.release(connection)


class _Borrowed:
    """A connection that is given back at the end of a block, entered once.

    Every call enters several of them, and a generator would cost as much as a short statement.
    """

    __slots__ = ("_connection", "_database")

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: _Pooled | None = None

    async def __aenter__(self) -> Connection:
        self._connection = await self._database._acquire()
        return self._connection

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        connection, self._connection = self._connection, None
        assert connection is not None
        with suppress(*CONNECTION_LOST):
            await self._database._release(connection, is_clean=error is None)
        if error is not None and is_connection_lost(error):
            raise _loss("before the answer") from error


async def _prepare_connection(connection: Connection) -> None:
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: orjson.dumps(value).decode(),
        decoder=orjson.loads,
    )


async def _keep_session(connection: Any) -> None:
    """No session state survives a transaction here, so asyncpg's reset query is a wasted trip."""
