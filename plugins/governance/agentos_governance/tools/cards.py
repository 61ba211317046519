"""What waits for persons: the queue, the card, and the one tool that decides."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from agentos import NotFoundError, Role, ToolCall, tool
from agentos_governance.authority.roles import APPROVALS, REVIEWS, WORK_ORDERS
from agentos_governance.review_cards.cards import get_card
from agentos_governance.review_cards.deciding import Said
from agentos_governance.review_cards.deciding import decide as decide_review
from agentos_governance.review_cards.listing import Wanted
from agentos_governance.review_cards.listing import list_waiting as list_page
from agentos_governance.review_cards.model import (
    CardAnswer,
    Category,
    Decided,
    Digest,
    Kind,
    ReviewCard,
    ReviewId,
    Verdict,
    WaitingList,
)

Reason = Annotated[str, Field(min_length=1, max_length=2_000)]


@tool(reads=[APPROVALS, WORK_ORDERS], profiles=["bot"])
async def list_waiting(
    call: ToolCall,
    kinds: Annotated[list[Kind] | None, Field(max_length=10)] = None,
    mine: Annotated[bool, Field(description="Only what you may probably decide, and have not")] = (
        False
    ),
    state: Wanted = "open",
    limit: Annotated[int, Field(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Field(max_length=200)] = None,
) -> WaitingList:
    """List all that waits for a person, the longest waiting first: work, calls, requests of agents.

    `get_review_card` shows one. With `mine`, a page may hold fewer than `limit`. A worker sees its
    own.
    """
    return await list_page(
        call.kernel.database,
        call.now(),
        kinds=kinds,
        state=state,
        limit=limit,
        cursor=cursor,
        worker=call.principal.name if call.principal.role is Role.WORKER else None,
        mine=call.principal if mine else None,
    )


@tool(reads=[APPROVALS, WORK_ORDERS], profiles=["bot"])
async def get_review_card(call: ToolCall, review: ReviewId) -> ReviewCard:
    """Everything that a person sees of one thing that waits, or waited, for their decision."""
    card = await get_card(call.kernel, call.kernel.database, review)
    is_own = call.principal.name in [each.worker for each in card.workers]
    if call.principal.role is Role.WORKER and not is_own:
        raise NotFoundError(f"nothing of {call.principal.name} waits as {review!r}")
    return card


@tool(reads=[APPROVALS, WORK_ORDERS], writes=[REVIEWS, APPROVALS], timeout_s=60, profiles=["bot"])
async def decide(
    call: ToolCall,
    review: ReviewId,
    sha256: Digest,
    verdict: Verdict,
    reason: Annotated[
        Reason | None, Field(description="10 characters or more to reject or request changes")
    ] = None,
    categories: Annotated[list[Category], Field(max_length=8)] = [],  # noqa: B006
    override_reason: Annotated[
        Reason | None, Field(description="Why, in spite of a blocking finding; 10 or more")
    ] = None,
    option: Annotated[str | None, Field(max_length=40)] = None,
    text: Annotated[str | None, Field(min_length=1, max_length=8_000)] = None,
    label: Annotated[str | None, Field(max_length=40)] = None,
) -> Decided:
    """Decide about what `get_review_card` shows: approve, request_changes, reject or answer.

    `sha256` is the card's, and refused once it shows something else. `answer` takes `option`, `text`
    or `label`. Refuses whoever made the work or asks for the call, and what has ended.
    """
    said = Said(
        verdict,
        sha256,
        reason=reason,
        categories=categories,
        override_reason=override_reason,
        answer=CardAnswer(option=option, text=text, label=label),
    )
    return await decide_review(call, review, said)
