"""The forms behind the buttons: reasons, an override, a question, an answer, a time.

Each says again what it is about, title and digest, so that nobody fills in the form of another
card. Above: listeners. Below: `block_kit`, `actions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, get_args

from agentos import InvalidArgumentError
from agentos_bots.slack.actions import INPUT, BlockId, CallbackId, ModalContext
from agentos_bots.slack.block_kit import (
    Block,
    checkboxes,
    context,
    date_time,
    input_block,
    modal,
    one_of,
    option,
    section,
    text_input,
)
from agentos_bots.slack.cards.lines import by_severity, count, finding_line
from agentos_bots.slack.cards.requests import option_lines, shown_request
from agentos_bots.slack.documents import Card, Category, Option
from agentos_bots.slack.escaping import code, plain, prose
from agentos_bots.slack.limits import INPUT_TEXT, OPTION_TEXT, OPTIONS
from agentos_bots.slack.modals.submissions import MIN_QUESTION, MIN_REASON

_SHOWN_FINDINGS: Final = 5
_SHOWN_REQUEST: Final = 8_500


def reason_view(
    card: Card, verdict: Literal["request_changes", "reject"], modal_context: ModalContext
) -> Block:
    """Why not: a reason of at least ten characters, and categories."""
    is_reject = verdict == "reject"
    callback = CallbackId.REJECT if is_reject else CallbackId.REQUEST_CHANGES
    title, send = ("Reject", "Reject") if is_reject else ("Request changes", "Request changes")
    hint = "The worker reads this. At least 10 characters."
    fields = [
        _text(BlockId.REASON, "Reason", hint, MIN_REASON, "What is wrong, and what would be right"),
        _categories(),
    ]
    return _form(callback, title, send, card, modal_context, fields)


def override_view(card: Card, modal_context: ModalContext) -> Block:
    """Approve although something blocks: the blocking findings, and why they do not count."""
    blocking = [one for one in by_severity(card.findings) if one.severity == "blocking"]
    shown = [f"• {finding_line(one)}" for one in blocking[:_SHOWN_FINDINGS]]
    n_more = card.n_blocking - len(shown)
    if n_more > 0:
        shown.append(f"… {count(n_more, 'more blocking finding')} in the thread")
    hint = "Stored with your decision and counted. At least 10 characters."
    fields = [
        *([section("\n".join(shown))] if shown else []),
        _text(
            BlockId.OVERRIDE_REASON,
            "Why approve all the same?",
            hint,
            MIN_REASON,
            "Why each blocking finding does not count",
        ),
    ]
    return _form(CallbackId.APPROVE, "Approve with reason", "Approve", card, modal_context, fields)


def ask_view(card: Card, modal_context: ModalContext) -> Block:
    """A question to the worker."""
    hint = "The worker gets it as an observation; the answer comes to the thread."
    fields = [_text(BlockId.TEXT, "Question", hint, MIN_QUESTION, "What do you need to know?")]
    return _form(CallbackId.ASK, "Ask the worker", "Ask", card, modal_context, fields)


def take_over_view(card: Card, modal_context: ModalContext) -> Block:
    """Make it one's own: why."""
    hint = "Others see that you decide. At least 10 characters."
    fields = [_text(BlockId.REASON, "Reason", hint, MIN_REASON, "Why you decide this one")]
    return _form(CallbackId.TAKE_OVER, "Take over", "Take over", card, modal_context, fields)


def snooze_view(card: Card, modal_context: ModalContext, now: datetime) -> Block:
    """Until when it may rest; an hour from `now` unless the person picks another time."""
    initial = int((now + timedelta(hours=1)).timestamp()) // 60 * 60
    hint = "Reminders and escalation rest until then; its expiry does not move."
    field = input_block(BlockId.UNTIL, "Snooze until", date_time(INPUT, initial), hint=hint)
    return _form(CallbackId.SNOOZE, "Snooze", "Snooze", card, modal_context, [field])


def choose_view(card: Card, modal_context: ModalContext) -> Block:
    """The options of a choice. Raises InvalidArgumentError for a card of another kind."""
    if card.request is None or card.request.kind != "choose_option":
        raise InvalidArgumentError(f"review {card.id} offers no options; it is {card.kind}")
    fields = _options(BlockId.OPTION, "Option", card.request.options)
    return _form(CallbackId.CHOOSE, "Choose", "Choose", card, modal_context, fields)


def label_view(card: Card, modal_context: ModalContext) -> Block:
    """The labels of an outcome. Raises InvalidArgumentError for a card of another kind."""
    if card.request is None or card.request.kind != "label_outcome":
        raise InvalidArgumentError(f"review {card.id} asks for no label; it is {card.kind}")
    fields = _options(BlockId.LABEL, "Label", card.request.labels)
    return _form(CallbackId.LABEL, "Label", "Label", card, modal_context, fields)


def answer_view(card: Card, modal_context: ModalContext) -> Block:
    """The question of an agent, and room for the answer."""
    hint = "The agent goes on with exactly this."
    fields = [
        *shown_request(card, _SHOWN_REQUEST).blocks,
        _text(BlockId.TEXT, "Answer", hint, 1, "What the agent cannot know by itself"),
    ]
    return _form(CallbackId.ANSWER, "Answer", "Answer", card, modal_context, fields)


def _form(
    callback: CallbackId,
    title: str,
    send: str,
    card: Card,
    modal_context: ModalContext,
    fields: Sequence[Block],
) -> Block:
    order = f" · {code(card.work_order, 60)}" if card.work_order else ""
    about = [
        section(f"*{prose(card.title, 300)}*"),
        context(f"`{card.sha256[:12]}` · {code(card.id, 66)}{order}"),
    ]
    return modal(
        callback,
        title,
        [*about, *fields],
        metadata=modal_context.to_metadata(),
        submit=send,
        close="Cancel",
    )


def _text(block: BlockId, label: str, hint: str, min_length: int, placeholder: str) -> Block:
    element = text_input(
        INPUT, min_length=min_length, max_length=INPUT_TEXT, placeholder=placeholder
    )
    return input_block(block, label, element, hint=hint)


def _categories() -> Block:
    options = [option(name.capitalize(), name) for name in get_args(Category)]
    return input_block(
        BlockId.CATEGORIES, "What is it about?", checkboxes(INPUT, options), is_optional=True
    )


def _options(block: BlockId, label: str, options: Sequence[Option]) -> list[Block]:
    lines = option_lines(options, 2_900)
    # Slack refuses a list in which a value stands twice.
    labels = {one.id: plain(one.label, OPTION_TEXT) for one in reversed(options)}
    choices = [option(labels[one], one) for one in reversed(labels)][:OPTIONS]
    if not choices:
        return [section("There is nothing to choose from; reject the question instead.")]
    field = input_block(block, label, one_of(INPUT, choices, "Pick one"))
    return [section("\n".join(lines)), field]
