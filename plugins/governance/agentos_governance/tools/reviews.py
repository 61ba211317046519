"""Submitting work through the gates, and deciding about it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from contextlib import closing
from typing import Annotated, Any

from pydantic import BaseModel, Field

from agentos import (
    ConflictError,
    InvalidStateError,
    LimitExceededError,
    NewEvent,
    ToolCall,
    Transaction,
    tool,
)
from agentos_governance.authority.enforcement import HeldOrder
from agentos_governance.authority.roles import OWN_WORK_ORDER, REVIEWS, WORK_ORDERS
from agentos_governance.evidence.gates import Gate, Submission, run_gates
from agentos_governance.evidence.kinds import EvidenceKinds
from agentos_governance.evidence.packet_lines import sql as evidence_sql
from agentos_governance.evidence.recorded import read_recorded
from agentos_governance.gatekeeper.keeping_lease import kept_alive
from agentos_governance.gatekeeper.registry import ReviewChecks
from agentos_governance.gatekeeper.submission import check_contest, review_submission
from agentos_governance.gatekeeper.views import AdversarialView, adversarial_view
from agentos_governance.orders import get_order, sql
from agentos_governance.projections import work_order_stream
from agentos_governance.review.deciding import Verdict, Vote, decide_order
from agentos_governance.review.handling import WaitingReview, parse_time, snooze, take_over
from agentos_governance.review.submission import PassedWork, accept
from agentos_governance.review.worktree import workspace_of
from agentos_governance.tools.leases import require_held, require_lease
from agentos_governance.tools.planning import WorkOrderId
from agentos_governance.views import EvidenceView, GateView, State, VoteView
from agentos_governance.workspace.changes import WorkspaceDiff, diff_workspace
from agentos_governance.workspace.worktrees import Workspace

ReviewId = Annotated[str, Field(min_length=1, max_length=60, description="Such as RV-3F9K2M7Q")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="Lower-case hexadecimal")]
MAX_RESULT_BYTES = 4 * 1024 * 1024


class SubmittedWork(BaseModel):
    """The gates' findings and where the work order stands now."""

    gates: list[GateView]
    state: State
    packet_sha256: str | None = Field(description="What a reviewer names; null if a gate failed")
    review: str | None = Field(default=None, description="The review that waits now, such as RV-…")
    adversarial: AdversarialView = Field(description="What the gatekeeper's checks found")


class ReviewOutcome(BaseModel):
    """Where the work order stands after the vote."""

    state: State
    votes: list[VoteView]
    review: str | None = None
    outcome: str | None = Field(default=None, description="Of the review")
    needs: str = ""


@tool(
    reads=[WORK_ORDERS],
    writes=[OWN_WORK_ORDER],
    timeout_s=300,
    max_result_bytes=MAX_RESULT_BYTES,
    profiles=["worker"],
)
async def submit_work_order(
    call: ToolCall,
    work_order: WorkOrderId,
    summary: Annotated[str, Field(min_length=3, max_length=20_000)],
    contest: Annotated[
        str | None,
        Field(
            min_length=10,
            max_length=5_000,
            description="Why blocking findings are wrong; only where a person reviews",
        ),
    ] = None,
) -> SubmittedWork:
    """Hand in finished work, once the evidence is recorded: gates check it and the real diff.

    A failed gate or a blocking finding is no error: the order stays yours, they say what to mend,
    and you submit again. Passing ends your lease; somebody else reviews. Until they decide you may
    submit again, which supersedes what waits.
    """
    held = require_held(call, work_order)
    row = await get_order(call.kernel.database, work_order)
    workspace = workspace_of(row)
    version = await call.kernel.database.fetch_value(evidence_sql.evidence_version, work_order)
    with closing(await read_recorded(call.kernel.database, work_order)) as evidence:
        diff, not_compared = await _compare(workspace, await asyncio.to_thread(_paths, evidence))
        submission = Submission(
            work_order=work_order,
            contract=held.contract.contract,
            evidence=evidence,
            workspace=workspace,
            diff=diff,
            summary=summary,
            not_compared=not_compared,
            kinds=call.service(EvidenceKinds),
        )
        async with kept_alive(call, held):
            gates = await run_gates(submission, call.service(GateRegistry).gates)
            found = await review_submission(call, submission, row)
    stopping = check_contest(contest, found, call.service(ReviewChecks), submission.contract)
    transaction = await require_lease(call, held)
    await _require_no_open_children(transaction, work_order)
    if await transaction.fetch_value(evidence_sql.evidence_version, work_order) != version:
        raise ConflictError(
            f"evidence was recorded on {work_order} while its gates ran",
            remedy="submit again, so that the gates see all of it",
        )
    document, view = found.document(contest), adversarial_view(found, contest)
    if stopping or not all(gate.passed for gate in gates):
        await transaction.append(_gates_failed(call, held, summary, gates, document))
        # Of work in review, what was submitted before stays there.
        state: State = "in_review" if held.is_in_review else "active"
        return SubmittedWork(gates=gates, state=state, packet_sha256=None, adversarial=view)
    accepted = await accept(call, transaction, PassedWork(held, summary, gates, diff, document))
    return SubmittedWork(
        gates=gates,
        state=accepted.state,
        packet_sha256=accepted.packet_sha256,
        review=accepted.review,
        adversarial=view,
    )


