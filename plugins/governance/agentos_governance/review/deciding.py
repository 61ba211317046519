"""Decides about submitted work: one compare-and-set on the packet's digest, whoever asks.

Above: review_work_order, decide. Below: rounds, tally, endings. The vote, what it means for the
round and what becomes of the work order are one transaction under the lock of the work order, so
that of any number of verdicts at once each is counted once and the round ends once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, Field

from agentos import (
    ConflictError,
    InvalidArgumentError,
    InvalidStateError,
    NewEvent,
    ToolCall,
    Transaction,
    format_time,
)
from agentos_governance.authority.own_word import is_persons_word
from agentos_governance.authority.persons import same_person_key
from agentos_governance.contracts.model import Contract
from agentos_governance.endings import complete_order, ending, fail_order
from agentos_governance.evidence.packet_lines import sql as evidence_sql
from agentos_governance.orders import (
    Reader,
    contract_of,
    get_order,
    list_votes,
    lock_order,
    read_resume_events,
    shown_votes,
)
from agentos_governance.projections import work_order_stream
from agentos_governance.resume import build_resume_packet
from agentos_governance.review.items import compare
from agentos_governance.review.queries import sql
from agentos_governance.review.reviewers import require_reviewer
from agentos_governance.review.rounds import find_last_round, get_round
from agentos_governance.review.tally import count_approvals
from agentos_governance.review.worktree import check_worktree
from agentos_governance.views import State, VoteView

Verdict = Literal["approve", "request_changes", "reject"]
MIN_OVERRIDE_CHARS = 10


class WorkDecision(BaseModel):
    """What the vote led to, as it is stored."""

    work_order: str
    review: str | None
    state: State = Field(description="Of the work order")
    outcome: str | None = Field(description="Of the review; null while it is open")
    needs: str = Field(description="Who must still approve; empty where nobody must")
    version: int | None = Field(description="Of the review's card")
    votes: list[VoteView]


@dataclass(frozen=True, slots=True)
class Vote:
    """What somebody says about a packet."""

    packet_sha256: str
    verdict: Verdict
    reason: str
    findings: Sequence[str] = ()
    categories: Sequence[str] = ()
    override_reason: str | None = None


async def decide_work(call: ToolCall, review: str, vote: Vote) -> WorkDecision:
    """Count a vote on the packet of a review, and end the review where that settles it.

    The same vote by the same person again changes nothing and answers what came of it. Raises
    ConflictError for another packet than the one in review, naming what changed; InvalidStateError
    once the work is not in review; CallRefusedError for who may not decide; InvalidArgumentError
    for an approval against a blocking finding without `override_reason`.
    """
    row = await get_round(call.kernel.database, review)
    return await decide_order(call, row["work_order"], vote)


async def decide_order(call: ToolCall, work_order: str, vote: Vote) -> WorkDecision:
    """The same for the work order's review."""
    if vote.verdict == "approve":
        await check_worktree(call, work_order)
    transaction = await call.begin()
    order = await lock_order(transaction, work_order)
    if not await _is_repeated(call, transaction, order, vote):
        await _require_in_review(transaction, order)
        await _require_current(transaction, order, vote.packet_sha256)
        await require_reviewer(transaction, call, order, contract_of(order).review)
        await _count(call, transaction, order, vote)
    return await _decision(transaction, work_order)


async def _count(call: ToolCall, transaction: Transaction, order: Any, vote: Vote) -> None:
    current = await find_last_round(transaction, order["id"])
    if current is not None and current["state"] != "open":
        # Submitted before there were rounds; the sweeper opens one.
        current = None
    if current is not None and current["expires_at"] <= call.now():
        raise InvalidStateError(
            f"{current['id']} has expired at {format_time(current['expires_at'])}; it is too late "
            "to decide",
            remedy="let a worker claim and submit the work again",
        )
    is_overriding = _check_override(current, vote)
    await transaction.append(_reviewed(call, order, current, vote, is_overriding))
    await _conclude(call, transaction, order, current, vote)


def _check_override(current: Any | None, vote: Vote) -> bool:
    """Whether the vote approves in spite of blocking findings, and says why."""
    if vote.verdict != "approve" or current is None or not current["n_blocking"]:
        return False
    if vote.override_reason is None or len(vote.override_reason.strip()) < MIN_OVERRIDE_CHARS:
        raise InvalidArgumentError(
            f"{current['n_blocking']} blocking finding(s) stand against {current['work_order']}; "
            f"an approval needs `override_reason` of at least {MIN_OVERRIDE_CHARS} characters",
            remedy="say why it is right all the same, or request changes",
        )
    return True


def _reviewed(
    call: ToolCall, order: Any, current: Any | None, vote: Vote, is_overriding: bool
) -> NewEvent:
    data = {
        "work_order": order["id"],
        "review": None if current is None else current["id"],
        "reviewer": call.principal.name,
        "voter": same_person_key(call.principal.answerable),
        "person": call.principal.person,
        "is_human": is_persons_word(call),
        "verdict": vote.verdict,
        "reason": vote.reason,
        "findings": list(vote.findings),
        "categories": list(vote.categories),
        "packet_sha256": order["packet_sha256"],
        "override_reason": vote.override_reason if is_overriding else None,
    }
    stream = work_order_stream(order["id"])
    return NewEvent(stream, "work_order.reviewed", call.principal.name, call.now(), data)


