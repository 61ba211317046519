"""`logging/setLevel` of clients before 2026-07-28: what their calls log below a level is not sent.

Above: the server, which takes the request, and the caller, which sends what calls log. There are no
sessions over HTTP, so the level is a row under the session id; over stdio there is one client.
Clients of 2026-07-28 name the level with each request.
"""

from __future__ import annotations

from typing import get_args

from agentos.calls import LogLevel
from agentos.database.queries import Queries
from agentos.kernel import Kernel

LEVELS: tuple[LogLevel, ...] = get_args(LogLevel)
"""From the least to the most severe."""

_sql = Queries("agentos", "sql/log_levels.sql")


class LogLevels:
    """What clients asked for; `session_key` is None for the one client of a stdio server."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._own: LogLevel | None = None

    async def set(self, session_key: str | None, level: LogLevel) -> None:
        """Send what is at least of that level from now on."""
        if session_key is None:
            self._own = level
            return
        async with self._kernel.database.connection() as connection:
            await connection.execute(
                _sql.set_log_level, session_key, level, self._kernel.clock.now()
            )

    async def wanted(self, session_key: str | None) -> frozenset[LogLevel]:
        """The levels to send; all of them where the client named none."""
        lowest = self._own
        if session_key is not None:
            lowest = await self._kernel.database.fetch_value(_sql.get_log_level, session_key)
        return frozenset(LEVELS if lowest is None else LEVELS[LEVELS.index(lowest) :])
