"""Decisions of persons as labelled examples: what was shown, what was said, what came of it.

Above: export_decisions, `agentos review export`. Below: cards. Persons and workers are pseudonyms, the same
in each export of one deployment, unless names are asked for; what people wrote stays as it is.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import BaseModel, Field

from agentos import load_or_create_signing_key
from agentos_governance.authority.persons import same_person_key
from agentos_governance.review_cards.model import (
    CardAnswer,
    CardState,
    Kind,
    Outcome,
    ReviewCard,
    Verdict,
)

PSEUDONYM_CHARS = 16
_SHOWN = (
    "title",
    "contract_line",
    "diff",
    "blast_radius",
    "gates",
    "findings",
    "cost",
    "request",
    "what_changed",
)
"""What of a card is the input of an example: what a decision can rest on."""

Name = Callable[[str], str]


class ExampleDecision(BaseModel):
    """What one person said."""

    by: str = Field(description="A pseudonym, or the name where names were asked for")
    verdict: Verdict
    reason: str
    at: str


class LabelledExample(BaseModel):
    """One review that has ended; `decisions` is empty where nobody decided."""

    review: str
    kind: Kind
    input: dict[str, Any]
    questions: list[dict[str, str | None]]
    decisions: list[ExampleDecision]
    outcome: Outcome | None
    answer: CardAnswer | None
    reason: str | None
    workers: list[dict[str, str | None]]
    work_order: str | None
    work_state: str | None = Field(description="Where the work order stands today")
    state: CardState
    opened_at: str
    decided_at: str | None
    waited_s: int


class ExampleList(BaseModel):
    """A page of examples, the newest first."""

    examples: list[LabelledExample]
    truncated: bool
    next_cursor: str | None


def pseudonyms(home: Path) -> Name:
    """Names of persons by a keyed digest: whoever knows a name cannot find it without the key."""
    key = load_or_create_signing_key(home / "keys" / "pseudonyms.key")
    secret = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())

    def name(person: str) -> str:
        digest = hmac.new(secret, same_person_key(person).encode(), hashlib.sha256)
        return f"person-{digest.hexdigest()[:PSEUDONYM_CHARS]}"

    return name


def example_of(card: ReviewCard, work_state: str | None, name: Name) -> LabelledExample:
    """The example that a card is."""
    document = card.model_dump(mode="json")
    return LabelledExample(
        review=card.id,
        kind=card.kind,
        input={field: document[field] for field in _SHOWN if document[field] is not None},
        questions=[{"text": each.text, "answer": each.answer} for each in card.questions],
        decisions=[
            ExampleDecision(
                by=name(vote.person), verdict=vote.verdict, reason=vote.reason, at=vote.at
            )
            for vote in card.votes
        ],
        outcome=card.outcome,
        answer=card.answer,
        reason=card.reason,
        workers=[
            {"worker": name(each.worker), "role": each.role, "model": each.model}
            for each in card.workers
        ],
        work_order=card.work_order,
        work_state=work_state,
        state=card.state,
        opened_at=card.opened_at,
        decided_at=card.decided_at,
        waited_s=card.waiting_s,
    )
