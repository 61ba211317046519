"""Asking persons to decide, and their questions to workers."""

from __future__ import annotations

import asyncio
from typing import Annotated

from pydantic import Field

from agentos import (
    CallRefusedError,
    InvalidArgumentError,
    InvalidStateError,
    NotFoundError,
    Role,
    ToolCall,
    format_time,
    tool,
)
from agentos_governance.authority.enforcement import held_order
from agentos_governance.authority.roles import (
    OWN_WORK_ORDER,
    PERSONS,
    REVIEWS,
    WORK_ORDERS,
)
from agentos_governance.bounds import ONE_LINE
from agentos_governance.decisions import questions
from agentos_governance.decisions.export import ExampleList, example_of, pseudonyms
from agentos_governance.decisions.model import (
    MAX_OPTIONS,
    MAX_TEXT,
    AnsweredQuestion,
    AnswerText,
    AskedQuestion,
    DecisionView,
    Option,
    QuestionText,
    RequestedDecision,
    RequestKind,
)
from agentos_governance.decisions.requesting import Request, check_request, request
from agentos_governance.orders import get_order
from agentos_governance.review_cards.cards import get_card
from agentos_governance.review_cards.listing import list_waiting
from agentos_governance.review_cards.model import Kind, ReviewCard, ReviewId
from agentos_governance.review_cards.subjects import find_subject
from agentos_governance.tools.checks import RequestedAction
from agentos_governance.tools.planning import WorkOrderId

QuestionId = Annotated[str, Field(min_length=1, max_length=60, description="Such as QU-3F9K2M7Q")]
MAX_EXPORT_BYTES = 8 * 1024 * 1024
_LATER = "go on with what does not depend on it; get_decision shows what came of it"


@tool(reads=[WORK_ORDERS], writes=[OWN_WORK_ORDER], profiles=[])
async def request_decision(
    call: ToolCall,
    kind: RequestKind,
    title: Annotated[str, Field(min_length=3, max_length=150, pattern=ONE_LINE)],
    text: Annotated[
        str, Field(max_length=MAX_TEXT, description="The plan, the question, or what to label")
    ] = "",
    options: Annotated[
        list[Option], Field(max_length=MAX_OPTIONS, description="To choose from, or the labels")
    ] = [],  # noqa: B006 - pydantic copies defaults
    work_order: Annotated[WorkOrderId | None, Field(description="By default what you hold")] = None,
    expires_in_s: Annotated[int | None, Field(ge=60, le=30 * 86_400)] = None,
    action: Annotated[
        RequestedAction | None, Field(description="For authorize_action: as in check_action")
    ] = None,
) -> RequestedDecision:
    """Ask a person, and go on meanwhile: to approve a plan, choose, tell, allow, or label.

    Nothing waits: poll `get_decision`, or find the answer in the resume packet. The same question
    that is open already is not asked twice. Refuses actions that need nobody, or are forbidden.
    """
    if kind == "authorize_action":
        return await _authorize(call, action, work_order)
    if action is not None:
        raise InvalidArgumentError("only authorize_action takes an `action`")
    held = held_order(call)
    about = work_order or (None if held is None else held.id)
    asked = Request(kind, title, text, options, about)
    check_request(asked)
    row = await request(call, asked, expires_in_s)
    return RequestedDecision(
        review=row["id"],
        kind=kind,
        sha256=row["sha256"],
        expires_at=format_time(row["expires_at"]),
        next_step=_LATER,
    )


@tool(reads=[WORK_ORDERS], profiles=[])
async def get_decision(call: ToolCall, review: ReviewId) -> DecisionView:
    """What a person decided about what you asked with request_decision, if anybody has yet."""
    card = await get_card(call.kernel, call.kernel.database, review)
    asker = card.workers[0].worker if card.workers else None
    is_others = call.principal.role is Role.WORKER and asker != call.principal.name
    if card.kind == "work" or (is_others and card.work_order != call.work_order):
        raise NotFoundError(f"{call.principal.name} asked for no decision {review!r}")
    return _decision_view(card)


