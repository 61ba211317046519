"""Keeps the read models: each event of a work order changes the tables in one declared way.

Above: the event store runs these in the transaction that appends, and again in a rebuild.
Below: `sql/projections.sql`. A projection reads its event and nothing else.
"""

from __future__ import annotations

from datetime import datetime

from agentos import Event, EventType, ProjectionWriter, Queries, ReadModel
from agentos_governance.contracts.versions import insert_first_version
from agentos_governance.review.events import note_vote

_sql = Queries("agentos_governance", "sql/projections.sql")

READ_MODEL = ReadModel(
    "governance",
    ("work_order", "dependency", "claim", "evidence", "vote", "ledger"),
    {"budget differs from contract, ledger or holds": _sql.wrong_budgets},
)


async def _created(writer: ProjectionWriter, event: Event) -> None:
    data = event.data
    await writer.execute(
        _sql.insert_work_order,
        data["work_order"],
        data["title"],
        data["objective"],
        data["phase"],
        data["role"],
        data["priority"],
        data["repo"],
        data["parent"],
        data["contract"],
        data["contract_version"],
        event.actor,
        event.at,
        data["state"],
        data.get("not_by_orders") or [],
    )
    await writer.execute(_sql.insert_dependencies, data["work_order"], data["depends_on"])
    await insert_first_version(writer, event)


async def _ready(writer: ProjectionWriter, event: Event) -> None:
    await writer.execute(_sql.set_ready, event.data["work_order"])


async def _base_chosen(writer: ProjectionWriter, event: Event) -> None:
    await writer.execute(_sql.set_base, event.data["work_order"], event.data["base_commit"])


async def _claimed(writer: ProjectionWriter, event: Event) -> None:
    data = event.data
    await writer.execute(
        _sql.set_claimed,
        data["work_order"],
        data["worker"],
        data["epoch"],
        event.at,
        data["workspace"],
        data["branch"],
        data["base_commit"],
    )
    await writer.execute(
        _sql.insert_claim,
        data["work_order"],
        data["epoch"],
        data["worker"],
        data["person"],
        event.at,
    )


async def _suspended(writer: ProjectionWriter, event: Event) -> None:
    await writer.execute(_sql.set_suspended, event.data["work_order"])


async def _submitted(writer: ProjectionWriter, event: Event) -> None:
    data = event.data
    await writer.execute(
        _sql.set_submitted,
        data["work_order"],
        data["summary"],
        data["packet_sha256"],
        "in_review",
    )


async def _completed(writer: ProjectionWriter, event: Event) -> None:
    await writer.execute(_sql.set_ended, event.data["work_order"], "completed", event.at)


async def _failed(writer: ProjectionWriter, event: Event) -> None:
    await writer.execute(_sql.set_ended, event.data["work_order"], "failed", event.at)


async def _cancelled(writer: ProjectionWriter, event: Event) -> None:
    await writer.execute(_sql.set_ended, event.data["work_order"], "cancelled", event.at)


async def _evidence(writer: ProjectionWriter, event: Event) -> None:
    data = event.data
    lines = data["lines"] or {}
    await writer.execute(
        _sql.insert_evidence,
        data["evidence"],
        data["work_order"],
        data["kind"],
        data["claim"],
        data["path"],
        lines.get("start"),
        lines.get("end"),
        data["sha256"],
        data["level"],
        data["worker"],
        event.at,
        event.hash,
        event.seq,
        data.get("facts") or {},
        data.get("batch"),
        data.get("observation_sha256"),
    )


async def _evidence_reviewed(writer: ProjectionWriter, event: Event) -> None:
    before = event.data.get("before_seq", event.seq)
    await writer.execute(_sql.set_evidence_reviewed, event.data["work_order"], before)


async def _reviewed(writer: ProjectionWriter, event: Event) -> None:
    data = event.data
    await writer.execute(
        _sql.upsert_vote,
        data["work_order"],
        data["packet_sha256"],
        data["voter"],
        data["reviewer"],
        data["is_human"],
        data["verdict"],
        data["reason"],
        data["findings"],
        event.at,
        data.get("person"),
        data.get("override_reason"),
    )
    await note_vote(writer, event)


async def _usage(writer: ProjectionWriter, event: Event) -> None:
    data = event.data
    recorded_at: datetime = event.at
    await writer.execute(
        _sql.insert_ledger_entry,
        data["work_order"],
        data["request_id"],
        data["phase"],
        data["role"],
        data["model"],
        data["action"],
        data["worker"],
        data["input_tokens"],
        data["output_tokens"],
        data["cached_input_tokens"],
        data["usd"],
        recorded_at,
        data.get("price_version"),
    )


EVENT_TYPES = (
    EventType("work_order.created", "A work order and its contract exist.", _created),
    EventType("work_order.ready", "Every dependency completed; it may be claimed.", _ready),
    EventType("work_order.base_chosen", "The commit at which the work begins.", _base_chosen),
    EventType("work_order.claimed", "A worker holds the lease of this epoch.", _claimed),
    EventType("work_order.lease_expired", "The worker went silent.", _suspended),
    EventType("work_order.stood_down", "The worker gave the work order back.", _suspended),
    EventType("work_order.taken_over", "Somebody took it from its worker.", _suspended),
    EventType("work_order.gates_failed", "A submission did not pass; the worker goes on."),
    EventType("work_order.submitted", "The gates passed; the packet is fixed.", _submitted),
    EventType("work_order.reviewed", "A reviewer voted on a packet.", _reviewed),
    EventType("work_order.changes_requested", "A reviewer wants changes.", _suspended),
    EventType("work_order.review_expired", "Nobody decided about it in time.", _suspended),
    EventType("work_order.completed", "Approved, or no review was required.", _completed),
    EventType("work_order.failed", "A reviewer rejected the work.", _failed),
    EventType("work_order.cancelled", "Somebody ended it before completion.", _cancelled),
    EventType("evidence.recorded", "A claim with the digest of what supports it.", _evidence),
    EventType(
        "evidence.reviewed", "Reviewers confirmed what the worker reported.", _evidence_reviewed
    ),
    EventType("usage.recorded", "Tokens and money spent on an action.", _usage),
    EventType("action.judged", "A worker asked whether an action is allowed."),
)


def work_order_stream(work_order: str) -> str:
    """The event stream of a work order."""
    return f"work_order/{work_order}"
