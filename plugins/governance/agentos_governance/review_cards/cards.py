"""Builds the card of a review from what is committed, whatever it is about.

Above: get_review_card, decide, the command line. Below: subjects, `work_part`. A card has bounded lists;
what is longer says so by its counts.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from agentos import Kernel, format_time
from agentos_governance.bounds import newest_within
from agentos_governance.decisions.events import sql as decision_sql
from agentos_governance.orders import Reader, contract_of, get_order
from agentos_governance.review.settings import ReviewSettings
from agentos_governance.review_cards.model import (
    ActionRequest,
    CardAnswer,
    CardOption,
    CardQuestion,
    CardVote,
    CardWorker,
    ChoiceRequest,
    ContextRequest,
    KindRequest,
    LabelRequest,
    Outcome,
    PlanRequest,
    ReviewCard,
)
from agentos_governance.review_cards.subjects import Subject, find_subject, sql
from agentos_governance.review_cards.work_part import contract_line, cost_of, work_fields

MAX_QUESTIONS = 20
MAX_QUESTION_BYTES = 64 * 1024


async def get_card(kernel: Kernel, reader: Reader, review: str) -> ReviewCard:
    """The card of a review as of now; NotFoundError for an unknown id."""
    # First, so that a card never has a newer version than what it says.
    clock = await reader.fetch_row(sql.get_clock_fields, review)
    subject, now = await find_subject(reader, review), kernel.clock.now()
    order = None
    if subject.work_order is not None:
        order = await get_order(reader, subject.work_order)
    fields = {
        **await _shared(kernel, reader, subject, clock, order, now),
        **await _specific(reader, subject, order, now),
    }
    if not fields["needs"]:
        fields["needs"] = _how_it_ended(fields)
    return ReviewCard(**fields)


async def _specific(
    reader: Reader, subject: Subject, order: Any | None, now: datetime
) -> dict[str, Any]:
    if subject.kind == "work":
        return await work_fields(reader, subject, order, now)
    if subject.kind == "authorize_action":
        return _action_fields(subject, order, now)
    return _request_fields(subject, now)


async def _shared(
    kernel: Kernel,
    reader: Reader,
    subject: Subject,
    clock: Any | None,
    order: Any | None,
    now: datetime,
) -> dict[str, Any]:
    row, outcome = subject.row, subject.outcome(now)
    opened_at: datetime = row["requested_at" if subject.kind == "authorize_action" else "opened_at"]
    expires_at = clock["expires_at"] if clock is not None else row.get("expires_at")
    return {
        "id": subject.review,
        "kind": subject.kind,
        "work_order": subject.work_order,
        "repo": None if order is None else order["repo"],
        "state": "open" if outcome is None else "ended",
        "outcome": outcome,
        "version": 1 if clock is None else clock["version"],
        "sha256": subject.sha256,
        "contract_line": None if order is None else contract_line(contract_of(order)),
        "cost": None if order is None else cost_of(order),
        "diff": None,
        "blast_radius": None,
        "gates": [],
        "findings": [],
        "n_blocking": 0,
        "dropped_findings": 0,
        "opened_at": format_time(opened_at),
        "due_at": _time(clock and clock["due_at"]),
        "expires_at": _time(expires_at),
        "snoozed_until": _time(clock and clock["snoozed_until"]),
        "assigned_to": None if clock is None else clock["assigned_to"],
        "waiting_s": _waited_s(subject, opened_at, now),
        "votes": [],
        "quorum": 1,
        "questions": await _questions(reader, subject.review),
        "request": None,
        "answer": None,
        "what_changed": None,
        "superseded_by": None,
        "link": _link(kernel, subject),
    }


def _action_fields(subject: Subject, order: Any | None, now: datetime) -> dict[str, Any]:
    row = subject.row
    is_decided = row["decided_by"] is not None
    verdict = None
    if is_decided:
        verdict = "reject" if row["state"] == "rejected" else "approve"
    request = ActionRequest(
        tool=row["tool"],
        arguments=row["arguments"],
        arguments_sha256=row["arguments_sha256"],
        rule=row["rule"],
        reason=row["reason"],
    )
    by = "either" if order is None else contract_of(order).review.by
    return {
        "title": f"{row['worker']} wants to call {row['tool']}"[:200],
        "workers": [_asker(row, None if order is None else order["role"], None)],
        "verdict": verdict,
        "reason": row["decision_reason"],
        "decided_by": row["decided_person"] or row["decided_by"],
        "decided_at": _time(row["decided_at"]),
        "votes": _vote(row["decided_person"] or row["decided_by"], verdict, row["decision_reason"],
                       row["decided_at"]),
        "by": "human" if by == "human" else "either",
        "needs": "1 more of 1" if subject.outcome(now) is None else "",
        "request": request,
    }  # fmt: skip


def _request_fields(subject: Subject, now: datetime) -> dict[str, Any]:
    row = subject.row
    return {
        "title": row["title"],
        "workers": [_asker(row, row["role"], row["model"])],
        "verdict": row["verdict"],
        "reason": row["reason"],
        "decided_by": row["decided_person"] or row["decided_by"],
        "decided_at": _time(row["ended_at"]) if row["decided_by"] else None,
        "votes": _vote(row["decided_person"], row["verdict"], row["reason"], row["ended_at"]),
        "by": "human",
        "needs": "1 more of 1 of persons" if subject.outcome(now) is None else "",
        "request": _request(row),
        "answer": None if row["answer"] is None else CardAnswer(**row["answer"]),
    }


def _asker(row: Any, role: str | None, model: str | None) -> CardWorker:
    return CardWorker(worker=row["worker"], role=role, person=row["person"], model=model)


def _vote(person: str | None, verdict: Any, reason: str | None, at: Any) -> list[CardVote]:
    if person is None or verdict is None:
        return []
    said = CardVote(
        person=person, verdict=verdict, reason=reason or "", at=format_time(at), carried=False
    )
    return [said]


def _request(row: Any) -> KindRequest:
    options = [CardOption(**option) for option in row["options"]]
    if row["kind"] == "approve_plan":
        return PlanRequest(plan=row["body"])
    if row["kind"] == "choose_option":
        return ChoiceRequest(question=row["body"], options=options)
    if row["kind"] == "label_outcome":
        return LabelRequest(question=row["body"], labels=options)
    return ContextRequest(question=row["body"])


async def _questions(reader: Reader, review: str) -> list[CardQuestion]:
    rows = await reader.fetch(decision_sql.list_questions, review, MAX_QUESTIONS)
    views = [
        CardQuestion(
            id=row["id"],
            by=row["asked_by"],
            text=row["question"],
            asked_at=format_time(row["asked_at"]),
            answer=row["answer"],
            answered_by=row["answered_by"],
            answered_at=_time(row["answered_at"]),
        )
        for row in rows
    ]
    return newest_within(views, MAX_QUESTIONS, MAX_QUESTION_BYTES)


def _waited_s(subject: Subject, opened_at: datetime, now: datetime) -> int:
    row = subject.row
    ended_at = row["ended_at"]
    if subject.kind == "authorize_action":
        ended_at = row["decided_at"] or ended_at
    return max(0, int(((ended_at or now) - opened_at).total_seconds()))


def _how_it_ended(fields: dict[str, Any]) -> str:
    outcome: Outcome = fields["outcome"]
    if outcome in ("approved", "rejected") and fields["decided_by"] is not None:
        return f"{outcome} by {fields['decided_by']}"
    return f"{outcome}: {fields['reason'] or 'nobody decided in time'}"


def _link(kernel: Kernel, subject: Subject) -> str | None:
    template = kernel.service(ReviewSettings).link
    if template is None:
        return None
    return template.replace("{review}", subject.review).replace(
        "{work_order}", subject.work_order or ""
    )


def _time(at: datetime | None) -> str | None:
    return None if at is None else format_time(at)
