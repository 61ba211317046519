"""What a review is about: submitted work, a call that waits for approval, or a request of an agent.

Above: cards, `decide`, questions. Below: the three read models. One id names one of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agentos import NotFoundError, Queries, Transaction
from agentos_governance.approvals.deciding import outcome_of
from agentos_governance.approvals.events import approval_stream
from agentos_governance.approvals.events import sql as approval_sql
from agentos_governance.authority.mandate import ENDED_STATES
from agentos_governance.decisions.ending import lock_decision, state_of
from agentos_governance.decisions.events import sql as decision_sql
from agentos_governance.orders import Reader, lock_order
from agentos_governance.projections import work_order_stream
from agentos_governance.review_cards.model import Kind, Outcome

sql = Queries("agentos_governance", "sql/review_cards.sql")

_APPROVAL_OUTCOMES: dict[str, Outcome] = {
    "approved": "approved",
    "used": "approved",
    "rejected": "rejected",
    "cancelled": "cancelled",
    "expired": "expired",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing that waits, or waited, for a person."""

    review: str
    kind: Kind
    row: Any
    worker: str | None

    @property
    def work_order(self) -> str | None:
        """The work order that it belongs to."""
        found: str | None = self.row["work_order"]
        return found

    @property
    def stream(self) -> str:
        """Where its events stand."""
        if self.kind == "work":
            return work_order_stream(self.row["work_order"])
        if self.kind == "authorize_action":
            return approval_stream(self.row["work_order"], self.row["worker"])
        return str(self.row["stream"])

    @property
    def sha256(self) -> str:
        """What a decision about it must name."""
        column = {"work": "packet_sha256", "authorize_action": "binding"}.get(self.kind, "sha256")
        return str(self.row[column])

    def outcome(self, now: datetime) -> Outcome | None:
        """How it ended; None while it is open. What is too late has ended, swept or not."""
        if self.kind == "work":
            state, expires_at = self.row["state"], self.row["expires_at"]
            if state == "open":
                return "expired" if expires_at is not None and expires_at <= now else None
            return state  # type: ignore[no-any-return]
        if self.kind == "authorize_action":
            return _approval_outcome(self.row, now)
        found = state_of(self.row, now)
        return None if found == "open" else found  # type: ignore[return-value]

    def state(self, now: datetime) -> str:
        """`open` or `ended`."""
        return "open" if self.outcome(now) is None else "ended"


async def find_subject(reader: Reader, review: str) -> Subject:
    """What a review is about; NotFoundError for an unknown id."""
    row = await reader.fetch_row(sql.get_review_round, review)
    if row is not None:
        workers = await reader.fetch(sql.list_workers, row["work_order"])
        return Subject(review, "work", row, workers[0]["worker"] if workers else None)
    row = await reader.fetch_row(approval_sql.get_review, review)
    if row is not None:
        return Subject(review, "authorize_action", row, row["worker"])
    row = await reader.fetch_row(decision_sql.get_request, review)
    if row is not None:
        return Subject(review, row["kind"], row, row["worker"])
    raise NotFoundError(f"no review has the id {review!r}", remedy="list_waiting shows the ids")


async def lock_subject(transaction: Transaction, subject: Subject) -> Subject:
    """The same, as it is under the locks that a decision about it takes."""
    if subject.kind == "work":
        await lock_order(transaction, subject.row["work_order"])
    elif subject.kind == "authorize_action":
        if subject.work_order is not None:
            await lock_order(transaction, subject.work_order)
        await transaction.fetch_row(approval_sql.lock_approval, subject.review)
    else:
        await lock_decision(transaction, subject.review)
    return await find_subject(transaction, subject.review)


def _approval_outcome(row: Any, now: datetime) -> Outcome | None:
    state = outcome_of(row, now)
    if state == "pending":
        return "cancelled" if row["work_order_state"] in ENDED_STATES else None
    if state == "expired" and row["decided_by"] is not None:
        # A person approved; that nobody used it afterwards is another matter.
        return "approved"
    return _APPROVAL_OUTCOMES[state]