@tool(reads=[WORK_ORDERS], writes=[REVIEWS], profiles=["bot"])
async def ask_about_review(call: ToolCall, review: ReviewId, text: QuestionText) -> AskedQuestion:
    """Ask whoever works on what waits for a decision; the answer comes back on the card.

    The worker sees it in its resume packet and at the start of its session, and where a memory is
    there as an observation.
    """
    subject = await find_subject(call.kernel.database, review)
    question, observation = await questions.ask(call, subject, text)
    return AskedQuestion(question=question, review=review, observation=observation)


@tool(reads=[WORK_ORDERS], writes=[OWN_WORK_ORDER], profiles=[])
async def answer_question(
    call: ToolCall, question: QuestionId, text: AnswerText
) -> AnsweredQuestion:
    """Answer what a reviewer asked about your work; `questions` of the resume packet lists them."""
    row = await questions.answer(call, question, text)
    return AnsweredQuestion(
        question=question, review=row["review"], answered_at=format_time(row["answered_at"])
    )


@tool(reads=[WORK_ORDERS, PERSONS], max_result_bytes=MAX_EXPORT_BYTES, timeout_s=120, profiles=[])
async def export_decisions(
    call: ToolCall,
    kinds: Annotated[list[Kind] | None, Field(max_length=10)] = None,
    named: Annotated[bool, Field(description="Names of persons instead of pseudonyms")] = False,
    limit: Annotated[int, Field(ge=1, le=50)] = 50,
    cursor: Annotated[str | None, Field(max_length=200)] = None,
) -> ExampleList:
    """Export reviews that have ended as labelled examples, the newest first; for admins.

    Each is what was shown, what each person said, and what came of it.
    """
    if call.principal.role is not Role.ADMIN or call.principal.via is not None:
        raise CallRefusedError(
            "only admins export what persons decided",
            rule=f"role:{call.principal.role}",
            remedy="use a token of role admin",
        )
    database = call.kernel.database
    page = await list_waiting(
        database, call.now(), kinds=kinds, state="ended", limit=limit, cursor=cursor
    )
    name = str if named else await asyncio.to_thread(pseudonyms, call.kernel.settings.home)
    examples = []
    for each in page.reviews:
        card = await get_card(call.kernel, database, each.id)
        state = None
        if card.work_order is not None:
            state = (await get_order(database, card.work_order))["state"]
        examples.append(example_of(card, state, name))
    return ExampleList(examples=examples, truncated=page.truncated, next_cursor=page.next_cursor)


async def _authorize(
    call: ToolCall, action: RequestedAction | None, work_order: str | None
) -> RequestedDecision:
    """The approval of an action, by the policies that would ask when it is done."""
    if action is None:
        raise InvalidArgumentError("authorize_action needs an `action`")
    arguments = {"action": action.model_dump(mode="json")}
    if work_order is not None:
        arguments["work_order"] = work_order  # type: ignore[assignment]
    result = await call.call_tool("check_action", arguments)
    if result.is_error:
        assert result.error is not None, "a fresh refusal has its error"
        raise result.error
    verdict = result.structured
    if verdict["verdict"] == "deny":
        raise CallRefusedError(verdict["reason"], rule=verdict["rule"], remedy=verdict["remedy"])
    if verdict["review_id"] is None:
        raise InvalidStateError(
            f"{action.tool} needs nobody's approval here (rule {verdict['rule']})",
            remedy="do it",
        )
    subject = await find_subject(call.kernel.database, verdict["review_id"])
    return RequestedDecision(
        review=subject.review,
        kind="authorize_action",
        sha256=subject.sha256,
        expires_at=format_time(subject.row["expires_at"]),
        next_step=f"{_LATER}; once approved, do exactly this",
    )


def _decision_view(card: ReviewCard) -> DecisionView:
    next_step = "wait, or go on with what does not depend on it; ask again in a while"
    if card.outcome == "approved":
        next_step = "go on as decided"
    elif card.outcome == "rejected":
        next_step = "do otherwise; `reason` says why"
    elif card.outcome is not None:
        next_step = "nobody decided; ask again if it is still needed"
    return DecisionView(
        review=card.id,
        kind=card.kind,
        state=card.state,
        outcome=card.outcome,
        answer=card.answer,
        reason=card.reason,
        by=card.decided_by,
        at=card.decided_at,
        next_step=next_step,
    )
