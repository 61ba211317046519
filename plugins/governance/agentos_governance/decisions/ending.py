"""Requests that nobody decides: too late, or about work that is over. An expiry is no person's "no".

Above: the sweeper. Below: `sql/decisions.sql`. Each end is decided under the locks of the work order
and of the request. Locks go work order, request, stream.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from agentos import Kernel, NewEvent, NotFoundError, Transaction
from agentos_governance.authority.mandate import ENDED_STATES
from agentos_governance.decisions.events import sql
from agentos_governance.due_rows import take_up
from agentos_governance.orders import Reader, lock_order


async def find_request(reader: Reader, review: str) -> Any:
    """The row of a request; NotFoundError for an unknown id."""
    row = await reader.fetch_row(sql.get_request, review)
    if row is None:
        raise NotFoundError(
            f"no decision was requested as {review!r}", remedy="list_waiting shows what waits"
        )
    return row


async def lock_decision(transaction: Transaction, review: str) -> Any:
    """The same row, with its work order locked, and locked until the transaction ends."""
    work_order = (await find_request(transaction, review))["work_order"]
    if work_order is not None:
        await lock_order(transaction, work_order)
    await transaction.fetch_row(sql.lock_request, review)
    return await find_request(transaction, review)


def state_of(row: Any, now: datetime) -> str:
    """The request's state as of now, also before the sweeper came by."""
    if row["state"] == "open" and row["work_order_state"] in ENDED_STATES:
        return "cancelled"
    if row["state"] == "open" and row["expires_at"] <= now:
        return "expired"
    return str(row["state"])


async def end_overdue_decisions(kernel: Kernel) -> int:
    """Expire what is too late and cancel what belongs to ended work; how many it ended."""
    now = kernel.clock.now()
    return await take_up(
        kernel,
        "decisions",
        sql.find_overdue_requests,
        now,
        act=lambda row: expire_decision(kernel, row["id"]),
    )


async def expire_decision(kernel: Kernel, review: str) -> bool:
    """End one request undecided, if its time is over; False where it is not, or it has ended."""
    transaction = await kernel.open_transaction()
    try:
        row, now = await lock_decision(transaction, review), kernel.clock.now()
        state = state_of(row, now)
        if row["state"] != "open" or state == "open":
            await transaction.rollback()
            return False
        await transaction.append(_ended(row, state, now))
        await transaction.commit()
    except BaseException:
        await transaction.rollback()
        raise
    kernel.bus.announce()
    return True


def _ended(row: Any, state: str, now: datetime) -> NewEvent:
    reason = "nobody decided in time"
    if state == "cancelled":
        reason = f"{row['work_order']} is {row['work_order_state']}"
    data = {"review": row["id"], "work_order": row["work_order"], "reason": reason}
    return NewEvent(row["stream"], f"decision.{state}", "system", now, data)
