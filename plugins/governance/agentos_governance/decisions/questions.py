"""Questions of reviewers to the worker, and the answers.

Above: ask_about_review, answer_question. Below: `sql/decisions.sql`. A question reaches the worker in
its resume packet and at the start of its session, and as an observation where a memory is there; the
answer comes back as an event and on the card.
"""

from __future__ import annotations

from typing import Any

from agentos import (
    CallRefusedError,
    InvalidStateError,
    LimitExceededError,
    NewEvent,
    NotFoundError,
    ToolCall,
    Transaction,
    new_id,
)
from agentos_governance.authority.persons import keys_behind, keys_of_workers
from agentos_governance.decisions.events import sql
from agentos_governance.review_cards.subjects import Subject, lock_subject

MAX_OPEN = 20
"""Questions about one review that wait for an answer."""
MAX_TITLE = 200
_NOTE = "create_observation"


async def ask(call: ToolCall, subject: Subject, text: str) -> tuple[str, str | None]:
    """The id of the question, and of the observation where it is noted as well."""
    observation = await _note(call, subject, text)
    transaction = await call.begin()
    subject = await lock_subject(transaction, subject)
    if subject.state(call.now()) != "open":
        raise InvalidStateError(f"{subject.review} has ended; its worker is asked no more")
    if await transaction.fetch_value(sql.count_open_questions, subject.review) >= MAX_OPEN:
        raise LimitExceededError(f"{MAX_OPEN} questions about {subject.review} wait, the limit")
    question = new_id("QU")
    via = call.principal.via
    data = {
        "question": question,
        "review": subject.review,
        "review_id": subject.review,
        "work_order": subject.work_order,
        "worker": subject.worker,
        "text": text,
        "observation": observation,
        "person": call.principal.person,
        "via": None if via is None else via.name,
    }
    await transaction.append(
        NewEvent(subject.stream, "question.asked", call.principal.name, call.now(), data)
    )
    return question, observation


async def answer(call: ToolCall, question: str, text: str) -> Any:
    """The row of a question with its answer; only who works on what it is about may give one."""
    row = await find_question(call, question)
    await _check_answerer(call, row)
    transaction = await call.begin()
    row = await _lock(transaction, row)
    if row["answer"] is not None:
        if row["answered_by"] == call.principal.name and row["answer"] == text:
            return row
        raise InvalidStateError(f"{question} was answered by {row['answered_by']} already")
    data = {
        "question": question,
        "review": row["review"],
        "review_id": row["review"],
        "work_order": row["work_order"],
        "text": text,
    }
    await transaction.append(
        NewEvent(row["stream"], "question.answered", call.principal.name, call.now(), data)
    )
    return await transaction.fetch_row(sql.get_question, question)


async def find_question(call: ToolCall, question: str) -> Any:
    """The row of a question; NotFoundError for an unknown id."""
    row = await call.kernel.database.fetch_row(sql.get_question, question)
    if row is None:
        raise NotFoundError(
            f"no question has the id {question!r}",
            remedy="the resume packet lists the open ones under `questions`",
        )
    return row


async def _lock(transaction: Transaction, row: Any) -> Any:
    # The stream's own lock comes after this one, as everywhere.
    return await transaction.fetch_row(sql.lock_question, row["id"])


async def _check_answerer(call: ToolCall, row: Any) -> None:
    database = call.kernel.database
    asked = await keys_behind(database, (row["worker"],))
    if row["work_order"] is not None:
        asked |= await keys_of_workers(database, row["work_order"])
    if asked.isdisjoint(
        await keys_behind(database, (call.principal.answerable, call.principal.name))
    ):
        raise CallRefusedError(
            f"{call.principal.name} has no part in what {row['id']} asks about",
            rule="answers",
            remedy="whoever works on it answers",
        )


async def _note(call: ToolCall, subject: Subject, text: str) -> str | None:
    """The observation that says so to whoever looks; None where there is no memory, or it refuses.

    A note is a help only: the question itself stands in the work order's own history.
    """
    if call.kernel.tools.get(_NOTE) is None or subject.work_order is None:
        return None
    about = f"{subject.work_order} ({subject.review})"
    noted = await call.call_tool(
        _NOTE,
        {
            "title": f"Question about {about}: {text}"[:MAX_TITLE],
            "body": f"{call.principal.answerable} asks about {about}:\n\n{text}",
            "kind": "question",
            "tags": ["review", subject.work_order],
            "force": True,
        },
    )
    return None if noted.is_error else str(noted.structured["observation"]["id"])
