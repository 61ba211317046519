"""What the server says of reviews, read strictly: a card, and a page of a queue.

The wire form is `get_review_card` and `list_waiting`; fields this module does not know are
ignored, so that a newer server still talks to an older bot. A field of the wrong type is an error
that names it. Above: everything that renders. Below: pydantic.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from agentos import InvalidArgumentError

Kind = Literal[
    "work",
    "authorize_action",
    "approve_plan",
    "choose_option",
    "provide_context",
    "label_outcome",
]
Outcome = Literal["approved", "rejected", "expired", "cancelled", "superseded"]
Verdict = Literal["approve", "request_changes", "reject", "answer"]
Severity = Literal["blocking", "warning", "note"]
Category = Literal[
    "correctness", "tests", "scope", "security", "evidence", "maintainability", "cost", "other"
]

_T = TypeVar("_T")
_MAX_ERRORS: Final = 5


def _time_of(value: object) -> object:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        if moment is not None and moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise PydanticCustomError("time", "RFC 3339 text with a zone is wanted")


def _tuple_of(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


Time = Annotated[datetime, BeforeValidator(_time_of)]
Items = Annotated[tuple[_T, ...], BeforeValidator(_tuple_of)]
Count = Annotated[int, Field(ge=0)]


class Wire(BaseModel):
    """A part of a document: no conversions, unknown fields ignored, never changed."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class Worker(Wire):
    """Who did the work, or asks."""

    worker: str
    role: str | None = None
    person: str | None = None
    model: str | None = None


class Diff(Wire):
    """What the work changes."""

    files: Count
    insertions: Count
    deletions: Count
    paths: Items[str] = ()
    n_paths: Count = 0


class BlastRadius(Wire):
    """What the change could affect, counted."""

    symbols: Count
    files: Count
    modules: Count
    tests: Count
    untested: Count


class Gate(Wire):
    """One gate of the submission."""

    name: str
    passed: bool
    n_findings: Count = 0


class Finding(Wire):
    """Something that the gatekeeper found."""

    id: str
    check: str
    severity: Severity
    claim: str | None = None
    path: str | None = None
    start_line: int | None = None
    end_line: int | None = None
    message: str
    by: Literal["check", "model"] = "check"


class Cost(Wire):
    """Money of the work order, decimal strings in USD."""

    spent_usd: str
    budget_usd: str


class Vote(Wire):
    """One person's vote."""

    person: str
    verdict: Verdict
    reason: str = ""
    at: Time
    carried: bool = False


class Question(Wire):
    """What a reviewer asked the worker, and what came back."""

    id: str
    by: str
    text: str
    asked_at: Time
    answer: str | None = None
    answered_by: str | None = None
    answered_at: Time | None = None


class Option(Wire):
    """One of the things to choose from; Slack's lists carry ids of at most 150 characters."""

    id: Annotated[str, Field(min_length=1, max_length=150)]
    label: str
    detail: str = ""


class PlanRequest(Wire):
    """May it be done this way?"""

    kind: Literal["approve_plan"]
    plan: str


class ChoiceRequest(Wire):
    """Which of these?"""

    kind: Literal["choose_option"]
    question: str
    options: Items[Option]


class ContextRequest(Wire):
    """What the agent cannot know by itself."""

    kind: Literal["provide_context"]
    question: str


class LabelRequest(Wire):
    """What was this outcome?"""

    kind: Literal["label_outcome"]
    question: str
    labels: Items[Option]


class ActionRequest(Wire):
    """May this very call happen, once?"""

    kind: Literal["authorize_action"]
    tool: str
    arguments: dict[str, Any]
    arguments_sha256: str
    rule: str
    reason: str


Request = Annotated[
    PlanRequest | ChoiceRequest | ContextRequest | LabelRequest | ActionRequest,
    Field(discriminator="kind"),
]


class Answer(Wire):
    """What was decided about a request; the field of its kind is set."""

    option: str | None = None
    text: str | None = None
    label: str | None = None


class WhatChanged(Wire):
    """How the diff differs from the one of the round before."""

    since: str
    added: Items[str] = ()
    changed: Items[str] = ()
    removed: Items[str] = ()
    n_paths: Count = 0


class Card(Wire):
    """All that is shown of one thing that waits, or waited, for a person."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,60}$")]
    kind: Kind
    title: str
    work_order: str | None = None
    repo: str | None = None
    state: Literal["open", "ended"]
    outcome: Outcome | None = None
    verdict: Verdict | None = None
    reason: str | None = None
    version: int
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    workers: Items[Worker] = ()
    contract_line: str | None = None
    diff: Diff | None = None
    blast_radius: BlastRadius | None = None
    gates: Items[Gate] = ()
    findings: Items[Finding] = ()
    n_blocking: Count = 0
    dropped_findings: Count = 0
    cost: Cost | None = None
    opened_at: Time
    due_at: Time | None = None
    expires_at: Time | None = None
    snoozed_until: Time | None = None
    assigned_to: str | None = None
    waiting_s: Count = 0
    votes: Items[Vote] = ()
    quorum: Count = 1
    by: Literal["human", "persona", "either"] = "human"
    needs: str = ""
    questions: Items[Question] = ()
    request: Request | None = None
    answer: Answer | None = None
    decided_by: str | None = None
    decided_at: Time | None = None
    what_changed: WhatChanged | None = None
    superseded_by: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9_.:-]{1,60}$")] = None
    link: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether a decision is still wanted."""
        return self.state == "open"


class Waiting(Wire):
    """One line of a queue."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,60}$")]
    kind: Kind
    title: str
    work_order: str | None = None
    state: Literal["open", "ended"]
    outcome: Outcome | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    worker: str | None = None
    opened_at: Time
    due_at: Time | None = None
    expires_at: Time | None = None
    snoozed_until: Time | None = None
    assigned_to: str | None = None
    waiting_s: Count = 0
    n_blocking: Count = 0
    version: int


class WaitingPage(Wire):
    """A page of what waits, the longest waiting first."""

    reviews: Items[Waiting]
    n_open: dict[str, int] = {}
    truncated: bool = False
    next_cursor: str | None = None


_W = TypeVar("_W", bound=Wire)


def parse_card(document: Mapping[str, Any]) -> Card:
    """The card of `get_review_card`. Raises InvalidArgumentError, which names the bad fields."""
    card = parse_wire(Card, document, "review card")
    wanted = None if card.kind == "work" else card.kind
    found = None if card.request is None else card.request.kind
    if wanted != found:
        raise InvalidArgumentError(
            f"review card: request: a card of kind {card.kind} came with a request of kind {found}"
        )
    if (card.outcome is None) != card.is_open:
        raise InvalidArgumentError(
            f"review card: outcome: {card.outcome} in the state {card.state}; "
            "an ended review has an outcome, an open one none"
        )
    return card


def parse_waiting(document: Mapping[str, Any]) -> WaitingPage:
    """A page of `list_waiting`. Raises InvalidArgumentError, which names the bad fields."""
    return parse_wire(WaitingPage, document, "list of reviews")


def parse_wire(model: type[_W], document: Mapping[str, Any], what: str) -> _W:
    """A document of `what` as `model`. Raises InvalidArgumentError, which names the bad fields."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise InvalidArgumentError(f"{what}: {_problems(error)}") from error


def _problems(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False, include_context=False)
    lines = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in found]
    more = len(lines) - _MAX_ERRORS
    return "; ".join(lines[:_MAX_ERRORS]) + (f"; and {more} more" if more > 0 else "")
