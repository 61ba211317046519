"""The events of approvals, and the read model they keep.

Above: the plugin registers these. Below: `sql/approvals.sql`. Events of a work order's approvals
stand in its own stream.
"""

from __future__ import annotations

from datetime import datetime

from agentos import Event, EventType, ProjectionWriter, Queries, ReadModel
from agentos_governance.review.clock import start_clock, stop_clock, touch_clock

sql = Queries("agentos_governance", "sql/approvals.sql")

READ_MODEL = ReadModel("governance", ("approval",))


async def _requested(writer: ProjectionWriter, event: Event) -> None:
    data = event.data
    await writer.execute(
        sql.insert_approval,
        data["review_id"],
        data["binding"],
        data["work_order"],
        data["worker"],
        data["person"],
        data["tool"],
        data["arguments"],
        data["arguments_sha256"],
        data["contract_versions"],
        data["policy_hash"],
        data["rule"],
        data["reason"],
        data["determining"],
        event.at,
        datetime.fromisoformat(data["expires_at"]),
    )
    await start_clock(writer, review=data["review_id"], kind="approval", event=event)


async def _approved(writer: ProjectionWriter, event: Event) -> None:
    data = event.data
    await writer.execute(
        sql.set_decided,
        data["review_id"],
        "approved",
        event.actor,
        data["person"],
        event.at,
        data["reason"],
        datetime.fromisoformat(data["expires_at"]),
        None,
    )
    await stop_clock(writer, data["review_id"], event.at)


async def _rejected(writer: ProjectionWriter, event: Event) -> None:
    data = event.data
    await writer.execute(
        sql.set_decided,
        data["review_id"],
        "rejected",
        event.actor,
        data["person"],
        event.at,
        data["reason"],
        None,
        event.at,
    )
    await stop_clock(writer, data["review_id"], event.at)


async def _used(writer: ProjectionWriter, event: Event) -> None:
    await writer.execute(sql.set_used, event.data["review_id"], event.data["call"], event.at)
    await touch_clock(writer, event.data["review_id"])


async def _expired(writer: ProjectionWriter, event: Event) -> None:
    await writer.execute(sql.set_ended, event.data["review_id"], "expired", event.at)
    await stop_clock(writer, event.data["review_id"], event.at)


async def _cancelled(writer: ProjectionWriter, event: Event) -> None:
    await writer.execute(sql.set_ended, event.data["review_id"], "cancelled", event.at)
    await stop_clock(writer, event.data["review_id"], event.at)


EVENT_TYPES = (
    EventType("approval.requested", "A call waits for a person's decision.", _requested),
    EventType("approval.approved", "A person allowed the call, once.", _approved),
    EventType("approval.rejected", "A person refused the call.", _rejected),
    EventType("approval.used", "The approved call was admitted.", _used),
    EventType("approval.expired", "Nobody decided, or used the approval, in time.", _expired),
    EventType("approval.cancelled", "What was asked about is over.", _cancelled),
)


def approval_stream(work_order: str | None, worker: str) -> str:
    """Where the events of an approval stand."""
    if work_order is not None:
        return f"work_order/{work_order}"
    return f"approvals/{worker}"[:200]
