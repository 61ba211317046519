"""One door for every decision of a person: it leads to the one compare-and-set of each kind.

Above: decide. Below: reviews of work, approvals, requests of agents. Each of them compares the digest
under the locks of what it decides about, checks persons, and ends the thing once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from agentos import ConflictError, InvalidArgumentError, ToolCall
from agentos_governance.approvals.deciding import decide as decide_approval
from agentos_governance.decisions.deciding import Decision, decide_request
from agentos_governance.decisions.model import MIN_REASON
from agentos_governance.review.deciding import Vote, decide_work
from agentos_governance.review.reviewers import refuse_mere_bot
from agentos_governance.review_cards.cards import get_card
from agentos_governance.review_cards.model import CardAnswer, Decided, Verdict
from agentos_governance.review_cards.subjects import Subject, find_subject, sql

_APPROVED = "approved"
"""What is recorded as the reason of an approval that gives none."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a person says about a card."""

    verdict: Verdict
    sha256: str
    reason: str | None = None
    categories: Sequence[str] = ()
    override_reason: str | None = None
    answer: CardAnswer = field(default_factory=CardAnswer)


async def decide(call: ToolCall, review: str, said: Said) -> Decided:
    """What became of the review by it; the same by the same person again changes nothing.

    Raises ConflictError for another digest, InvalidStateError for what has ended meanwhile, and
    CallRefusedError for who may not decide.
    """
    refuse_mere_bot(call.principal)
    _check_reason(said)
    subject = await find_subject(call.kernel.database, review)
    clock = await call.kernel.database.fetch_row(sql.get_clock_fields, review)
    if subject.kind == "work":
        await _decide_work(call, review, said)
    elif subject.kind == "authorize_action":
        await _decide_action(call, subject, said)
    else:
        decision = Decision(said.verdict, said.reason, said.categories, said.answer)
        await decide_request(call, review, said.sha256, decision)
    return await _decided(call, review, said, 1 if clock is None else clock["version"])


async def _decide_work(call: ToolCall, review: str, said: Said) -> None:
    if said.verdict == "answer" or said.answer != CardAnswer():
        raise InvalidArgumentError(
            f"{review} is submitted work: approve, request_changes or reject it"
        )
    vote = Vote(
        packet_sha256=said.sha256,
        verdict=said.verdict,
        reason=said.reason or _APPROVED,
        categories=said.categories,
        override_reason=said.override_reason,
    )
    await decide_work(call, review, vote)


async def _decide_action(call: ToolCall, subject: Subject, said: Said) -> None:
    if said.verdict not in ("approve", "reject") or said.answer != CardAnswer():
        raise InvalidArgumentError(f"{subject.review} asks for one call: approve or reject it")
    # What an approval is bound to never changes under its id.
    if said.sha256 != subject.sha256:
        raise ConflictError(
            f"{subject.review} is {subject.sha256}, not {said.sha256}",
            remedy="look at get_review_card again and decide about what is there",
        )
    await decide_approval(
        call,
        subject.review,
        "approve" if said.verdict == "approve" else "reject",
        said.reason or _APPROVED,
    )


async def _decided(call: ToolCall, review: str, said: Said, version: int) -> Decided:
    transaction = await call.begin()
    card = await get_card(call.kernel, transaction, review)
    return Decided(
        review=review,
        kind=card.kind,
        state=card.state,
        outcome=card.outcome,
        verdict=said.verdict,
        by=call.principal.answerable,
        version=card.version,
        needs=card.needs,
        repeated=card.version == version,
    )


def _check_reason(said: Said) -> None:
    is_explained = said.reason is not None and len(said.reason.strip()) >= MIN_REASON
    if said.verdict in ("reject", "request_changes") and not is_explained:
        raise InvalidArgumentError(
            f"{said.verdict} needs a `reason` of at least {MIN_REASON} characters",
            remedy="say what must change, or why it cannot be",
        )
