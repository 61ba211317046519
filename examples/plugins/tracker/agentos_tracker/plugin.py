"""Makes work orders of an issue tracker's tickets, and tells the tickets how the work goes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

import httpx2
from pydantic import BaseModel, Field, SecretStr

from agentos import (
    Event,
    EventType,
    Kernel,
    MigrationSet,
    NewEvent,
    ProjectionWriter,
    Service,
    Tool,
    ToolCall,
    hookimpl,
    tool,
)
from agentos_tracker.outbox import follow_events, request, send_for_ever, sql

Key = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{1,9}-[0-9]{1,9}$", description="Like OPS-12")]


class TrackerSettings(BaseModel, extra="forbid"):
    """`[plugin_settings.tracker]`."""

    url: str = Field(pattern=r"^https?://")
    token: SecretStr
    timeout_s: float = Field(default=10.0, gt=0, le=60)


class Imported(BaseModel):
    """The work order that stands for a ticket."""

    ticket: str
    work_order: str


@tool(writes=["work_orders"], idempotent=True)
async def import_ticket(call: ToolCall, ticket: Key) -> Imported:
    """Make a work order of a ticket, whose state is told to the tracker from then on.

    A ticket that was imported answers with its work order. Needs the right to create work orders.
    """
    known = await call.kernel.database.fetch_value(sql.find_link, ticket)
    if known is not None:
        return Imported(ticket=ticket, work_order=known)
    found = await request(call.service(httpx2.AsyncClient), "GET", f"/tickets/{ticket}")
    title, body = str(found["title"])[:180], str(found.get("body") or "")[:20_000]
    made = await call.call_tool(
        "create_work_order",
        {
            "title": f"{ticket}: {title}",
            "objective": body or title,
            "contract": {},
            "preset": "executor",
        },
        # The same ticket, imported again after a crash, finds the same work order.
        idempotency_key=f"tracker/{ticket}",
    )
    if made.error is not None:
        raise made.error
    link = {"ticket": ticket, "work_order": str(made.structured["id"])}
    transaction = await call.begin()
    await transaction.append(
        NewEvent(f"tracker/{ticket}", "tracker.linked", call.principal.name, call.now(), link)
    )
    return Imported(**link)


async def _insert_link(writer: ProjectionWriter, event: Event) -> None:
    await writer.execute(sql.insert_link, event.data["ticket"], event.data["work_order"])


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
    return httpx2.AsyncClient(base_url=settings.url, headers=headers, timeout=settings.timeout_s)


@hookimpl
def startup(kernel: Kernel) -> Callable[[], Awaitable[None]]:
    async def start() -> None:
        kernel.start_task(follow_events(kernel))
        kernel.start_task(send_for_ever(kernel, kernel.service(httpx2.AsyncClient)))

    return start


@hookimpl
def shutdown(kernel: Kernel) -> Callable[[], Awaitable[None]]:
    return kernel.service(httpx2.AsyncClient).aclose