async def _conclude(
    call: ToolCall, transaction: Transaction, order: Any, current: Any | None, vote: Vote
) -> None:
    work_order, actor, now = order["id"], call.principal.name, call.now()
    contract: Contract = contract_of(order)
    if vote.verdict == "approve":
        tally = await count_approvals(
            transaction, work_order, order["packet_sha256"], contract.review
        )
        if tally.is_approved:
            await _end_round(call, transaction, current, vote, "approved")
            await _confirm_evidence(call, transaction, order)
            await complete_order(transaction, work_order, "approved", actor=actor, now=now)
        return
    await _end_round(call, transaction, current, vote, "rejected")
    if vote.verdict == "reject":
        await fail_order(transaction, work_order, vote.reason, actor=actor, now=now)
        return
    await transaction.append(
        ending(work_order, "work_order.changes_requested", vote.reason, actor, now)
    )


async def _end_round(
    call: ToolCall,
    transaction: Transaction,
    current: Any | None,
    vote: Vote,
    outcome: Literal["approved", "rejected"],
) -> None:
    """Before the work order's own end, so that its final packet covers the decision."""
    if current is None:
        return
    data = {
        "review": current["id"],
        "work_order": current["work_order"],
        "packet_sha256": current["packet_sha256"],
        "outcome": outcome,
        "verdict": vote.verdict,
        "reason": vote.reason,
        "categories": list(vote.categories),
        "person": call.principal.person,
    }
    stream = work_order_stream(current["work_order"])
    await transaction.append(
        NewEvent(stream, "review.decided", call.principal.name, call.now(), data)
    )


async def _confirm_evidence(call: ToolCall, transaction: Transaction, order: Any) -> None:
    """What only the worker vouched for is reviewed from now on: reviewers approved it."""
    if await transaction.fetch_value(evidence_sql.has_reported_evidence, order["id"]):
        votes = await list_votes(transaction, order["id"], order["packet_sha256"])
        approving = sorted({vote.reviewer for vote in votes if vote.verdict == "approve"})
        stream = work_order_stream(order["id"])
        submission = await transaction.fetch_row(sql.find_last_submission, stream)
        assert submission is not None
        await transaction.append(
            NewEvent(
                stream,
                "evidence.reviewed",
                call.principal.name,
                call.now(),
                {
                    "work_order": order["id"],
                    "reviewers": approving,
                    # What the worker recorded while they looked, they have not seen.
                    "before_seq": submission["seq"],
                },
            )
        )


async def _is_repeated(call: ToolCall, reader: Reader, order: Any, vote: Vote) -> bool:
    """Whether the person said exactly this about exactly this packet before: a second click."""
    voter = same_person_key(call.principal.answerable)
    if vote.packet_sha256 != order["packet_sha256"]:
        return False
    row = await reader.fetch_row(sql.find_vote, order["id"], vote.packet_sha256, voter)
    if row is None:
        return False
    said = (row["verdict"], row["reason"], list(row["findings"]))
    return said == (vote.verdict, vote.reason, list(vote.findings))


async def _require_in_review(reader: Reader, order: Any) -> None:
    if order["state"] == "in_review":
        return
    ended = await find_last_round(reader, order["id"])
    how = ""
    if ended is not None and ended["state"] != "open":
        by = f" by {ended['decided_by']}" if ended["decided_by"] else ""
        how = f"; {ended['id']} is {ended['state']}{by}"
    raise InvalidStateError(
        f"{order['id']} is {order['state']}{how}; only work in review is voted on"
    )


async def _require_current(reader: Reader, order: Any, packet_sha256: str) -> None:
    """Refuse a vote on a packet that the work order no longer has, and say what changed since."""
    if packet_sha256 == order["packet_sha256"]:
        return
    _, resumed = build_resume_packet(await read_resume_events(reader, order["id"]))
    if packet_sha256 == resumed:
        return
    seen = await reader.fetch_row(sql.find_round_of_packet, order["id"], packet_sha256)
    shown = await reader.fetch_row(sql.find_round_of_packet, order["id"], order["packet_sha256"])
    changes = None if seen is None or shown is None else compare(shown["items"], seen["items"])
    since = "" if changes is None else f"; since then: {changes}"
    raise ConflictError(
        f"the packet of {order['id']} is {order['packet_sha256']} now, not {packet_sha256}{since}",
        remedy="look at the work order again and vote on what is there now",
    )


async def _decision(transaction: Transaction, work_order: str) -> WorkDecision:
    order = await get_order(transaction, work_order)
    policy, packet = contract_of(order).review, order["packet_sha256"]
    current = await find_last_round(transaction, work_order)
    is_open = order["state"] == "in_review"
    needs = ""
    if is_open:
        needs = (await count_approvals(transaction, work_order, packet, policy)).needs(policy)
    return WorkDecision(
        work_order=work_order,
        review=None if current is None else current["id"],
        state=order["state"],
        outcome=None if current is None or current["state"] == "open" else current["state"],
        needs=needs,
        version=None if current is None else current["version"],
        votes=shown_votes(await list_votes(transaction, work_order, packet)),
    )
