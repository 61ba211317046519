"""Tells the tracker how work goes: at least once, in order for each ticket, over crashes.

What is to be told is a row before it is sent, and done once the tracker took it. Any number of
server processes share the work; what a killed one had taken is due again.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

import httpx2

from agentos import Kernel, NotFoundError, Queries, UnavailableError, format_time

STATES = {
    "work_order.claimed": "in progress",
    "work_order.submitted": "in review",
    "work_order.completed": "done",
    "work_order.failed": "failed",
    "work_order.cancelled": "cancelled",
}
TAKEN_FOR = timedelta(minutes=2)
FIRST_RETRY, LONGEST_RETRY = timedelta(seconds=5), timedelta(hours=1)

sql = Queries("agentos_tracker")


async def request(client: httpx2.AsyncClient, method: str, path: str, **options: Any) -> Any:
    """The tracker's answer; NotFoundError, or UnavailableError for what may work later."""
    try:
        answer = await client.request(method, path, **options)
    except httpx2.HTTPError as error:
        raise UnavailableError(f"the tracker: {type(error).__name__}") from error
    if answer.status_code == 404:
        raise NotFoundError(f"the tracker has nothing at {path}")
    if not answer.is_success:
        raise UnavailableError(f"the tracker answered {answer.status_code}")
    return answer.json() if answer.content else None


async def follow_events(kernel: Kernel) -> None:
    """Note each change of a linked work order, from where the last process stopped."""
    async for event in kernel.bus.follow(await kernel.database.fetch_value(sql.read_cursor)):
        if event.type in STATES:
            order = event.data["work_order"]
            state = {"work_order": order, "state": STATES[event.type], "at": format_time(event.at)}
            await kernel.database.fetch(
                sql.note_state, event.position, order, event.hash, state, kernel.clock.now()
            )


async def send_for_ever(kernel: Kernel, client: httpx2.AsyncClient) -> None:
    """Send what is due, again and again; while the database is away, it stays due."""
    while True:
        with suppress(UnavailableError):
            while await send_one(kernel, client):
                pass
        await asyncio.sleep(1.0)


async def send_one(kernel: Kernel, client: httpx2.AsyncClient) -> bool:
    """Send the oldest row that is due; False where there is none."""
    now = kernel.clock.now()
    row = await kernel.database.fetch_row(sql.take_due, now, now + TAKEN_FOR)
    if row is None:
        return False
    path, headers = f"/tickets/{row['ticket']}/events", {"idempotency-key": row["key"]}
    try:
        await request(client, "POST", path, json=row["state"], headers=headers)
    except (UnavailableError, NotFoundError) as error:
        due_at = now + min(FIRST_RETRY * 2 ** min(row["attempts"], 20), LONGEST_RETRY)
        await kernel.database.fetch(sql.put_back, row["position"], due_at, error.message)
    else:
        await kernel.database.fetch(sql.mark_sent, row["position"], now)
    return True
