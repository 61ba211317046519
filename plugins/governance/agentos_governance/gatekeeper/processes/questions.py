"""What a model is asked about submitted work, put together in a process of its own.

Above: submission. Below: lanes, the model's prompt. To compare files takes as long as their author
wants: in a thread of the server every other caller would wait for the interpreter meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from agentos import Finding, UnavailableError
from agentos_governance.gatekeeper.model_pass.prompt import NoQuestionError, Question
from agentos_governance.gatekeeper.processes.asked_work import pack_work
from agentos_governance.gatekeeper.processes.frames import QuestionOrder, UnreadableAnswerError
from agentos_governance.gatekeeper.processes.lanes import GoneError, Session
from agentos_governance.gatekeeper.work import Work

LIMIT_S = 30.0
_TEXTS = ("system", "prompt", "token")
_COUNTS = ("n_shown", "n_files")


async def question_about(
    work: Work,
    suspicions: Sequence[Finding],
    max_chars: int,
    slots: asyncio.Semaphore | None = None,
) -> Question:
    """See `ask_about`; NoQuestionError where the work keeps it from being put together.

    `slots` bounds how many processes run at once.
    """
    frames = await asyncio.to_thread(lambda: list(pack_work(work)))
    try:
        async with slots or nullcontext():
            session = await Session.open(work, frames, starts_programs=False)
            try:
                async with asyncio.timeout(LIMIT_S):
                    order = QuestionOrder(tuple(suspicions), max_chars)
                    return _question_of(await session.ask(order, None))
            finally:
                session.close()
    except TimeoutError:
        raise NoQuestionError(f"it took longer than {LIMIT_S:g} s") from None
    except GoneError:
        raise NoQuestionError("it ended its process") from None
    except UnreadableAnswerError as error:
        raise NoQuestionError(f"its process answered {error}") from None
    except UnavailableError as error:
        raise NoQuestionError(error.message) from None


def _question_of(said: Mapping[str, Any]) -> Question:
    is_question = (
        set(said) == {*_TEXTS, *_COUNTS}
        and all(type(said[name]) is str for name in _TEXTS)
        and all(type(said[name]) is int for name in _COUNTS)
    )
    if not is_question:
        raise UnreadableAnswerError("no question")
    return Question(**said)
