"""Deciding about a call that waits for approval, and ending approvals that nobody decides or uses.

Above: decide_review, amend_contract, the sweeper. Below: `sql/approvals.sql`, persons. Every end
is decided under the lock of the approval's row. Locks go work order, approval, stream.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from agentos import (
    CallRefusedError,
    InvalidStateError,
    Kernel,
    NewEvent,
    NotFoundError,
    ToolCall,
    Transaction,
    format_time,
)
from agentos_governance.approvals.events import approval_stream, sql
from agentos_governance.approvals.lifetime import ApprovalLifetime
from agentos_governance.authority.mandate import ENDED_STATES
from agentos_governance.authority.own_word import is_persons_word
from agentos_governance.authority.persons import keys_behind, keys_of_makers
from agentos_governance.due_rows import take_up
from agentos_governance.orders import Reader, contract_of, get_order

Decision = Literal["approve", "reject", "revoke"]
_STATES: dict[Decision, str] = {
    "approve": "approved",
    "reject": "rejected",
    "revoke": "cancelled",
}


async def find_approval(reader: Reader, review_id: str) -> Any:
    """The row of an approval; NotFoundError for an unknown id."""
    row = await reader.fetch_row(sql.get_review, review_id)
    if row is None:
        raise NotFoundError(
            f"no approval has the id {review_id!r}", remedy="list_reviews shows the ids"
        )
    return row


async def decide(call: ToolCall, review_id: str, decision: Decision, reason: str) -> Any:
    """The approval's row after the decision; the same decision by the same person again is none.

    A revocation takes an approval back that was not used yet; the identical call asks anew then.
    Raises InvalidStateError naming what became of it meanwhile, and CallRefusedError where the
    person asked for the call, or worked on its work order.
    """
    await find_approval(call.kernel.database, review_id)
    transaction = await call.begin()
    row = await transaction.fetch_row(sql.lock_approval, review_id)
    assert row is not None, "approvals are never deleted"
    if _is_repeated(call, row, decision):
        return row
    if decision == "revoke":
        return await _revoke(call, transaction, row, reason)
    _require_pending(call, row)
    await _check_four_eyes(call, transaction, row)
    await transaction.append(_decided(call, row, decision, reason))
    return await find_approval(transaction, review_id)


def outcome_of(row: Any, now: datetime) -> str:
    """The approval's state as of now: what is too late has expired, also before the sweeper."""
    if row["state"] in ("pending", "approved") and row["expires_at"] <= now:
        return "expired"
    return str(row["state"])


async def _revoke(call: ToolCall, transaction: Transaction, row: Any, reason: str) -> Any:
    outcome = outcome_of(row, call.now())
    if outcome != "approved":
        raise InvalidStateError(f"{row['id']} is {outcome}; only an approved one is revoked")
    # Whoever may decide may take authority away, be it their own.
    await transaction.append(
        _ended(row, "approval.cancelled", call.now(), f"revoked: {reason}", call.principal.name)
    )
    return await find_approval(transaction, row["id"])


async def require_approver(call: ToolCall, reader: Reader, review_id: str) -> None:
    """CallRefusedError for who may not decide about an approval."""
    await _check_four_eyes(call, reader, await find_approval(reader, review_id))


def _is_repeated(call: ToolCall, row: Any, decision: Decision) -> bool:
    return bool(row["state"] == _STATES[decision] and row["decided_by"] == call.principal.name)


def _require_pending(call: ToolCall, row: Any) -> None:
    outcome = outcome_of(row, call.now())
    if outcome == "pending" and row["work_order_state"] in ENDED_STATES:
        outcome = "cancelled"
    if outcome != "pending":
        by = f" by {row['decided_by']}" if row["decided_by"] else ""
        raise InvalidStateError(f"{row['id']} is {outcome}{by}; only a pending one is decided")


async def _check_four_eyes(call: ToolCall, reader: Reader, row: Any) -> None:
    keys = await keys_behind(reader, (row["worker"], row["person"]))
    if row["work_order"] is not None:
        keys |= await keys_of_makers(reader, row["work_order"])
        await _require_person(call, await get_order(reader, row["work_order"]))
    decider = await keys_behind(reader, (call.principal.answerable, call.principal.name))
    if not keys.isdisjoint(decider):
        raise CallRefusedError(
            f"{call.principal.answerable} asked for {row['id']}, or planned or worked on its work "
            "order; "
            "nobody approves their own call",
            rule="four_eyes",
            remedy="ask somebody else to decide",
        )


async def _require_person(call: ToolCall, order: Any) -> None:
    if contract_of(order).review.by == "human" and not is_persons_word(call):
        who = "a model made this one" if call.principal.person else f"{call.principal.name} is none"
        raise CallRefusedError(
            f"calls under {order['id']} must be approved by a person; {who}",
            rule="review.by",
            contract_version=order["contract_version"],
            remedy="use a token that was created with --person",
        )


def _decided(call: ToolCall, row: Any, decision: Decision, reason: str) -> NewEvent:
    data: dict[str, Any] = {
        "review_id": row["id"],
        "work_order": row["work_order"],
        "person": call.principal.person,
        "reason": reason,
        "arguments_sha256": row["arguments_sha256"],
    }
    if decision == "approve":
        data["expires_at"] = format_time(call.now() + call.service(ApprovalLifetime).duration)
    return NewEvent(
        approval_stream(row["work_order"], row["worker"]),
        f"approval.{_STATES[decision]}",
        call.principal.name,
        call.now(),
        data,
    )


async def cancel_open_approvals(
    transaction: Transaction, work_order: str, reason: str, now: datetime
) -> list[str]:
    """Cancel what waits for a decision or a use under a locked work order; the ids."""
    cancelled = []
    for found in await transaction.fetch(sql.list_open_of_order, work_order):
        row = await transaction.fetch_row(sql.lock_approval, found["id"])
        if row is not None and row["state"] in ("pending", "approved"):
            await transaction.append(_ended(row, "approval.cancelled", now, reason))
            cancelled.append(found["id"])
    return cancelled


async def end_overdue_approvals(kernel: Kernel) -> int:
    """Expire what is too late and cancel what belongs to ended work; how many it ended."""
    now = kernel.clock.now()
    return await take_up(
        kernel, "approvals", sql.find_overdue, now, act=lambda row: _end_overdue(kernel, row["id"])
    )


async def _end_overdue(kernel: Kernel, review_id: str) -> bool:
    transaction = await kernel.open_transaction()
    try:
        row = await transaction.fetch_row(sql.lock_approval, review_id)
        now = kernel.clock.now()
        event = None if row is None else _overdue_event(row, now)
        if event is None:
            await transaction.rollback()
            return False
        await transaction.append(event)
        await transaction.commit()
    except BaseException:
        await transaction.rollback()
        raise
    kernel.bus.announce()
    return True


def _overdue_event(row: Any, now: datetime) -> NewEvent | None:
    if row["state"] not in ("pending", "approved"):
        return None
    if row["work_order_state"] in ENDED_STATES:
        reason = f"{row['work_order']} is {row['work_order_state']}"
        return _ended(row, "approval.cancelled", now, reason)
    if row["expires_at"] <= now:
        was = "nobody decided" if row["state"] == "pending" else "it was not used"
        return _ended(row, "approval.expired", now, f"{was} in time")
    return None


def _ended(row: Any, type: str, now: datetime, reason: str, actor: str = "system") -> NewEvent:
    return NewEvent(
        approval_stream(row["work_order"], row["worker"]),
        type,
        actor,
        now,
        {"review_id": row["id"], "work_order": row["work_order"], "reason": reason},
    )
