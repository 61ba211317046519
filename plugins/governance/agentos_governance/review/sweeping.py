"""Reminds, asks the next, and expires: whatever of it is due, once, though many servers sweep.

Above: the sweeper. Below: subjects, the clock's times. Each is decided under the lock of what
waits, by the clock as it is then; a server that was down tells once what it missed, not each time.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from agentos import Kernel, NewEvent, format_time
from agentos_governance.contracts.model import parse_contract
from agentos_governance.due_rows import take_up
from agentos_governance.orders import lock_order
from agentos_governance.review.queries import sql
from agentos_governance.review.rounds import Submitted, open_round
from agentos_governance.review.settings import QuietHours, ReviewSettings
from agentos_governance.review.subjects import SUBJECTS
from agentos_governance.review.times import Schedule, is_quiet

ADOPTION = "adoption"


async def sweep_reviews(kernel: Kernel) -> int:
    """Everything that is due now; how many reviews were touched."""
    quiet = kernel.service(ReviewSettings).quiet_hours
    now = kernel.clock.now()
    return await take_up(
        kernel,
        "reviews",
        sql.find_due_clocks,
        now,
        is_quiet(now, quiet),
        act=lambda row: _take_up(kernel, row["review"], row["kind"], quiet),
    )


async def _take_up(kernel: Kernel, review: str, kind: str, quiet: QuietHours | None) -> bool:
    subject = SUBJECTS[kind]
    transaction = await kernel.open_transaction()
    try:
        is_open = await subject.lock(transaction, review)
        clock = await transaction.fetch_row(sql.get_clock, review)
        now = kernel.clock.now()
        assert clock is not None, "clocks are never deleted"
        is_over = clock["expires_at"] <= now
        events = [] if not is_open or is_over else _due(clock, now, quiet)
        if events:
            await transaction.append(*events)
            await transaction.commit()
        else:
            await transaction.rollback()
    except BaseException:
        await transaction.rollback()
        raise
    if is_open and is_over and subject.expire is not None:
        return await subject.expire(kernel, review)
    if events:
        kernel.bus.announce()
    return bool(events)


def _due(clock: Any, now: datetime, quiet: QuietHours | None) -> list[NewEvent]:
    """The events of a locked clock that are due."""
    if clock["ended_at"] is not None:
        return []
    schedule = Schedule.of_document(clock["schedule"])
    events = []
    if clock["remind_at"] is not None and clock["remind_at"] <= now:
        following = schedule.next_reminder(clock["opened_at"], now, clock["expires_at"], quiet)
        data = {"number": clock["n_reminders"] + 1, "remind_at": _text(following)}
        events.append(_event(clock, "review.reminded", now, data))
    if clock["escalate_at"] is not None and clock["escalate_at"] <= now:
        n_done = clock["n_escalations"] + 1
        following = schedule.next_escalation(n_done, now, clock["expires_at"], quiet)
        to = schedule.escalate_to[n_done - 1]
        data = {"number": n_done, "to": to, "escalate_at": _text(following)}
        events.append(_event(clock, "review.escalated", now, data))
    return events


def _event(clock: Any, type: str, now: datetime, data: dict[str, Any]) -> NewEvent:
    named = {"review": clock["review"], "kind": clock["kind"], **data}
    return NewEvent(clock["stream"], type, "system", now, named)


def _text(at: datetime | None) -> str | None:
    return None if at is None else format_time(at)


async def adopt_reviews(kernel: Kernel) -> int:
    """Open rounds for up to 100 that were in review before there were rounds; how many."""
    return await take_up(
        kernel, ADOPTION, sql.find_without_round, act=lambda row: _adopt(kernel, row["id"])
    )


async def _adopt(kernel: Kernel, work_order: str) -> bool:
    transaction = await kernel.open_transaction()
    try:
        order = await lock_order(transaction, work_order)
        if order["state"] != "in_review" or await transaction.fetch_value(
            sql.has_open_round, work_order
        ):
            await transaction.rollback()
            return False
        submitted = Submitted(
            work_order=work_order,
            packet_sha256=order["packet_sha256"],
            contract=parse_contract(order["contract"]),
            contract_version=order["contract_version"],
            items=None,
            n_blocking=0,
        )
        settings, now = kernel.service(ReviewSettings), kernel.clock.now()
        await open_round(transaction, submitted, settings, actor="system", now=now)
        await transaction.commit()
    except BaseException:
        await transaction.rollback()
        raise
    kernel.bus.announce()
    return True
