"""Which plugins are switched off: the last event of each plugin's stream says so.

Above: the kernel at start and on every event, `agentos plugins`. Below: the event log, so that all
server processes agree, and a plugin that was switched off stays so until somebody enables it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agentos.database.pool import Database
from agentos.database.queries import Queries
from agentos.errors import NotFoundError
from agentos.events.model import Event, EventType, NewEvent
from agentos.events.store import EventStore

DISABLED = "plugin.disabled"
ENABLED = "plugin.enabled"

PLUGIN_EVENT_TYPES = (
    EventType(DISABLED, "A plugin that only observes failed too often; its hooks are not called."),
    EventType(ENABLED, "Somebody had the hooks of a disabled plugin called again."),
)

_sql = Queries("agentos", "sql/plugin_states.sql")


@dataclass(frozen=True, slots=True)
class DisabledPlugin:
    """A plugin whose observing hooks are not called, and why."""

    name: str
    hook: str
    reason: str
    since: datetime


def stream_of(plugin: str) -> str:
    """The event stream of what happens to a plugin."""
    return f"plugin/{plugin}"


class PluginStates:
    """Reads and writes who is switched off."""

    def __init__(self, database: Database, events: EventStore) -> None:
        self._database = database
        self._events = events

    async def list_disabled(self, plugins: Sequence[str]) -> list[DisabledPlugin]:
        """Those of `plugins` that are switched off, by name."""
        rows = await self._database.fetch(_sql.last_states, [stream_of(name) for name in plugins])
        return [
            DisabledPlugin(row["plugin"], row["hook"], row["reason"], row["at"])
            for row in rows
            if row["type"] == DISABLED
        ]

    async def disable(self, plugin: DisabledPlugin, *, errors: int, window_s: float) -> None:
        """Record that a plugin used up its error budget; once, whichever processes find it."""
        if await self.list_disabled([plugin.name]):
            return
        data = {
            "plugin": plugin.name,
            "hook": plugin.hook,
            "reason": plugin.reason,
            "errors": errors,
            "window_s": window_s,
        }
        await self._append(NewEvent(stream_of(plugin.name), DISABLED, "system", plugin.since, data))

    async def enable(self, plugin: str, *, now: datetime, by: str) -> None:
        """Have a plugin's hooks called again, in every process; NotFoundError where they are."""
        if not await self.list_disabled([plugin]):
            raise NotFoundError(f"no plugin {plugin!r} is disabled")
        await self._append(NewEvent(stream_of(plugin), ENABLED, by, now, {"plugin": plugin}))

    async def _append(self, event: NewEvent) -> list[Event]:
        async with self._database.connection() as connection, connection.transaction():
            stored = await self._events.append(connection, [event])
        self._events.acknowledged(stored)
        return stored
