"""The server's log, as it lies in the database."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import asyncpg


@dataclass(frozen=True, slots=True)
class Event:
    """One event."""

    type: str
    actor: str
    data: dict[str, Any]


def read_events(database_url: str) -> list[Event]:
    """All events, oldest first."""
    return asyncio.run(_read(database_url))


async def _read(database_url: str) -> list[Event]:
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(
            "select type, actor, data from kernel.event order by position"
        )
    finally:
        await connection.close()
    return [Event(row["type"], row["actor"], json.loads(row["data"])) for row in rows]
