"""Seeing and deciding what policies want a person to approve."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from agentos import InvalidArgumentError, NotFoundError, Role, ToolCall, format_time, tool
from agentos_governance.approvals.deciding import Decision, decide, find_approval, outcome_of
from agentos_governance.approvals.events import sql
from agentos_governance.authority.roles import APPROVALS, WORK_ORDERS
from agentos_governance.bounds import json_bytes
from agentos_governance.tools.planning import WorkOrderId

MAX_PAGE_BYTES = 512 * 1024

ReviewId = Annotated[str, Field(min_length=1, max_length=60, description="Such as RV-3F9K2M7Q")]
Outcome = Literal["pending", "approved", "rejected", "expired", "cancelled", "used"]


class ContractInForce(BaseModel):
    """One of the contracts under which the call was asked for."""

    work_order: str
    contract_version: str


class ApprovalVote(BaseModel):
    """Who decided, and why."""

    by: str
    person: str | None
    verdict: Literal["approve", "reject"]
    reason: str
    at: str


class ApprovalView(BaseModel):
    """A call that waits for a person, or what became of it."""

    review_id: str
    state: Outcome
    tool: str
    arguments: dict[str, Any] = Field(description="All of them, secrets redacted")
    arguments_sha256: str = Field(description="Of the arguments as sent; the approval is for these")
    work_order: str | None
    worker: str
    person: str | None
    contracts: list[ContractInForce]
    policy_hash: str | None
    rule: str
    reason: str
    determining: list[dict[str, Any]] = Field(description="The rules that asked, and their values")
    requested_at: str
    expires_at: str
    decided_by: str | None
    decided_person: str | None
    decided_at: str | None
    decision_reason: str | None
    used_by_call: str | None
    votes: list[ApprovalVote]
    next_step: str = Field(description="What whoever asked does now")


class ApprovalList(BaseModel):
    """A page of approvals: pending ones first, then the newest."""

    approvals: list[ApprovalView]
    truncated: bool
    next_cursor: str | None


@tool(reads=[APPROVALS, WORK_ORDERS], profiles=["worker", "reviewer"])
async def get_review(call: ToolCall, review_id: ReviewId) -> ApprovalView:
    """Whether a call that answered approval_required has been approved by a person yet.

    Once `state` is approved, repeat the identical call; it is good for one. Rejected: do
    something else. Answers the exact call, who asked, the rule and the decision.
    """
    row = await find_approval(call.kernel.database, review_id)
    if call.principal.role is Role.WORKER and row["worker"] != call.principal.name:
        raise NotFoundError(f"{call.principal.name} asked for no approval {review_id!r}")
    return _view(row, call.now())


@tool(reads=[APPROVALS, WORK_ORDERS], profiles=["reviewer", "admin"])
async def list_reviews(
    call: ToolCall,
    state: Outcome | None = None,
    work_order: WorkOrderId | None = None,
    limit: Annotated[int, Field(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Field(max_length=200)] = None,
) -> ApprovalList:
    """List calls that wait for a person's approval, then the newest decided ones.

    A worker sees those it asked for; get_review reads one.
    """
    worker = call.principal.name if call.principal.role is Role.WORKER else None
    rows = await call.kernel.database.fetch(
        sql.list_reviews, state, work_order, worker, *_parse_cursor(cursor), limit + 1
    )
    page = _fitting([_view(row, call.now()) for row in rows[:limit]])
    is_cut = len(rows) > len(page)
    return ApprovalList(
        approvals=page,
        truncated=is_cut,
        next_cursor=_cursor_of(rows[len(page) - 1]) if is_cut else None,
    )


@tool(reads=[APPROVALS, WORK_ORDERS], writes=[APPROVALS], profiles=["reviewer", "admin"])
async def decide_review(
    call: ToolCall,
    review_id: ReviewId,
    verdict: Decision,
    reason: Annotated[str, Field(min_length=3, max_length=2_000)],
) -> ApprovalView:
    """Approve or reject one call, exactly as get_review shows it.

    Refuses whoever asked for the call or worked on its work order, and decisions that come too
    late. An approval admits the identical call once; a rejection answers it for a day. "revoke"
    takes an approval back that was not used yet.
    """
    return _view(await decide(call, review_id, verdict, reason), call.now())


def _view(row: Any, now: datetime) -> ApprovalView:
    return ApprovalView(
        review_id=row["id"],
        state=outcome_of(row, now),  # type: ignore[arg-type]
        tool=row["tool"],
        arguments=row["arguments"],
        arguments_sha256=row["arguments_sha256"],
        work_order=row["work_order"],
        worker=row["worker"],
        person=row["person"],
        contracts=[
            ContractInForce(work_order=order, contract_version=version)
            for order, version in row["contract_versions"]
        ],
        policy_hash=row["policy_hash"],
        rule=row["rule"],
        reason=row["reason"],
        determining=row["determining"],
        requested_at=format_time(row["requested_at"]),
        expires_at=format_time(row["expires_at"]),
        decided_by=row["decided_by"],
        decided_person=row["decided_person"],
        decided_at=format_time(row["decided_at"]) if row["decided_at"] else None,
        decision_reason=row["decision_reason"],
        used_by_call=row["used_by_call"],
        votes=_votes_of(row),
        next_step=_next_step(row, outcome_of(row, now)),
    )


def _votes_of(row: Any) -> list[ApprovalVote]:
    if row["decided_by"] is None:
        return []
    # What is rejected was never approved; what became of an approval later does not change it.
    verdict: Literal["approve", "reject"] = "reject" if row["state"] == "rejected" else "approve"
    return [
        ApprovalVote(
            by=row["decided_by"],
            person=row["decided_person"],
            verdict=verdict,
            reason=row["decision_reason"],
            at=format_time(row["decided_at"]),
        )
    ]


def _next_step(row: Any, state: str) -> str:
    if state == "pending":
        return "wait: another person decides with decide_review; ask get_review again in a while"
    if state == "approved":
        return (
            f"repeat the call of {row['tool']} with exactly the arguments that you sent, whose "
            f"digest is arguments_sha256, before {format_time(row['expires_at'])}; once"
        )
    if state == "rejected":
        return "do the work without it, or stand down and say why it is needed"
    if state == "used":
        return "nothing: the call was made; another one asks for another approval"
    return "repeat the call if it is still needed, which asks for another approval"


def _fitting(views: list[ApprovalView]) -> list[ApprovalView]:
    """As many of the views as a page holds, at least one."""
    left = MAX_PAGE_BYTES
    for number, view in enumerate(views):
        left -= json_bytes(view)
        if left < 0 and number > 0:
            return views[:number]
    return views


def _parse_cursor(cursor: str | None) -> tuple[bool | None, datetime | None, str | None]:
    if cursor is None:
        return None, None, None
    try:
        group, requested_at, id = cursor.split("|")
        at = datetime.fromisoformat(requested_at)
        if group not in ("open", "ended") or at.tzinfo is None:
            raise ValueError(cursor)
        return group == "ended", at, id
    except ValueError:
        raise InvalidArgumentError(
            "argument `cursor` is not one that list_reviews returned",
            remedy="pass next_cursor of the page before, or leave it out",
        ) from None


def _cursor_of(row: Any) -> str:
    group = "open" if row["state"] == "pending" else "ended"
    return f"{group}|{format_time(row['requested_at'])}|{row['id']}"
