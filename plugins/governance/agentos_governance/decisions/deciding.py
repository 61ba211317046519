"""Deciding what an agent asked for: one compare-and-set under the locks of work order and request.

Above: `decide`. Below: persons, `sql/decisions.sql`. Only persons decide; who asked, or works on the
order, neither approves its plan nor labels its outcome, but may well answer what it asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from agentos import (
    CallRefusedError,
    ConflictError,
    InvalidArgumentError,
    InvalidStateError,
    NewEvent,
    ToolCall,
)
from agentos_governance.authority.own_word import is_persons_word
from agentos_governance.authority.persons import keys_behind, keys_of_workers
from agentos_governance.decisions.ending import find_request, lock_decision, state_of
from agentos_governance.orders import Reader
from agentos_governance.review.reviewers import refuse_mere_bot
from agentos_governance.review_cards.model import CardAnswer, Verdict

_ANSWERED_BY = {"choose_option": "option", "provide_context": "text", "label_outcome": "label"}
_FOUR_EYES = ("approve_plan", "label_outcome")


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody wants to decide, unchecked."""

    verdict: Verdict
    reason: str | None = None
    categories: Sequence[str] = ()
    answer: CardAnswer = field(default_factory=CardAnswer)


async def decide_request(call: ToolCall, review: str, sha256: str, decision: Decision) -> Any:
    """The request's row after the decision; the same by the same person again changes nothing.

    Raises ConflictError for another digest, InvalidStateError for what has ended meanwhile, and
    CallRefusedError for whoever may not decide it.
    """
    transaction = await call.begin()
    row = await lock_decision(transaction, review)
    _check_decision(row, decision)
    if sha256 != row["sha256"]:
        raise ConflictError(
            f"{review} is {row['sha256']}, not {sha256}",
            remedy="look at get_review_card again and decide about what is there",
        )
    if _is_repeated(call, row, decision):
        return row
    _require_open(call, row)
    await require_decider(call, transaction, row)
    await transaction.append(_decided(call, row, decision))
    return await find_request(transaction, review)


def _check_decision(row: Any, decision: Decision) -> None:
    field = _ANSWERED_BY.get(row["kind"])
    given = decision.answer.model_dump(exclude_none=True)
    if decision.verdict == "answer":
        if field is None or set(given) != {field}:
            wanted = f"takes `{field}`, and only that" if field else "takes no answer"
            raise InvalidArgumentError(f"{row['id']} ({row['kind']}) {wanted}")
        ids = [option["id"] for option in row["options"]]
        if field != "text" and given[field] not in ids:
            raise InvalidArgumentError(f"`{field}` must be one of: {', '.join(ids)}")
        return
    if given:
        raise InvalidArgumentError(f"the verdict {decision.verdict} takes no answer")
    if decision.verdict != "reject" and row["kind"] != "approve_plan":
        raise InvalidArgumentError(
            f"{row['id']} ({row['kind']}) is answered (with `{field}`) or rejected, not "
            f"decided by {decision.verdict!r}"
        )


def _is_repeated(call: ToolCall, row: Any, decision: Decision) -> bool:
    return bool(
        row["decided_by"] == call.principal.name
        and row["verdict"] == decision.verdict
        and row["answer"] == _answer(decision)
    )


def _require_open(call: ToolCall, row: Any) -> None:
    state = state_of(row, call.now())
    if state != "open":
        by = f" by {row['decided_by']}" if row["decided_by"] else ""
        raise InvalidStateError(f"{row['id']} is {state}{by}; only an open one is decided")


async def require_decider(call: ToolCall, reader: Reader, row: Any) -> None:
    """CallRefusedError for who may not decide about a request."""
    refuse_mere_bot(call.principal)
    if not is_persons_word(call):
        who = "a model said this" if call.principal.person else f"{call.principal.name} is none"
        raise CallRefusedError(
            f"{row['id']} is for a person; {who}",
            rule="review.by",
            remedy="use a token that was created with --person, and not from an agent",
        )
    own = await keys_behind(reader, (call.principal.person, call.principal.name))
    # Nobody answers themselves: a worker's own token may be bound to its sponsor.
    asked = await keys_behind(reader, (row["worker"],)) if row["person"] is None else set()
    if row["kind"] in _FOUR_EYES:
        asked = await keys_behind(reader, (row["worker"], row["person"]))
        if row["work_order"] is not None:
            asked |= await keys_of_workers(reader, row["work_order"])
    if call.principal.name == row["worker"] or not asked.isdisjoint(own):
        raise CallRefusedError(
            f"{call.principal.answerable} asked for {row['id']}, or works on what it is about; "
            "nobody approves their own plan",
            rule="four_eyes",
            remedy="ask somebody else to decide",
        )


def _answer(decision: Decision) -> dict[str, str] | None:
    return decision.answer.model_dump(exclude_none=True) or None


def _decided(call: ToolCall, row: Any, decision: Decision) -> NewEvent:
    via = call.principal.via
    return NewEvent(
        row["stream"],
        "decision.decided",
        call.principal.name,
        call.now(),
        {
            "review": row["id"],
            "kind": row["kind"],
            "work_order": row["work_order"],
            "sha256": row["sha256"],
            "outcome": "approved" if decision.verdict in ("approve", "answer") else "rejected",
            "verdict": decision.verdict,
            "reason": decision.reason,
            "categories": list(decision.categories),
            "answer": _answer(decision),
            "person": call.principal.person,
            "via": None if via is None else via.name,
        },
    )
