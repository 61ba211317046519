"""Shows the person at the client what another person is asked to approve.

Above: `tools/call` of a 2026-07-28 client that declares forms and takes no tasks. Below: the
dispatch, which is repeated once the review is decided. The form approves nothing: whoever sits at
the client is the one who asked, and nobody approves their own call. What it confirms is that the
call is meant as it stands; the decision is made with `decide_review`, by somebody else.
"""

from __future__ import annotations

import asyncio

from pydantic import BaseModel, Field

from agentos.asking import Elicitation
from agentos.calls import CallRequest, ToolResult
from agentos.canonical import canonical_json, sha256_hex
from agentos.errors import ApprovalRequiredError, ToolError
from agentos.kernel import Kernel
from agentos.mcp.correspondence import Repetition
from agentos.reviews import Reviews

QUESTION = "agentos-approval"
MAX_SHOWN_CHARS = 4_000
WAIT_S = 3.0
LOOK_EVERY_S = 0.25


class ConfirmedCall(BaseModel):
    """What the person at the client confirms."""

    as_shown: bool = Field(
        title="Make this call once it is approved",
        description="This does not approve it: another person does.",
    )


def awaited_review(result: ToolResult) -> ApprovalRequiredError | None:
    """What a result waits for that was refused until somebody approves; None for other results."""
    error = result.error
    return error if isinstance(error, ApprovalRequiredError) and error.review_id else None


async def confirmed(
    kernel: Kernel, request: CallRequest, correspondent: Repetition, result: ToolResult
) -> bool:
    """Whether the call is to be dispatched again, since its review was decided meanwhile.

    InputRequiredError where the person has not seen the call yet.
    """
    waiting = awaited_review(result)
    reviews = kernel.find_service(Reviews)  # type: ignore[type-abstract]
    if waiting is None or waiting.review_id is None or reviews is None:
        return False
    question = Elicitation(_message(request, waiting), ConfirmedCall)
    if not correspondent.can_answer(question):
        return False
    answers = await correspondent.ask({QUESTION: question})
    try:
        form = answers[QUESTION].filled(ConfirmedCall)
    except ToolError:
        return False
    return form is not None and form.as_shown and await _is_decided(reviews, waiting.review_id)


async def _is_decided(reviews: Reviews, review_id: str) -> bool:
    """Whether it is decided within the few seconds that a request may take."""
    try:
        async with asyncio.timeout(WAIT_S):
            while await reviews.state_of(review_id) == "pending":  # noqa: ASYNC110 - in other processes too
                await asyncio.sleep(LOOK_EVERY_S)
    except TimeoutError:
        return False
    return await reviews.state_of(review_id) in ("approved", "rejected")


def _message(request: CallRequest, waiting: ApprovalRequiredError) -> str:
    # Of what the error says only what stays the same until the decision: an answer belongs to the
    # question as it was put.
    return (
        f"{request.tool} needs the approval of another person (rule {waiting.rule}); "
        f"{waiting.review_id} was asked for. You cannot approve it here.\n"
        f"{_shown_arguments(request)}"
    )


def _shown_arguments(request: CallRequest) -> str:
    text = canonical_json(dict(request.arguments))
    if len(text) <= MAX_SHOWN_CHARS:
        return f"Arguments: {text.decode()}"
    return (
        f"Arguments: {len(text)} bytes, too many to show here; SHA-256 {sha256_hex(text)}. "
        "get_review shows all of them."
    )
