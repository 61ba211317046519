"""Ends work orders in a transaction: completed, or cancelled with everything below them.

Above: reviews, planning, workflows. Below: orders, review rounds, `sql/queries.sql`. A parent
completes only once its children have ended (submit_work_order checks it); a parent that is
cancelled or fails takes its open children along, since their authority comes from it. What was in
review then waits for nobody any more: its round is cancelled.
"""

from __future__ import annotations

from datetime import datetime

from agentos import NewEvent, Transaction
from agentos_governance.orders import sql
from agentos_governance.projections import work_order_stream
from agentos_governance.review.rounds import end_open_round


async def complete_order(
    transaction: Transaction, work_order: str, reason: str, *, actor: str, now: datetime
) -> None:
    """End a locked work order well, and make ready what waited for it only."""
    await transaction.append(ending(work_order, "work_order.completed", reason, actor, now))
    await transaction.fetch(sql.lock_dependents, work_order)
    for row in await transaction.fetch(sql.find_unblocked, work_order):
        await transaction.append(
            NewEvent(
                work_order_stream(row["id"]),
                "work_order.ready",
                "system",
                now,
                {"work_order": row["id"], "after": work_order},
            )
        )


async def fail_order(
    transaction: Transaction, work_order: str, reason: str, *, actor: str, now: datetime
) -> None:
    """End a locked work order badly; its open children are cancelled."""
    await end_open_round(transaction, work_order, "cancelled", reason, actor=actor, now=now)
    await transaction.append(ending(work_order, "work_order.failed", reason, actor, now))
    await transaction.execute(sql.drop_lease, work_order)
    await cancel_children(transaction, work_order, f"{work_order} failed", actor=actor, now=now)


async def cancel_order(
    transaction: Transaction, work_order: str, reason: str, *, actor: str, now: datetime
) -> None:
    """End a locked work order before completion, and its open children with it."""
    await end_open_round(transaction, work_order, "cancelled", reason, actor=actor, now=now)
    await transaction.append(ending(work_order, "work_order.cancelled", reason, actor, now))
    await transaction.execute(sql.drop_lease, work_order)
    parent_reason = f"{work_order} was cancelled: {reason}"[:2_000]
    await cancel_children(transaction, work_order, parent_reason, actor=actor, now=now)


async def cancel_children(
    transaction: Transaction, work_order: str, reason: str, *, actor: str, now: datetime
) -> list[str]:
    """Cancel every open work order below a locked one; the ids, oldest first."""
    ids: list[str] = []
    # Whoever was making a child of a child while its parent was locked is found by the next look.
    while rows := await transaction.fetch(sql.lock_open_descendants, work_order):
        found = await transaction.fetch(sql.still_open, [row["id"] for row in rows])
        for id in [row["id"] for row in found]:
            await end_open_round(transaction, id, "cancelled", reason, actor=actor, now=now)
            await transaction.append(ending(id, "work_order.cancelled", reason, actor, now))
            await transaction.execute(sql.drop_lease, id)
            ids.append(id)
    return ids


def ending(work_order: str, type: str, reason: str, actor: str, now: datetime) -> NewEvent:
    """The event by which a work order leaves its worker or its life."""
    return NewEvent(
        work_order_stream(work_order),
        type,
        actor,
        now,
        {"work_order": work_order, "reason": reason},
    )
