"""What may wait for a person, each kind with how it is locked, expires, and who may decide.

Above: handling, sweeping. Below: rounds, approvals, decisions. Whoever changes a clock locks its
subject first, then its stream: so reminders, verdicts and expiry never wait for each other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from agentos import Kernel, NewEvent, ToolCall, Transaction
from agentos_governance.approvals.deciding import require_approver
from agentos_governance.approvals.events import sql as approval_sql
from agentos_governance.decisions.deciding import require_decider
from agentos_governance.decisions.ending import expire_decision, find_request, lock_decision
from agentos_governance.orders import contract_of, get_order, lock_order
from agentos_governance.projections import work_order_stream
from agentos_governance.review.reviewers import refuse_mere_bot, require_reviewer
from agentos_governance.review.rounds import end_open_round, get_round

EXPIRED = "nobody decided about it in time; submit it again"


@dataclass(frozen=True, slots=True)
class Subject:
    """One kind of what waits.

    `lock` answers whether it still waits, and keeps it so until the transaction ends;
    `require_decider` raises CallRefusedError for who may not decide; `expire` ends it in a
    transaction of its own, and None leaves that to others.
    """

    lock: Callable[[Transaction, str], Awaitable[bool]]
    require_decider: Callable[[ToolCall, Transaction, str], Awaitable[None]]
    expire: Callable[[Kernel, str], Awaitable[bool]] | None


async def _lock_work(transaction: Transaction, review: str) -> bool:
    await lock_order(transaction, (await get_round(transaction, review))["work_order"])
    # Read again: what it was before the wait does not count.
    return bool((await get_round(transaction, review))["state"] == "open")


async def _require_reviewer(call: ToolCall, transaction: Transaction, review: str) -> None:
    row = await get_round(transaction, review)
    order = await get_order(transaction, row["work_order"])
    await require_reviewer(transaction, call, order, contract_of(order).review)


async def expire_work(kernel: Kernel, review: str) -> bool:
    """End a round that nobody decided: the work is not accepted, and waits to be claimed again."""
    transaction = await kernel.open_transaction()
    try:
        is_open = await _lock_work(transaction, review)
        row, now = await get_round(transaction, review), kernel.clock.now()
        if not is_open or row["expires_at"] > now:
            await transaction.rollback()
            return False
        work_order = row["work_order"]
        await end_open_round(transaction, work_order, "expired", EXPIRED, actor="system", now=now)
        data = {
            "work_order": work_order,
            "review": review,
            "reason": f"the review expired: {EXPIRED}",
        }
        stream = work_order_stream(work_order)
        await transaction.append(NewEvent(stream, "work_order.review_expired", "system", now, data))
        await transaction.commit()
    except BaseException:
        await transaction.rollback()
        raise
    kernel.bus.announce()
    return True


async def _lock_approval(transaction: Transaction, review: str) -> bool:
    row = await transaction.fetch_row(approval_sql.lock_approval, review)
    return row is not None and row["state"] == "pending"


async def _require_approver(call: ToolCall, transaction: Transaction, review: str) -> None:
    refuse_mere_bot(call.principal)
    await require_approver(call, transaction, review)


async def _lock_request(transaction: Transaction, review: str) -> bool:
    return bool((await lock_decision(transaction, review))["state"] == "open")


async def _require_decider(call: ToolCall, transaction: Transaction, review: str) -> None:
    await require_decider(call, transaction, await find_request(transaction, review))


SUBJECTS: Mapping[str, Subject] = {
    "work": Subject(_lock_work, _require_reviewer, expire_work),
    "approval": Subject(_lock_approval, _require_approver, None),
    "decision": Subject(_lock_request, _require_decider, expire_decision),
}
"""By the kind of a clock."""