@tool(reads=[WORK_ORDERS], writes=[REVIEWS], profiles=["reviewer"])
async def review_work_order(
    call: ToolCall,
    work_order: WorkOrderId,
    packet_sha256: Annotated[Sha256, Field(description="As get_work_order showed it")],
    verdict: Verdict,
    reason: Annotated[str, Field(min_length=3, max_length=5_000)],
    findings: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=2_000)]], Field(max_length=100)
    ] = [],  # noqa: B006 - pydantic copies defaults
    override_reason: Annotated[str | None, Field(max_length=5_000)] = None,
) -> ReviewOutcome:
    """Vote on submitted work after you looked at its diff and evidence.

    Refuses a stale packet, and whoever worked on it. request_changes sends it back.
    """
    vote = Vote(packet_sha256, verdict, reason, tuple(findings), override_reason=override_reason)
    decision = await decide_order(call, work_order, vote)
    return ReviewOutcome(
        state=decision.state,
        votes=decision.votes,
        review=decision.review,
        outcome=decision.outcome,
        needs=decision.needs,
    )


@tool(reads=[WORK_ORDERS], writes=[REVIEWS], profiles=["bot"])
async def snooze_review(
    call: ToolCall,
    review: ReviewId,
    until: Annotated[str, Field(max_length=40, description="RFC 3339, such as 2026-03-01T09:00Z")],
) -> WaitingReview:
    """Be reminded of a review at `until` and not before; nobody else is asked meanwhile.

    Refuses times past its expiry, which a snooze does not move.
    """
    return await snooze(call, review, parse_time("until", until))


@tool(reads=[WORK_ORDERS], writes=[REVIEWS], profiles=["bot"])
async def take_over_review(
    call: ToolCall,
    review: ReviewId,
    reason: Annotated[str, Field(min_length=3, max_length=2_000)],
) -> WaitingReview:
    """Say that you look after a review: it is assigned to you, and others are asked later.

    It stays open until somebody decides. To take the work itself from its worker, request changes
    and claim it.
    """
    return await take_over(call, review, reason)


class GateRegistry:
    """The gates that plugins add, as the service by which tools find them."""

    def __init__(self, gates: list[Gate]) -> None:
        self.gates = gates


async def _require_no_open_children(transaction: Transaction, work_order: str) -> None:
    # The lock on the parent keeps new ones out until the outcome is stored.
    children = await transaction.fetch(sql.list_open_children, work_order)
    if children:
        raise InvalidStateError(
            f"{work_order} has open children: {', '.join(row['id'] for row in children)}",
            remedy="complete or cancel them; a parent completes last",
        )


def _gates_failed(
    call: ToolCall,
    held: HeldOrder,
    summary: str,
    gates: list[GateView],
    adversarial: dict[str, Any],
) -> NewEvent:
    return NewEvent(
        work_order_stream(held.id),
        "work_order.gates_failed",
        call.principal.name,
        call.now(),
        {
            "work_order": held.id,
            "summary": summary,
            "gates": [gate.model_dump(mode="json") for gate in gates],
            "adversarial": adversarial,
        },
    )


def _paths(evidence: Iterable[EvidenceView]) -> frozenset[str]:
    return frozenset(item.path for item in evidence if item.path)


async def _compare(
    workspace: Workspace | None, claimed: Collection[str]
) -> tuple[WorkspaceDiff | None, str | None]:
    """The diff, or why there is none: that is a finding, and the worker may be able to mend it."""
    if workspace is None:
        return None, None
    try:
        return await diff_workspace(workspace, claimed), None
    except (InvalidStateError, LimitExceededError) as error:
        return None, error.message
