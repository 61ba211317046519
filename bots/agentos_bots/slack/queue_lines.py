"""One waiting review in two lines, for the App Home, the digest and `/agentos queue`.

Above: those three. Below: `outcomes`, `escaping`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from agentos_bots.slack.cards.lines import count
from agentos_bots.slack.cards.outcomes import wanted
from agentos_bots.slack.documents import Kind, Waiting
from agentos_bots.slack.escaping import code, prose
from agentos_bots.slack.times import duration, moment

_COUNTED: Final[Mapping[Kind, tuple[str, str]]] = {
    "work": ("review of work", "reviews of work"),
    "authorize_action": ("call to authorize", "calls to authorize"),
    "approve_plan": ("plan", "plans"),
    "choose_option": ("choice", "choices"),
    "provide_context": ("question", "questions"),
    "label_outcome": ("outcome to label", "outcomes to label"),
}


def queue_line(one: Waiting, now: datetime) -> str:
    """What it is, whose, how long it waits, and whether it is late at `now`."""
    facts = [f"waits {duration(one.waiting_s)}"]
    if one.worker:
        facts.insert(0, code(one.worker, 80))
    if one.due_at is not None:
        facts.append(f"*overdue* since {moment(one.due_at)}" if is_overdue(one, now) else _due(one))
    if one.snoozed_until is not None and one.snoozed_until > now:
        facts.append(f"snoozed until {moment(one.snoozed_until)}")
    if one.n_blocking:
        facts.append(f"*{count(one.n_blocking, 'blocking finding')}*")
    if one.assigned_to:
        facts.append(f"with {prose(one.assigned_to, 80)}")
    ids = code(one.id, 66) + (f" {code(one.work_order, 60)}" if one.work_order else "")
    return f"*{wanted(one.kind)}:* {prose(one.title, 150)}\n{ids} · {' · '.join(facts)}"


def is_overdue(one: Waiting, now: datetime) -> bool:
    """Whether it should have been decided by now."""
    return one.due_at is not None and one.due_at <= now


def counted(n_open: Mapping[str, int]) -> str:
    """`2 reviews of work, 1 plan`; nothing where nothing waits."""
    known = [(n_open.get(kind, 0), *words) for kind, words in _COUNTED.items()]
    return ", ".join(count(n, one, many) for n, one, many in known if n > 0)


def _due(one: Waiting) -> str:
    return f"due {moment(one.due_at)}" if one.due_at is not None else ""
