"""Work orders as resources: the order, its contract, its resume packet, its report.

Above: clients read and subscribe, prompts embed. Below: what the tools answer that read the same;
each resource is judged as the tool that it reads like.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import orjson

from agentos import (
    Completions,
    Contents,
    Event,
    Kernel,
    Link,
    Links,
    Queries,
    Resource,
    ToolCall,
    resource,
)
from agentos_governance.authority.roles import WORK_ORDERS
from agentos_governance.evidence.packets import ensure_final_packet
from agentos_governance.orders import (
    MAX_DETAILS_BYTES,
    get_order,
    order_details,
    read_resume_events,
)
from agentos_governance.projections import work_order_stream
from agentos_governance.report.build import build_report
from agentos_governance.resume import build_resume_packet
from agentos_governance.tools.reports import MAX_REPORT_BYTES

JSON = "application/json"
BASE = "agentos://work-orders/"
MAX_LISTED = 50
MAX_COMPLETIONS = 100
# JSON in JSON: quotes are escaped once more.
MAX_TEXT_BYTES = 2 * max(MAX_DETAILS_BYTES, MAX_REPORT_BYTES, 4 * 1024 * 1024)

_STREAM = work_order_stream("")
_sql = Queries("agentos_governance", "sql/resources.sql")


def _changed(suffix: str = "", *types: str) -> Callable[[Event], Iterable[str]]:
    """The URI with `suffix` of the work order that an event is about.

    Calls are left out: they come by the dozen, and what they change is told by the events they
    append.
    """

    def uris(event: Event) -> Iterable[str]:
        is_told = event.type in types if types else not event.type.startswith("call.")
        if is_told and event.stream.startswith(_STREAM):
            yield f"{BASE}{event.stream.removeprefix(_STREAM)}{suffix}"

    return uris


async def complete_id(call: ToolCall, typed: str, chosen: Mapping[str, str]) -> Completions:
    """Ids of work orders, the newest first."""
    return await completed_ids(call.kernel, typed)


async def completed_ids(
    kernel: Kernel, typed: str, states: Iterable[str] | None = None
) -> Completions:
    """Ids that begin with what was typed, of work orders in one of `states`."""
    wanted = None if states is None else list(states)
    rows = await kernel.database.fetch(
        _sql.complete_work_orders, typed[:60], wanted, MAX_COMPLETIONS + 1
    )
    shown = tuple(row["id"] for row in rows[:MAX_COMPLETIONS])
    return Completions(values=shown, has_more=len(rows) > len(shown))


async def list_open(call: ToolCall) -> Links:
    """The open work orders, the caller's own first, with contract and packet."""
    name = call.principal.name
    rows = await call.kernel.database.fetch(_sql.list_shown_work_orders, name, MAX_LISTED)
    links: list[Link] = []
    for row in rows:
        uri = BASE + row["id"]
        held = f", held by {row['worker']}" if row["worker"] else ""
        links.append(_link(uri, row["id"], f"{row['title']} ({row['state']}{held})"))
        if row["worker"] == name:
            links.append(_link(f"{uri}/contract", f"{row['id']} contract", row["title"]))
            links.append(_link(f"{uri}/resume-packet", f"{row['id']} resume packet", row["title"]))
    return Links(links=tuple(links[: 2 * MAX_LISTED]))


def _link(uri: str, name: str, description: str) -> Link:
    return Link(uri=uri, name=name, description=description, mime_type=JSON)


@resource(
    BASE + "{id}",
    title="Work order",
    mime_type=JSON,
    reads=[WORK_ORDERS],
    max_result_bytes=MAX_TEXT_BYTES,
    changed_by=_changed(),
    completions={"id": complete_id},
    listing=list_open,
    reads_like="get_work_order",
)
async def work_order(call: ToolCall, id: str) -> Contents:
    """One work order: contract, state, lease, cost, newest evidence, votes and findings."""
    return Contents(text=await order_text(call, id))


@resource(
    BASE + "{id}/contract",
    title="Contract",
    mime_type=JSON,
    reads=[WORK_ORDERS],
    max_result_bytes=MAX_TEXT_BYTES,
    changed_by=_changed("/contract", "work_order.created", "contract.amended"),
    completions={"id": complete_id},
    reads_like="get_work_order",
)
async def work_order_contract(call: ToolCall, id: str) -> Contents:
    """What a work order is for, and what its worker may touch and spend, and owes."""
    return Contents(text=await contract_text(call, id))


@resource(
    BASE + "{id}/resume-packet",
    title="Resume packet",
    mime_type=JSON,
    reads=[WORK_ORDERS],
    max_result_bytes=MAX_TEXT_BYTES,
    changed_by=_changed("/resume-packet"),
    completions={"id": complete_id},
    reads_like="get_resume_packet",
)
async def work_order_resume_packet(call: ToolCall, id: str) -> Contents:
    """Where a work order stands, for whoever continues it; canonical JSON, same state same bytes."""
    return Contents(text=await packet_text(call, id))


@resource(
    BASE + "{id}/report",
    title="Report",
    mime_type=JSON,
    reads=[WORK_ORDERS],
    max_result_bytes=MAX_TEXT_BYTES,
    changed_by=_changed("/report"),
    completions={"id": complete_id},
    reads_like="get_work_report",
)
async def work_order_report(call: ToolCall, id: str) -> Contents:
    """The seven answers: who, why allowed, grounding, correctness, cost, reviewed by, recovery."""
    return Contents(text=await report_text(call, id))


RESOURCES: tuple[Resource, ...] = (
    work_order,
    work_order_contract,
    work_order_resume_packet,
    work_order_report,
)


async def order_text(call: ToolCall, id: str) -> str:
    """What get_work_order answers, as JSON; NotFoundError for an unknown id."""
    return (await order_details(call.kernel.database, id, call.now())).model_dump_json()


async def contract_text(call: ToolCall, id: str) -> str:
    """The contract in force with what it is for, as JSON; NotFoundError for an unknown id."""
    row = await get_order(call.kernel.database, id)
    shown = ("id", "title", "objective", "phase", "role", "repo", "contract_version", "contract")
    return orjson.dumps({name: row[name] for name in shown}, default=dict).decode()


async def packet_text(call: ToolCall, id: str) -> str:
    """The resume packet's own bytes; NotFoundError for an unknown id."""
    await get_order(call.kernel.database, id)
    packet, _ = build_resume_packet(await read_resume_events(call.kernel.database, id))
    return packet


async def report_text(call: ToolCall, id: str) -> str:
    """What get_work_report answers, as JSON; NotFoundError for an unknown id."""
    await ensure_final_packet(call.kernel, id)
    return (await build_report(call.kernel, id)).model_dump_json()
