"""Submitting work through the gates, and deciding about it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from agentos import (
    ConflictError,
    Event,
    InvalidStateError,
    LimitExceededError,
    NewEvent,
    NotFoundError,
    ToolCall,
    Transaction,
    tool,
)
from agentos_governance.authority.enforcement import HeldOrder
from agentos_governance.authority.persons import same_person_key
from agentos_governance.authority.roles import OWN_WORK_ORDER, REVIEWS, WORK_ORDERS
from agentos_governance.contracts.model import Contract
from agentos_governance.endings import complete_order, ending, fail_order
from agentos_governance.evidence.blobs import open_blob_store
from agentos_governance.evidence.gates import Gate, Submission, run_gates
from agentos_governance.evidence.kinds import EvidenceKinds
from agentos_governance.evidence.packet_lines import sql as evidence_sql
from agentos_governance.evidence.packets import find_head, packet_content, store_packet
from agentos_governance.evidence.recorded import read_recorded
from agentos_governance.orders import (
    contract_of,
    get_order,
    list_votes,
    lock_order,
    read_history,
    shown_votes,
    sql,
)
from agentos_governance.projections import work_order_stream
from agentos_governance.tools.leases import require_held, require_lease
from agentos_governance.tools.planning import WorkOrderId
from agentos_governance.tools.votes import check_four_eyes, check_reviewable, count_approvals
from agentos_governance.views import EvidenceView, GateView, State, VoteView
from agentos_governance.workspace.changes import WorkspaceDiff, diff_workspace
from agentos_governance.workspace.worktrees import Workspace

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="Lower-case hexadecimal")]
MAX_RESULT_BYTES = 4 * 1024 * 1024


class SubmittedWork(BaseModel):
    """The gates' findings and where the work order stands now."""

    gates: list[GateView]
    state: State
    packet_sha256: str | None = Field(description="What a reviewer names; null if a gate failed")


