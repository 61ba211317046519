"""Opens and ends review rounds; every open one ends exactly once, under its work order's lock.

Above: submission, deciding, endings, expiry. Below: `sql/reviews.sql`, the clock's times. The
database keeps it to one open round a work order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from agentos import (
    LimitExceededError,
    NewEvent,
    NotFoundError,
    Transaction,
    format_time,
    new_id,
)
from agentos_governance.authority.persons import keys_behind, keys_of_makers
from agentos_governance.contracts.model import Contract
from agentos_governance.orders import Reader
from agentos_governance.projections import work_order_stream
from agentos_governance.review.items import Items, compare, is_within
from agentos_governance.review.queries import sql
from agentos_governance.review.schedules import schedule_for
from agentos_governance.review.settings import ReviewSettings

MAX_SUPERSEDED = 20
Outcome = Literal["approved", "rejected", "expired", "cancelled", "superseded"]


@dataclass(frozen=True, slots=True)
class Submitted:
    """What a round is about."""

    work_order: str
    packet_sha256: str
    contract: Contract
    contract_version: str
    items: Items | None
    n_blocking: int


async def get_round(reader: Reader, review: str) -> Any:
    """A round's row with its clock; NotFoundError for an unknown id."""
    row = await reader.fetch_row(sql.get_round, review)
    if row is None:
        raise NotFoundError(
            f"no review of work has the id {review!r}", remedy="list_waiting shows what waits"
        )
    return row


async def find_last_round(reader: Reader, work_order: str) -> Any | None:
    """The newest round of a work order; None for work that was never in review."""
    return await reader.fetch_row(sql.find_last_round, work_order)


async def open_round(
    transaction: Transaction,
    submitted: Submitted,
    settings: ReviewSettings,
    *,
    actor: str,
    now: datetime,
) -> str:
    """The id of the round that waits from now on; one that was open is superseded.

    Raises LimitExceededError where its worker superseded MAX_SUPERSEDED rounds in a row: each is a
    card that somebody may be reading, and begins to wait anew.
    """
    before = await find_last_round(transaction, submitted.work_order)
    review = new_id("RV")
    if before is not None and before["state"] == "open":
        await _require_patience(transaction, submitted.work_order)
        await transaction.append(_superseded(before, review, actor, now))
    changes = None if before is None else compare(submitted.items, before["items"])
    is_sticky = submitted.contract.review.sticky
    is_sticky = settings.sticky if is_sticky is None else is_sticky
    schedule = await schedule_for(transaction, settings, submitted.contract.review)
    clock = schedule.opened(now, settings.quiet_hours)
    data = {
        "review": review,
        "work_order": submitted.work_order,
        "number": 1 if before is None else before["number"] + 1,
        "packet_sha256": submitted.packet_sha256,
        "contract_version": submitted.contract_version,
        "n_blocking": submitted.n_blocking,
        "items": submitted.items,
        "what_changed": None if changes is None else changes.document(),
        "carried": await _carried(transaction, submitted, before) if is_sticky else [],
        "clock": clock,
    }
    stream = work_order_stream(submitted.work_order)
    await transaction.append(NewEvent(stream, "review.opened", actor, now, data))
    return review


async def _require_patience(reader: Reader, work_order: str) -> None:
    n = await reader.fetch_value(sql.count_superseded, work_order)
    if n >= MAX_SUPERSEDED:
        raise LimitExceededError(
            f"{n} packets of {work_order} were superseded in a row before anybody decided; the "
            f"limit is {MAX_SUPERSEDED}",
            remedy="wait for the reviewers; if they request changes, claim it and submit again",
        )


def _superseded(before: Any, review: str, actor: str, now: datetime) -> NewEvent:
    if before["expires_at"] is not None and before["expires_at"] <= now:
        # Its time was up already, though nobody had said so yet.
        return _ended(before, "expired", "nobody decided in time", actor, now)
    return _ended(before, "superseded", f"another packet was submitted: {review}", actor, now)


async def _carried(
    transaction: Transaction, submitted: Submitted, before: Any | None
) -> list[dict[str, Any]]:
    """The approvals of the packet before that hold for this one, as JSON.

    None where the packet shows anything that they did not see, where its contract is another or a
    blocking finding stands against it; nor those of people who have worked on it since.
    """
    if before is None or before["contract_version"] != submitted.contract_version:
        return []
    if submitted.n_blocking or not is_within(submitted.items, before["items"]):
        return []
    makers = await keys_of_makers(transaction, submitted.work_order)
    carried = []
    for vote in await transaction.fetch(
        sql.list_approvals, submitted.work_order, before["packet_sha256"]
    ):
        keys = {vote["voter"]} | await keys_behind(transaction, (vote["reviewer"], vote["person"]))
        if keys.isdisjoint(makers):
            carried.append(_vote_document(dict(vote)))
    return carried


def _vote_document(vote: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "voter": vote["voter"],
        "reviewer": vote["reviewer"],
        "person": vote["person"],
        "is_human": vote["is_human"],
        "reason": vote["reason"],
        "findings": list(vote["findings"]),
        "voted_at": format_time(vote["voted_at"]),
        # Where the vote was given, over however many packets it has held since.
        "packet_sha256": vote["carried_from"] or vote["packet_sha256"],
    }


async def end_open_round(
    transaction: Transaction,
    work_order: str,
    outcome: Literal["expired", "cancelled", "superseded"],
    reason: str,
    *,
    actor: str,
    now: datetime,
) -> bool:
    """End the open round of a locked work order undecided; False where none is open."""
    row = await find_last_round(transaction, work_order)
    if row is None or row["state"] != "open":
        return False
    await transaction.append(_ended(row, outcome, reason, actor, now))
    return True


def _ended(row: Any, outcome: Outcome, reason: str, actor: str, now: datetime) -> NewEvent:
    data = {
        "review": row["id"],
        "work_order": row["work_order"],
        "packet_sha256": row["packet_sha256"],
        "reason": reason[:2_000],
    }
    return NewEvent(work_order_stream(row["work_order"]), f"review.{outcome}", actor, now, data)
