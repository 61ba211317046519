"""Makes work orders of an issue tracker's tickets, and tells the tickets how the work goes.

In order, at least once: the log is the queue, a cursor remembers how far the tracker was told. What
several server processes tell it of one event, the tracker takes once, by its key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Annotated, Any

import httpx2
from pydantic import BaseModel, Field, SecretStr

from agentos import (
    Event,
    EventType,
    Kernel,
    MigrationSet,
    NewEvent,
    NotFoundError,
    ProjectionWriter,
    Queries,
    Service,
    Tool,
    ToolCall,
    UnavailableError,
    hookimpl,
    tool,
)

Key = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{1,9}-[0-9]{1,9}$", description="Like OPS-12")]
TOLD = tuple(
    f"work_order.{e}" for e in ("claimed", "submitted", "completed", "failed", "cancelled")
)
sql = Queries("agentos_tracker")


class TrackerSettings(BaseModel, extra="forbid"):
    """`[plugin_settings.tracker]`."""

    url: str = Field(pattern=r"^https?://")
    token: SecretStr


class Imported(BaseModel):
    """The work order that stands for a ticket."""

    ticket: str
    work_order: str


@tool(writes=["work_orders"], idempotent=True)
async def import_ticket(call: ToolCall, ticket: Key) -> Imported:
    """Make a work order of a ticket, whose state is told to the tracker from then on.

    A ticket that was imported answers with its work order. Needs the right to create work orders.
    """
    if known := await call.kernel.database.fetch_value(sql.find_link, ticket):
        return Imported(ticket=ticket, work_order=known)
    found = await request(call.service(httpx2.AsyncClient), "GET", f"/tickets/{ticket}")
    title, body = f"{ticket}: {found['title']}"[:190], str(found.get("body") or found["title"])
    order = {"title": title, "objective": body[:20_000], "contract": {}, "preset": "executor"}
    made = await call.call_tool("create_work_order", order, idempotency_key=f"tracker/{ticket}")
    if made.error is not None:
        raise made.error
    link = {"ticket": ticket, "work_order": str(made.structured["id"])}
    event = NewEvent(f"tracker/{ticket}", "tracker.linked", call.principal.name, call.now(), link)
    await (await call.begin()).append(event)
    return Imported(**link)


async def _insert_link(writer: ProjectionWriter, event: Event) -> None:
    await writer.execute(sql.insert_link, event.data["ticket"], event.data["work_order"])


async def request(client: httpx2.AsyncClient, method: str, path: str, **options: Any) -> Any:
    """The tracker's answer; NotFoundError, or UnavailableError for what may work later."""
    try:
        answer = await client.request(method, path, **options)
        if answer.status_code == 404:
            raise NotFoundError(f"the tracker has nothing at {path}")
        answer.raise_for_status()
    except httpx2.HTTPError as error:
        raise UnavailableError(f"the tracker: {type(error).__name__}") from error
    return answer.json() if answer.content else None


async def tell_for_ever(kernel: Kernel, client: httpx2.AsyncClient) -> None:
    """Follow the log from the cursor; begin again there when the tracker or the database is away."""
    while True:
        with suppress(UnavailableError):
            told = await kernel.database.fetch_value(sql.read_cursor)
            async for event in kernel.bus.follow(told):
                if event.type in TOLD:
                    await _tell(kernel, client, event)
        await asyncio.sleep(1.0)


async def _tell(kernel: Kernel, client: httpx2.AsyncClient, event: Event) -> None:
    order = event.data["work_order"]
    if ticket := await kernel.database.fetch_value(sql.find_untold, event.position, order):
        body = {"work_order": order, "event": event.type, "at": event.at.isoformat()}
        path, headers = f"/tickets/{ticket}/events", {"idempotency-key": event.hash}
        with suppress(NotFoundError):  # a ticket that was deleted is told nothing more
            await request(client, "POST", path, json=body, headers=headers)
        await kernel.database.fetch(sql.advance_cursor, event.position)


@hookimpl
def register_tools() -> Sequence[Tool]:
    return [import_ticket]


@hookimpl
def register_migrations() -> Sequence[MigrationSet]:
    return [MigrationSet("tracker", "agentos_tracker")]


@hookimpl
def register_event_types() -> Sequence[EventType]:
    return [EventType("tracker.linked", "A work order stands for a ticket.", _insert_link)]


@hookimpl
def register_services() -> Sequence[Service]:
    return [Service(httpx2.AsyncClient, _make_client)]


def _make_client(kernel: Kernel) -> httpx2.AsyncClient:
    settings = kernel.settings.of_plugin("tracker", TrackerSettings)
    headers = {"authorization": f"Bearer {settings.token.get_secret_value()}"}
    return httpx2.AsyncClient(base_url=settings.url, headers=headers)


@hookimpl
def startup(kernel: Kernel) -> Callable[[], Awaitable[None]]:
    async def start() -> None:
        kernel.start_task(tell_for_ever(kernel, kernel.service(httpx2.AsyncClient)))

    return start


@hookimpl
def shutdown(kernel: Kernel) -> Callable[[], Awaitable[None]]:
    return kernel.service(httpx2.AsyncClient).aclose
