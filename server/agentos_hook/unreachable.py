"""What a hook does by itself where no server answers: refuse what may belong to active work.

Above: command. Below: events, marks.
"""

from __future__ import annotations

import json

from agentos_hook.events import answer_to, question_of, read_event
from agentos_hook.marks import concerned, read_marks
from agentos_hook.session import Session


def answer_alone(session: Session, text: bytes, why: str) -> bytes:
    """What to print for an event that nobody could be asked about; raises for what is no event."""
    event = read_event(text)
    marks = read_marks(session.home)
    question = question_of(session, event, marks)
    if question is None:
        return b""
    answer = answer_to(session, question, marks, None, {"message": why})
    return b"" if answer is None else json.dumps(answer).encode()


def refuse_everything(session: Session, *, is_anywhere: bool) -> str | None:
    """Why nothing may run here while the hook itself is in trouble; None where nothing is active.

    What happens `is_anywhere` is anybody's, unless it is known who works and that they hold nothing.
    """
    marks = read_marks(session.home)
    mark = concerned(marks, [session.cwd], session.worker)
    if mark is None and is_anywhere and not session.worker:
        mark = next(iter(marks), None)
    if mark is None:
        return None
    return f"the work order {mark.work_order} is active and its hook could not judge this"
