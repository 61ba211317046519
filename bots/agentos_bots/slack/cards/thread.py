"""What is said under a card: reminders, escalations, questions, answers, and a stale decision.

Above: the process that posts. Below: `lines`, `outcomes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agentos import NotFoundError
from agentos_bots.slack.block_kit import Block, context, section
from agentos_bots.slack.cards.lines import changes, linked
from agentos_bots.slack.cards.outcomes import outcome_sentence
from agentos_bots.slack.documents import Card, Question
from agentos_bots.slack.escaping import prose, quote_lines
from agentos_bots.slack.limits import width
from agentos_bots.slack.messages import Message
from agentos_bots.slack.times import duration, moment

_QUOTED: Final = 2_700


def render_reminder(card: Card, n: int) -> Message:
    """The `n`-th reminder, in the thread."""
    until = f" It expires and is refused {moment(card.expires_at)}." if card.expires_at else ""
    return _said(
        f"*Reminder {n}:* this waits for a decision since {duration(card.waiting_s)}.{until}",
        f"*Still needed:* {prose(card.needs, 300)}" if card.needs else "",
        f"Reminder {n}: {prose(card.title, 150)} waits since {duration(card.waiting_s)}",
    )


def render_escalation(card: Card, n: int, to: Sequence[str]) -> Message:
    """The `n`-th escalation, naming whom it went to."""
    names = ", ".join(prose(name, 80) for name in to[:10]) or "nobody further"
    if len(to) > 10:
        names += f" and {len(to) - 10} more"
    return _said(
        f"*Escalation {n}:* nobody decided in {duration(card.waiting_s)}; now also asked: {names}.",
        f"*Still needed:* {prose(card.needs, 300)}" if card.needs else "",
        f"Escalation {n} to {names}: {prose(card.title, 150)}",
    )


def render_question(card: Card, question: str) -> Message:
    """What a reviewer asked the worker. Raises NotFoundError where the card has no such id."""
    one = _question(card, question)
    by = prose(one.by, 80)
    blocks = [
        section(f"*{by} asks the worker:*"),
        section(_quoted(one.text)),
        context("The worker gets this question as an observation; the answer comes here."),
    ]
    return Message(f"{by} asks: {prose(one.text, 300)}", blocks)


def render_answer(card: Card, question: str) -> Message:
    """The worker's answer. Raises NotFoundError where there is no such question or answer yet."""
    one = _question(card, question)
    if one.answer is None:
        raise NotFoundError(f"question {question} of review {card.id} has no answer yet")
    by = prose(one.answered_by or "the worker", 80)
    asked = prose(one.text, 300)
    blocks: list[Block] = [
        section(f"*{by} answers* “{asked}”:"),
        section(_quoted(one.answer)),
    ]
    return Message(f"{by} answers: {prose(one.answer, 300)}", blocks)


def render_stale(card: Card) -> Message:
    """Only to who clicked: the decision was about something else than what is there now.

    `card` is the review as it is now; its `what_changed` says how it differs from the one before.
    """
    told = "*Not recorded:* what you decided about is not what is there now."
    blocks = [section(told)]
    if not card.is_open:
        blocks.append(section(outcome_sentence(card)))
    elif card.what_changed is not None:
        blocks.append(section(changes(card, card.what_changed)))
    here = f"The digest is now `{card.sha256[:12]}`. {linked(card, 'Look again, then decide')}"
    blocks.append(context(here))
    return Message(
        "Not recorded: what you decided about is not what is there now. "
        f"The digest is now {card.sha256[:12]}; look again, then decide.",
        blocks,
    )


def _question(card: Card, question: str) -> Question:
    for one in card.questions:
        if one.id == question:
            return one
    raise NotFoundError(f"review {card.id} has no question {question}")


def _quoted(text: str) -> str:
    kept: list[str] = []
    left = _QUOTED
    for line in quote_lines(text, 700, _QUOTED):
        left -= width(line) + 1
        if left < 0:
            kept.append(">… (cut)")
            break
        kept.append(line)
    return "\n".join(kept)


def _said(first: str, second: str, text: str) -> Message:
    return Message(text, [section("\n".join(line for line in (first, second) if line))])
