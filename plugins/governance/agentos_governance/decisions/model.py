"""What agents ask for and persons answer: arguments and answers of the decision tools.

Above: `request_decision`, `get_decision`, `ask_about_review`, `answer_question`. Below: the card.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from agentos_governance.bounds import ONE_LINE
from agentos_governance.review_cards.model import CardAnswer, Kind, Outcome

RequestKind = Literal[
    "approve_plan", "choose_option", "provide_context", "authorize_action", "label_outcome"
]
MAX_OPTIONS = 20
MAX_TEXT = 8_000
MIN_REASON = 10

QuestionText = Annotated[str, Field(min_length=3, max_length=3_000)]
AnswerText = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]


class Option(BaseModel):
    """One of the things to choose from."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$")]
    label: Annotated[str, Field(min_length=1, max_length=75, pattern=ONE_LINE)]
    detail: Annotated[str, Field(max_length=500)] = ""


class RequestedDecision(BaseModel):
    """What was asked; `get_decision` says what came of it."""

    review: str
    kind: RequestKind
    sha256: str
    expires_at: str
    next_step: str


class DecisionView(BaseModel):
    """Where a requested decision stands."""

    review: str
    kind: Kind
    state: Literal["open", "ended"]
    outcome: Outcome | None
    answer: CardAnswer | None
    reason: str | None
    by: str | None = Field(description="Who decided")
    at: str | None
    next_step: str


class AskedQuestion(BaseModel):
    """A question to the worker, on its way."""

    question: str = Field(description="Its id, such as QU-3F9K2M7Q")
    review: str
    observation: str | None = Field(description="Where it is noted, if a memory is there")


class AnsweredQuestion(BaseModel):
    """A question with its answer."""

    question: str
    review: str
    answered_at: str
