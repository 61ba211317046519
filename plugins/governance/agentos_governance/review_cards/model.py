"""The review card: everything that a person sees of what waits for their decision.

Above: `list_waiting`, `get_review_card` and `decide`; every channel renders this and nothing else.
Below: pydantic. Times are RFC 3339 in UTC, money is a decimal string in USD. Adding a field is
free; a channel must not fail for one that it does not know.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

Kind = Literal[
    "work",
    "authorize_action",
    "approve_plan",
    "choose_option",
    "provide_context",
    "label_outcome",
]
"""What waits: submitted work, a call that a policy asks about, or what an agent asked for."""
CardState = Literal["open", "ended"]
Outcome = Literal["approved", "rejected", "expired", "cancelled", "superseded"]
"""How it ended. Only the first two are a person's decision."""
Verdict = Literal["approve", "request_changes", "reject", "answer"]
Severity = Literal["blocking", "warning", "note"]
Category = Literal[
    "correctness", "tests", "scope", "security", "evidence", "maintainability", "cost", "other"
]
"""Why something is rejected, in the words of the channel's form."""

MAX_SHOWN_PATHS = 20

ReviewId = Annotated[str, Field(min_length=1, max_length=60, description="Such as RV-3F9K2M7Q")]
Digest = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{64}$",
        description="`sha256` of the card that was looked at; lower-case hexadecimal",
    ),
]


class CardWorker(BaseModel):
    """Who did the work, or asks."""

    worker: str
    role: str | None
    person: str | None = Field(description="The human who answers for the worker")
    model: str | None = Field(description="What its client said; believed by nobody")


class CardDiff(BaseModel):
    """What the submitted work changes."""

    files: int
    insertions: int
    deletions: int
    paths: list[str] = Field(description="The first 20, sorted")
    n_paths: int


class BlastRadius(BaseModel):
    """What could be affected by the change, counted; `untested` of the symbols no test touched."""

    symbols: int
    files: int
    modules: int
    tests: int
    untested: int


class CardGate(BaseModel):
    """One gate of the submission."""

    name: str
    passed: bool
    n_findings: int


class CardFinding(BaseModel):
    """Something that the gatekeeper found in the packet."""

    id: str
    check: str
    severity: Severity
    claim: str | None
    path: str | None
    start_line: int | None
    end_line: int | None
    message: str
    by: Literal["check", "model"]


class CardCost(BaseModel):
    """Money of the work order, decimal strings in USD."""

    spent_usd: str
    budget_usd: str


class CardVote(BaseModel):
    """One person's vote; `carried` over from the packet before, where the rules allow it."""

    person: str
    verdict: Verdict
    reason: str
    at: str
    carried: bool


class CardQuestion(BaseModel):
    """What a reviewer asked the worker, and what came back."""

    id: str
    by: str
    text: str
    asked_at: str
    answer: str | None
    answered_by: str | None
    answered_at: str | None


class CardOption(BaseModel):
    """One of the things to choose from; `id` is what `decide` takes as `option` or `label`."""

    id: str
    label: str
    detail: str = ""


class PlanRequest(BaseModel):
    """May it be done this way?"""

    kind: Literal["approve_plan"] = "approve_plan"
    plan: str


class ChoiceRequest(BaseModel):
    """Which of these?"""

    kind: Literal["choose_option"] = "choose_option"
    question: str
    options: list[CardOption]


class ContextRequest(BaseModel):
    """What the agent cannot know by itself."""

    kind: Literal["provide_context"] = "provide_context"
    question: str


class LabelRequest(BaseModel):
    """What was this outcome? The answer becomes a labelled example."""

    kind: Literal["label_outcome"] = "label_outcome"
    question: str = Field(description="What is to be labelled")
    labels: list[CardOption]


class ActionRequest(BaseModel):
    """May this very call happen, once?"""

    kind: Literal["authorize_action"] = "authorize_action"
    tool: str
    arguments: dict[str, Any] = Field(description="All of them, secrets redacted")
    arguments_sha256: str
    rule: str
    reason: str


KindRequest = Annotated[
    PlanRequest | ChoiceRequest | ContextRequest | LabelRequest | ActionRequest,
    Field(discriminator="kind"),
]


class CardAnswer(BaseModel):
    """What was decided about a request of an agent; the field of its kind is set."""

    option: str | None = None
    text: str | None = None
    label: str | None = None


class WhatChanged(BaseModel):
    """How the diff differs from the one of the round before; at most 20 paths each."""

    since: str = Field(description="Digest of the packet before")
    added: list[str]
    changed: list[str]
    removed: list[str]
    n_paths: int


class ReviewCard(BaseModel):
    """All that is shown of one thing that waits, or waited, for a person."""

    id: str
    kind: Kind
    title: str
    work_order: str | None
    repo: str | None = Field(description="The repository of the work order")
    state: CardState
    outcome: Outcome | None = Field(description="Null while open")
    verdict: Verdict | None = Field(description="The deciding one; null where nobody decided")
    reason: str | None = Field(description="Of the decision, or why it ended otherwise")
    version: int = Field(description="Grows with every change of what the card shows")
    sha256: str = Field(description="What `decide` must name")
    workers: list[CardWorker]
    contract_line: str | None = Field(description="The contract in one line")
    diff: CardDiff | None
    blast_radius: BlastRadius | None
    gates: list[CardGate]
    findings: list[CardFinding]
    n_blocking: int
    dropped_findings: int = Field(description="Of a model, that cited what does not exist")
    cost: CardCost | None
    opened_at: str
    due_at: str | None
    expires_at: str | None
    snoozed_until: str | None
    assigned_to: str | None
    waiting_s: int
    votes: list[CardVote]
    quorum: int
    by: Literal["human", "persona", "either"]
    needs: str = Field(description="Who must still decide; how it ended, once it did")
    questions: list[CardQuestion]
    request: KindRequest | None
    answer: CardAnswer | None
    decided_by: str | None
    decided_at: str | None
    what_changed: WhatChanged | None
    superseded_by: str | None = Field(
        default=None, description="The review of the packet that took its place"
    )
    link: str | None


class WaitingReview(BaseModel):
    """One line of a queue; `get_review_card` shows the rest."""

    id: str
    kind: Kind
    title: str
    work_order: str | None
    state: CardState
    outcome: Outcome | None
    sha256: str
    worker: str | None
    opened_at: str
    due_at: str | None
    expires_at: str | None
    snoozed_until: str | None
    assigned_to: str | None
    waiting_s: int
    n_blocking: int
    version: int


class WaitingList(BaseModel):
    """A page of what waits, the longest waiting first."""

    reviews: list[WaitingReview]
    n_open: dict[Kind, int] = Field(description="How many wait in all, by kind")
    truncated: bool
    next_cursor: str | None


class Decided(BaseModel):
    """What became of the review by this decision, as it is committed with the answer."""

    review: str
    kind: Kind
    state: CardState
    outcome: Outcome | None = Field(description="Null where more persons must decide")
    verdict: Verdict
    by: str = Field(description="Whose decision this is: the person")
    version: int
    needs: str
    repeated: bool = Field(description="The same person had decided the same before")
