"""One hook event: what the server is asked about it, and what the client is told then.

Above: the server's socket, which runs this for every event; and a hook process that finds no
server. Below: actions, answers, marks. Nothing here waits for anything. Where nothing is active
nothing is asked or said; where something is, what cannot be judged and may belong to it is refused.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from agentos_hook.actions import (
    CHANGING,
    INSIDE_CLIENT,
    OWN_TOOLS,
    action_of,
    folder_of,
    is_only_looking,
    places_of,
)
from agentos_hook.answers import Answer, denied, reminded, told, warned
from agentos_hook.layout import REMINDED
from agentos_hook.marks import Mark, concerned, mark_at
from agentos_hook.outcomes import exit_code_of
from agentos_hook.session import Session

Event = Mapping[str, Any]
Moment = Literal["before", "after", "start", "stop"]


@dataclass(frozen=True, slots=True)
class Question:
    """A tool of the server, its arguments, and what is needed to read the answer."""

    moment: Moment
    tool: str
    arguments: dict[str, Any]
    places: Sequence[str]
    subject: str
    """The client's tool, or its session."""


def read_event(text: bytes) -> Event:
    """The event in a client's text; raises ValueError or TypeError for what is none."""
    event = json.loads(text)
    if not isinstance(event, dict):
        raise TypeError("the event is no object")
    return event


def question_of(session: Session, event: Event, marks: Sequence[Mark]) -> Question | None:
    """What the server is to be asked; None where the event is none of its business.

    Raises ValueError for an event without a name, and for one of a tool that does not name the
    tool and its input.
    """
    if not marks:
        return None
    if not _text(event, "hook_event_name"):
        raise ValueError("the event does not say what it is about")
    moment = _MOMENTS.get(_text(event, "hook_event_name"))
    if moment is None:
        return None
    if moment in {"before", "after"}:
        return _about_tool(session, event, marks, moment)
    # A client that goes on because of this hook says so: it is reminded once, not for ever.
    if moment == "stop" and event.get("stop_hook_active"):
        return None
    places = [_cwd(session, event)]
    subject = _text(event, "session_id")
    return Question(moment, "get_session_context", _at(marks, places), places, subject)


def answer_to(
    session: Session,
    question: Question,
    marks: Sequence[Mark],
    found: Mapping[str, Any] | None,
    problem: Mapping[str, Any] | None = None,
) -> Answer | None:
    """What the client is told once the server found something, or there was a problem."""
    if found is None:
        mark = concerned(marks, question.places, session.worker)
        return None if mark is None else _trouble(question, mark, problem or {})
    if question.moment == "before":
        return None if found["verdict"] == "allow" else denied(_reason(found))
    if question.moment == "start":
        return told(found["context"]) if found["context"] else None
    if question.moment == "stop" and found["reminder"]:
        once = f"{question.subject} {found['work_order']} {found['epoch']}"
        return reminded(found["reminder"]) if _is_first(session.home, once) else None
    return None


def _about_tool(
    session: Session, event: Event, marks: Sequence[Mark], moment: Moment
) -> Question | None:
    tool, given = event.get("tool_name"), event.get("tool_input")
    if not isinstance(tool, str) or not tool or not isinstance(given, dict):
        raise ValueError("the event names no tool, or no input of it")
    if tool in INSIDE_CLIENT or tool.startswith(OWN_TOOLS) or is_only_looking(tool, given):
        return None
    cwd = _cwd(session, event)
    places = places_of(given, cwd)
    action = action_of(tool, given, folder_of(given, cwd))
    arguments = {"action": action, **_at(marks, places)}
    if moment == "before":
        return Question(moment, "judge_tool_use", arguments, places, tool)
    if tool not in CHANGING:
        return None
    arguments["exit_code"] = exit_code_of(session.client, event)
    arguments["failed"] = event.get("hook_event_name") == "PostToolUseFailure"
    arguments["observed_by"] = f"agentos hook {session.client}"
    return Question(moment, "record_tool_use", arguments, places, tool)


def _at(marks: Sequence[Mark], places: Sequence[str]) -> dict[str, Any]:
    """The work order in whose worktree this happens, as an argument."""
    here = mark_at(marks, places)
    return {} if here is None else {"work_order": here.work_order}


def _trouble(question: Question, mark: Mark, problem: Mapping[str, Any]) -> Answer | None:
    why = problem.get("message") or "the server gave no answer"
    remedy = problem.get("remedy") or (
        "start the server again with `agentos serve`; nothing runs under a work order without it"
    )
    if question.moment == "before":
        return denied(
            f"AgentOS: {mark.work_order} is active and this cannot be judged: {why}. "
            f"Remedy: {remedy}."
        )
    if question.moment == "start":
        return told(
            f"AgentOS: the work order {mark.work_order} is active, and its contract cannot be "
            f"asked: {why}. Tools are refused until it can be. Remedy: {remedy}."
        )
    if question.moment == "after":
        return warned(f"AgentOS did not record this use of {question.subject}: {why}")
    return None


def _reason(verdict: Mapping[str, Any]) -> str:
    lines = [f"AgentOS ({verdict['work_order'] or 'no work order'}): {verdict['reason']}"]
    lines.append(f"Rule: {verdict['rule']}.")
    if verdict.get("review_id"):
        lines.append(
            f"A person decides about {verdict['review_id']}: repeat this exact action after the "
            "approval, and do something else meanwhile."
        )
    if verdict.get("remedy"):
        lines.append(f"Remedy: {verdict['remedy']}.")
    return "\n".join(lines)


def _is_first(home: str, once: str) -> bool:
    """Whether nobody said this before; a server removes the files after some weeks."""
    folder = os.path.join(home, REMINDED)
    name = os.path.join(folder, sha256(once.encode("utf-8", "surrogatepass")).hexdigest()[:32])
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except OSError:
        return False
    return True


def _cwd(session: Session, event: Event) -> str:
    cwd = event.get("cwd")
    return os.path.normpath(os.path.join(session.cwd, cwd if isinstance(cwd, str) else ""))


def _text(event: Event, name: str) -> str:
    value = event.get(name)
    return value if isinstance(value, str) else ""


_MOMENTS: Mapping[str, Moment] = {
    "PreToolUse": "before",
    "PostToolUse": "after",
    "PostToolUseFailure": "after",
    "SessionStart": "start",
    "Stop": "stop",
}
