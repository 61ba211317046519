"""Asking a person to decide, on behalf of a running agent.

Above: request_decision. Below: `sql/decisions.sql`, the times of reviews. Nothing waits: the agent goes
on with something else, or ends, and finds the answer with get_decision or in the resume packet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from agentos import (
    InvalidArgumentError,
    InvalidStateError,
    LeaseLostError,
    LimitExceededError,
    NewEvent,
    Role,
    ToolCall,
    Transaction,
    digest_of,
    new_id,
)
from agentos_governance.authority.enforcement import held_order
from agentos_governance.authority.mandate import ENDED_STATES
from agentos_governance.contracts.model import ReviewPolicy
from agentos_governance.decisions.events import decision_stream, sql
from agentos_governance.decisions.model import Option, RequestKind
from agentos_governance.orders import contract_of, lock_order
from agentos_governance.review.schedules import schedule_for
from agentos_governance.review.settings import ReviewSettings

MAX_OPEN = 20
"""Requests of one worker that wait at once."""
MIN_OPTIONS = 2
_WITH_OPTIONS = ("choose_option", "label_outcome")


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked, checked by kind."""

    kind: RequestKind
    title: str
    text: str
    options: Sequence[Option]
    work_order: str | None

    def digest(self, worker: str) -> str:
        """Equal for equal questions of one worker."""
        return digest_of(
            {
                "kind": self.kind,
                "title": self.title,
                "text": self.text,
                "options": [option.model_dump(mode="json") for option in self.options],
                "work_order": self.work_order,
                "worker": worker,
            }
        )


def check_request(request: Request) -> None:
    """InvalidArgumentError for what does not fit the kind."""
    takes_options = request.kind in _WITH_OPTIONS
    if takes_options and len(request.options) < MIN_OPTIONS:
        raise InvalidArgumentError(f"{request.kind} needs at least {MIN_OPTIONS} `options`")
    if not takes_options and request.options:
        raise InvalidArgumentError(f"{request.kind} takes no `options`")
    if len({option.id for option in request.options}) < len(request.options):
        raise InvalidArgumentError("two `options` have the same id")
    if not request.text.strip():
        raise InvalidArgumentError(f"{request.kind} needs a `text` that says all that is asked")


async def request(call: ToolCall, asked: Request, expires_in_s: int | None) -> Any:
    """The row of the request; the same question that waits already is not asked again."""
    transaction, policy = await call.begin(), None
    if asked.work_order is not None:
        policy = await _policy_of_open(call, transaction, asked.work_order)
    worker = call.principal.name
    await transaction.execute(sql.lock_requests_of, worker)
    digest = asked.digest(worker)
    known = await transaction.fetch_value(sql.find_open_like, worker, digest, call.now())
    if known is not None:
        return await transaction.fetch_row(sql.get_request, known)
    if await transaction.fetch_value(sql.count_open_requests, worker) >= MAX_OPEN:
        raise LimitExceededError(
            f"{MAX_OPEN} requests of {worker} wait already, the limit",
            remedy="go on with what is decided; get_decision shows it",
        )
    review, clock = new_id("RV"), await _clock(call, transaction, policy, expires_in_s)
    await transaction.append(_requested(call, asked, review, digest, clock))
    return await transaction.fetch_row(sql.get_request, review)


async def _policy_of_open(
    call: ToolCall, transaction: Transaction, work_order: str
) -> ReviewPolicy:
    """How the work order, which must be open and the worker's own, is reviewed."""
    held = held_order(call)
    if call.principal.role is Role.WORKER and (held is None or held.id != work_order):
        raise LeaseLostError(
            f"{call.principal.name} holds no living lease on {work_order}",
            remedy="claim the work order, or leave `work_order` out",
        )
    row = await lock_order(transaction, work_order)
    if row["state"] in ENDED_STATES:
        raise InvalidStateError(f"{work_order} is {row['state']}; nothing is to be decided there")
    return contract_of(row).review


async def _clock(
    call: ToolCall, transaction: Transaction, policy: ReviewPolicy | None, expires_in_s: int | None
) -> dict[str, Any]:
    """When people are told and it is too late; never later than where nobody says how long."""
    settings, now = call.service(ReviewSettings), call.now()
    schedule = await schedule_for(transaction, settings, policy)
    longest_s = schedule.expire_after_s
    ends = now + timedelta(seconds=min(expires_in_s or longest_s, longest_s))
    return schedule.opened(now, settings.quiet_hours, expires_at=ends)


def _requested(
    call: ToolCall, asked: Request, review: str, digest: str, clock: dict[str, Any]
) -> NewEvent:
    return NewEvent(
        decision_stream(asked.work_order, call.principal.name),
        "decision.requested",
        call.principal.name,
        call.now(),
        {
            "review": review,
            "kind": asked.kind,
            "title": asked.title,
            "text": asked.text,
            "options": [option.model_dump(mode="json") for option in asked.options],
            "sha256": digest,
            "work_order": asked.work_order,
            "worker": call.principal.name,
            "person": call.principal.person,
            "role": call.principal.role.value,
            "model": call.claims.get("model"),
            "clock": clock,
        },
    )
