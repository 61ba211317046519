"""How far each sink is, for the operator.

Above: `agentos events`. Below: the cursor table.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from agentos.clock import format_time
from agentos.database.pool import Database
from agentos.database.queries import Queries
from agentos.errors import InvalidArgumentError, NotFoundError
from agentos.events.model import EventType, NewEvent
from agentos.events.store import EventStore
from agentos.outbox.webhooks import SINK

OUTBOX_EVENT_TYPES = (EventType("outbox.rewound", "Events are published again to a sink."),)

_sql = Queries("agentos", "sql/outbox.sql")


async def list_cursors(database: Database) -> list[dict[str, Any]]:
    """Every sink with its position and how many events wait for it, as JSON."""
    return [
        {
            "sink": row["sink"],
            "position": row["position"],
            "waiting": row["waiting"],
            "updated_at": format_time(row["updated_at"]),
        }
        for row in await database.fetch(_sql.list_cursors)
    ]


async def rewind_cursor(
    database: Database, events: EventStore, sink: str, after: int, *, now: datetime, by: str
) -> None:
    """Let a bus begin again after a position, whatever it still has; recorded in the log.

    Whoever publishes to it now notices at once, since the record is itself an event.
    """
    if sink == SINK:
        raise InvalidArgumentError(
            "webhooks are not rewound; `agentos webhooks retry` sends dead deliveries again"
        )
    async with database.connection() as connection, connection.transaction():
        if await connection.fetchval(_sql.rewind_cursor, sink, after, now) is None:
            raise NotFoundError(f"no sink is named {sink!r}; `agentos events sinks` lists them")
        data = {"sink": sink, "position": after}
        await events.append(connection, [NewEvent("outbox", "outbox.rewound", by, now, data)])
