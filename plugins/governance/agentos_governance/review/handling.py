"""What people do about a review that waits, besides deciding: look after it, or snooze it.

Above: take_over_review, snooze_review. Below: subjects, the clock's times. Works for everything
that has a clock: submitted work, approvals, decisions.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, Field

from agentos import (
    InvalidArgumentError,
    InvalidStateError,
    NewEvent,
    NotFoundError,
    ToolCall,
    Transaction,
    format_time,
)
from agentos_governance.review.queries import sql
from agentos_governance.review.settings import ReviewSettings
from agentos_governance.review.subjects import SUBJECTS
from agentos_governance.review.times import Schedule, out_of_quiet


class WaitingReview(BaseModel):
    """When people are told of a review that waits, as it is stored."""

    review: str
    version: int
    due_at: str
    expires_at: str
    remind_at: str | None
    escalate_at: str | None
    snoozed_until: str | None
    assigned_to: str | None = Field(description="Who looks after it, or was asked last")


def parse_time(name: str, text: str) -> datetime:
    """A time of RFC 3339 with its offset; InvalidArgumentError names the argument otherwise."""
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at.astimezone(UTC)
        problem = "has none"
    except (ValueError, OverflowError) as error:
        problem = str(error)
    raise InvalidArgumentError(
        f"argument `{name}` must be a time with its offset, such as 2026-03-01T09:00:00Z: {problem}"
    )


async def snooze(call: ToolCall, review: str, until: datetime) -> WaitingReview:
    """Remind at `until`, and neither remind nor ask others before."""
    transaction, clock = await _open_clock(call, review)
    if until <= call.now():
        raise InvalidArgumentError(f"argument `until` must lie ahead, not at {format_time(until)}")
    if until >= clock["expires_at"]:
        raise InvalidArgumentError(
            f"argument `until` must lie before {format_time(clock['expires_at'])}, when {review} "
            "expires; a snooze does not move that"
        )
    quiet = call.service(ReviewSettings).quiet_hours
    wakes = min(out_of_quiet(until, quiet), clock["expires_at"])
    escalate_at = clock["escalate_at"]
    data = {
        "until": format_time(until),
        "remind_at": format_time(wakes),
        "escalate_at": None if escalate_at is None else format_time(max(escalate_at, wakes)),
    }
    return await _append(call, transaction, clock, "review.snoozed", data)


async def take_over(call: ToolCall, review: str, reason: str) -> WaitingReview:
    """Assign the review to the caller; the next on the list is asked a full wait from now."""
    transaction, clock = await _open_clock(call, review)
    schedule = Schedule.of_document(clock["schedule"])
    escalate_at = schedule.next_escalation(
        clock["n_escalations"],
        call.now(),
        clock["expires_at"],
        call.service(ReviewSettings).quiet_hours,
    )
    data = {
        "by": call.principal.answerable,
        "person": call.principal.person,
        "reason": reason,
        "escalate_at": None if escalate_at is None else format_time(escalate_at),
    }
    return await _append(call, transaction, clock, "review.taken_over", data)


async def _open_clock(call: ToolCall, review: str) -> tuple[Transaction, Any]:
    """The call's transaction and the clock, locked by its subject; whoever calls may decide."""
    known = await call.kernel.database.fetch_row(sql.get_clock, review)
    if known is None:
        raise NotFoundError(f"nothing that waits has the id {review!r}")
    subject = SUBJECTS[known["kind"]]
    transaction = await call.begin()
    is_open = await subject.lock(transaction, review)
    clock = await transaction.fetch_row(sql.get_clock, review)
    assert clock is not None, "clocks are never deleted"
    if not is_open or clock["ended_at"] is not None or clock["expires_at"] <= call.now():
        raise InvalidStateError(f"{review} waits for nobody any more")
    await subject.require_decider(call, transaction, review)
    return transaction, clock


async def _append(
    call: ToolCall, transaction: Transaction, clock: Any, type: str, data: dict[str, Any]
) -> WaitingReview:
    event = {"review": clock["review"], "kind": clock["kind"], **data}
    await transaction.append(
        NewEvent(clock["stream"], type, call.principal.name, call.now(), event)
    )
    return _view(await transaction.fetch_row(sql.get_clock, clock["review"]))


def _view(clock: Any) -> WaitingReview:
    def text(name: str) -> str | None:
        return None if clock[name] is None else format_time(clock[name])

    return WaitingReview(
        review=clock["review"],
        version=clock["version"],
        due_at=format_time(clock["due_at"]),
        expires_at=format_time(clock["expires_at"]),
        remind_at=text("remind_at"),
        escalate_at=text("escalate_at"),
        snoozed_until=text("snoozed_until"),
        assigned_to=clock["assigned_to"],
    )
