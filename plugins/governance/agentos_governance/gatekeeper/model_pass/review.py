"""A model as adversary: what it can show against submitted work, beside the checks.

Above: the gatekeeper, after its checks and outside of any transaction. Below: the service
`agentos.Completer`, whose costs go to the work order of the call. A model that does not answer, or
not in the form, has not run; that is never a pass, and what it says is never more than a finding.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import structlog

from agentos import AgentOSError, Completer, Finding, ReviewedWork
from agentos_governance.gatekeeper.model_pass.answer import (
    CHECK,
    BrokenAnswerError,
    keep_cited,
    said_findings,
)
from agentos_governance.gatekeeper.model_pass.prompt import NoQuestionError, Question
from agentos_governance.review.settings import ReviewSettings

__all__ = ["CHECK", "ModelReview", "review_with_model"]

MAX_TOKENS = 4_000

Ask = Callable[[Sequence[Finding], int], Awaitable[Question]]
"""Puts together what is asked about the work, as `prompt.ask_about` does."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ModelReview:
    """What came of the pass; `n_dropped` findings cited nothing that is there, or were too many."""

    state: Literal["passed", "found", "not_run"]
    why: str | None
    findings: tuple[Finding, ...] = ()
    n_dropped: int = 0


async def review_with_model(
    completer: Completer | None,
    work: ReviewedWork,
    ask: Ask,
    *,
    suspicions: Sequence[Finding],
    settings: ReviewSettings,
) -> ModelReview:
    """What the model finds; it raises nothing but CancelledError.

    `suspicions` are what checks found: their files are shown first.
    """
    if completer is None:
        return ModelReview("not_run", "no model is configured; see [fabric.completer]")
    if not work.files:
        return ModelReview("not_run", "there is no difference to look at")
    try:
        question = await ask(suspicions, settings.model_max_prompt_chars)
    except NoQuestionError as error:
        return ModelReview("not_run", f"the work could not be shown to the model: {error}")
    if not question.n_shown:
        return ModelReview("not_run", "no change fits into review.model_max_prompt_chars")
    try:
        async with asyncio.timeout(settings.model_timeout_s):
            answer = await completer.complete(
                question.prompt, system=question.system, max_tokens=MAX_TOKENS
            )
        said = said_findings(answer, question.token)
        kept = await keep_cited(said, work, may_block=settings.model_may_block)
    except Exception as error:  # noqa: BLE001 - a foreign model's trouble must not lose a submission
        return _not_run(completer, work, settings, error)
    return ModelReview(
        "found" if kept.findings else "passed",
        _seen(completer, question, len(kept.findings), kept.n_dropped),
        kept.findings,
        kept.n_dropped,
    )


def _not_run(
    completer: Completer, work: ReviewedWork, settings: ReviewSettings, error: Exception
) -> ModelReview:
    _log.warning("model_review_not_run", work_order=work.work_order, exc_info=error)
    if isinstance(error, TimeoutError):
        why = f"{completer.model_id} did not answer within {settings.model_timeout_s:g} s"
    elif isinstance(error, BrokenAnswerError):
        why = f"the answer of {completer.model_id} cannot be used: {error}"
    elif isinstance(error, AgentOSError):
        why = error.message
    else:
        why = f"{completer.model_id} failed: {type(error).__name__}"
    return ModelReview("not_run", why)


def _seen(completer: Completer, question: Question, n_found: int, n_dropped: int) -> str:
    seen = f"{completer.model_id} was shown {question.n_shown} of {question.n_files} changed files"
    if n_dropped:
        seen += f"; {n_dropped} of {n_dropped + n_found} findings were dropped"
    return seen
