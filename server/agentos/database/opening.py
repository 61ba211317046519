"""The database that the settings choose: an own PostgreSQL, or the embedded one.

Above: `open_kernel`. Below: the pool, the embedded server.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agentos.database.embedded import EmbeddedPostgres
from agentos.database.pool import Database
from agentos.errors import ConfigurationError, UnavailableError
from agentos.settings import Settings


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """An open pool; the embedded server stops with the last process that uses it."""
    if settings.database_url is not None:
        database = Database(settings.database_url, pool_size=settings.database_pool_size)
        await database.open()
        try:
            yield database
        finally:
            await database.close()
        return
    embedded = EmbeddedPostgres(settings.home / "postgres")

    async def revive() -> None:
        try:
            await asyncio.to_thread(embedded.ensure_running)
        except ConfigurationError as error:
            raise UnavailableError("the embedded database does not start") from error

    try:
        # Cancelling leaves the thread to finish: the server it starts is stopped below all the same.
        dsn = await asyncio.to_thread(embedded.start)
        database = Database(dsn, pool_size=settings.database_pool_size, revive=revive)
        try:
            await database.open()
            yield database
        finally:
            await database.close()
    finally:
        await asyncio.to_thread(embedded.stop)