class ReviewOutcome(BaseModel):
    """Where the work order stands after the vote."""

    state: State
    votes: list[VoteView]


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
) -> SubmittedWork:
    """Hand in finished work, once the evidence is recorded: gates check it and the real diff.

    A failed gate is no error: the order stays yours, `findings` say what to mend, and you
    submit again. Passing ends your lease; somebody else reviews.
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
        gates = await run_gates(submission, call.service(GateRegistry).gates)
    transaction = await require_lease(call, held)
    await _require_no_open_children(transaction, work_order)
    if await transaction.fetch_value(evidence_sql.evidence_version, work_order) != version:
        raise ConflictError(
            f"evidence was recorded on {work_order} while its gates ran",
            remedy="submit again, so that the gates see all of it",
        )
    if not all(gate.passed for gate in gates):
        await transaction.append(_gates_failed(call, held, summary, gates))
        return SubmittedWork(gates=gates, state="active", packet_sha256=None)
    return await _accept(call, transaction, held, summary, gates, diff)


@tool(reads=[WORK_ORDERS], writes=[REVIEWS], profiles=["reviewer"])
async def review_work_order(
    call: ToolCall,
    work_order: WorkOrderId,
    packet_sha256: Annotated[Sha256, Field(description="Digest of the packet that was reviewed")],
    verdict: Literal["approve", "request_changes", "reject"],
    reason: Annotated[str, Field(min_length=3, max_length=5_000)],
    findings: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=2_000)]], Field(max_length=100)
    ] = [],  # noqa: B006 - pydantic copies defaults
) -> ReviewOutcome:
    """Vote on submitted work after you looked at its diff and evidence.

    `packet_sha256` is what you looked at, as get_work_order shows it. Refuses a stale digest, and
    whoever worked on the order. request_changes sends it back with your findings.
    """
    if verdict == "approve":
        await _check_worktree(call, work_order)
    transaction = await call.begin()
    row = await lock_order(transaction, work_order)
    await check_reviewable(transaction, row, packet_sha256)
    contract = contract_of(row)
    await check_four_eyes(call, transaction, row, contract)
    await transaction.append(
        NewEvent(
            work_order_stream(work_order),
            "work_order.reviewed",
            call.principal.name,
            call.now(),
            {
                "work_order": work_order,
                "reviewer": call.principal.name,
                "voter": same_person_key(call.principal.answerable),
                "is_human": call.principal.person is not None,
                "verdict": verdict,
                "reason": reason,
                "findings": list(findings),
                "packet_sha256": row["packet_sha256"],
            },
        )
    )
    votes = await list_votes(transaction, work_order, row["packet_sha256"])
    state = await _conclude(call, transaction, work_order, contract, verdict, reason, votes)
    return ReviewOutcome(state=state, votes=shown_votes(votes))


class GateRegistry:
    """The gates that plugins add, as the service by which tools find them."""

    def __init__(self, gates: list[Gate]) -> None:
        self.gates = gates


def workspace_of(row: Any) -> Workspace | None:
    """The worktree of a work-order row, or None."""
    if row["workspace"] is None:
        return None
    return Workspace(Path(row["repo"]), Path(row["workspace"]), row["branch"], row["base_commit"])


async def _require_no_open_children(transaction: Transaction, work_order: str) -> None:
    # The lock on the parent keeps new ones out until the outcome is stored.
    children = await transaction.fetch(sql.list_open_children, work_order)
    if children:
        raise InvalidStateError(
            f"{work_order} has open children: {', '.join(row['id'] for row in children)}",
            remedy="complete or cancel them; a parent completes last",
        )


def _gates_failed(call: ToolCall, held: HeldOrder, summary: str, gates: list[GateView]) -> NewEvent:
    return NewEvent(
        work_order_stream(held.id),
        "work_order.gates_failed",
        call.principal.name,
        call.now(),
        {
            "work_order": held.id,
            "summary": summary,
            "gates": [gate.model_dump(mode="json") for gate in gates],
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


async def _accept(
    call: ToolCall,
    transaction: Transaction,
    held: HeldOrder,
    summary: str,
    gates: list[GateView],
    diff: WorkspaceDiff | None,
) -> SubmittedWork:
    diff_document = await asyncio.to_thread(_diff_document, call, diff)
    content = await packet_content(
        transaction,
        held.id,
        settings=call.kernel.settings,
        gates=gates,
        diff=diff_document,
        summary=summary,
        head=await find_head(transaction, held.id),
    )
    # Durable before the event that names it; a packet whose event never comes is overwritten.
    packet = await asyncio.to_thread(store_packet, call.kernel.settings, content)
    await transaction.append(
        NewEvent(
            work_order_stream(held.id),
            "work_order.submitted",
            call.principal.name,
            call.now(),
            {
                "work_order": held.id,
                "summary": summary,
                "gates": [gate.model_dump(mode="json") for gate in gates],
                "packet_sha256": packet.sha256,
                "event_tree": {n: content.predicate["event_tree"][n] for n in ("size", "root")},
                "diff": diff_document,
            },
        )
    )
    await transaction.execute(sql.drop_lease, held.id)
    state: State = "in_review"
    if not held.contract.contract.review.required:
        await complete(call, transaction, held.id, "no review required")
        state = "completed"
    return SubmittedWork(gates=gates, state=state, packet_sha256=packet.sha256)


def _diff_document(call: ToolCall, diff: WorkspaceDiff | None) -> dict[str, Any] | None:
    if diff is None:
        return None
    patch_sha256 = None
    if diff.patch is not None:
        patch_sha256 = open_blob_store(call.kernel.settings).put(diff.patch)
    return {
        "sha256": diff.digest,
        "patch_sha256": patch_sha256,
        "files": diff.statistics.files,
        "insertions": diff.statistics.insertions,
        "deletions": diff.statistics.deletions,
        "paths": [change.path for change in diff.changes[:500]],
    }


async def complete(call: ToolCall, transaction: Transaction, work_order: str, reason: str) -> None:
    """End a work order well, and make ready what waited for it only."""
    await complete_order(transaction, work_order, reason, actor=call.principal.name, now=call.now())


async def _conclude(
    call: ToolCall,
    transaction: Transaction,
    work_order: str,
    contract: Contract,
    verdict: str,
    reason: str,
    votes: list[VoteView],
) -> State:
    if verdict == "reject":
        await fail_order(transaction, work_order, reason, actor=call.principal.name, now=call.now())
        return "failed"
    if verdict == "request_changes":
        await transaction.append(
            ending(
                work_order,
                "work_order.changes_requested",
                reason,
                call.principal.name,
                call.now(),
            )
        )
        return "suspended"
    if await count_approvals(transaction, work_order, contract) >= contract.review.quorum:
        await _confirm_evidence(call, transaction, work_order, votes)
        await complete(call, transaction, work_order, "approved")
        return "completed"
    return "in_review"


async def _confirm_evidence(
    call: ToolCall, transaction: Transaction, work_order: str, votes: list[VoteView]
) -> None:
    """What only the worker vouched for is reviewed from now on: reviewers approved it."""
    if await transaction.fetch_value(evidence_sql.has_reported_evidence, work_order):
        approving = sorted({vote.reviewer for vote in votes if vote.verdict == "approve"})
        await transaction.append(
            NewEvent(
                work_order_stream(work_order),
                "evidence.reviewed",
                call.principal.name,
                call.now(),
                {"work_order": work_order, "reviewers": approving},
            )
        )


async def _check_worktree(call: ToolCall, work_order: str) -> None:
    """What is approved must be what was submitted: the worktree may not have moved since."""
    row = await get_order(call.kernel.database, work_order)
    workspace = workspace_of(row)
    if workspace is None or row["state"] != "in_review":
        return
    history = await read_history(call.kernel.database, work_order)
    submitted: Event = next(e for e in reversed(history) if e.type == "work_order.submitted")
    try:
        diff = await diff_workspace(workspace)
    except NotFoundError:
        # Its branch may hold anything by now, and nothing is left to compare it with.
        raise ConflictError(
            f"the worktree of {work_order} is gone since it was submitted",
            remedy="request changes; the next claim makes it again",
        ) from None
    if submitted.data["diff"]["sha256"] != diff.digest or diff.strays:
        raise ConflictError(
            f"the worktree of {work_order} has changed since it was submitted",
            remedy="request changes, so that a worker submits what is there now",
        )
