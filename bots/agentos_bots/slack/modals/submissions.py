"""What a submitted form means: the tool to call and its arguments, or what to correct first.

Slack checks lengths in its client only, and before trimming; here they are checked on what counts.
The server checks again. Above: listeners. Below: `actions`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, get_args

from agentos import InvalidArgumentError, format_time
from agentos_bots.slack.actions import INPUT, BlockId, CallbackId, ModalContext, parse_metadata
from agentos_bots.slack.documents import Category

MIN_REASON: Final = 10
MIN_QUESTION: Final = 3

_Values = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Submission:
    """A complete form: for a person, call `tool` with `arguments`."""

    callback: CallbackId
    context: ModalContext
    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FieldErrors:
    """A form to correct: what is wrong by block, for `response_action: errors`."""

    errors: Mapping[str, str]

    def answer(self) -> dict[str, Any]:
        """The acknowledgement that keeps the form open with these words in it."""
        return {"response_action": "errors", "errors": dict(self.errors)}


class _BadField(Exception):
    def __init__(self, block: BlockId, text: str) -> None:
        super().__init__(text)
        self.errors = FieldErrors({block.value: text})


def parse_submission(view: Mapping[str, Any]) -> Submission | FieldErrors:
    """What the `view` of a `view_submission` asks for.

    Raises InvalidArgumentError for a view that is not one of our forms.
    """
    callback = str(view.get("callback_id"))
    if callback not in _READERS:
        raise InvalidArgumentError(f"not a form of the gatekeeper: {callback[:80]!r}")
    context = parse_metadata(str(view.get("private_metadata", "")))
    state = view.get("state")
    values = state.get("values") if isinstance(state, Mapping) else None
    try:
        tool, arguments = _READERS[callback](values if isinstance(values, Mapping) else {})
    except _BadField as bad:
        return bad.errors
    about: dict[str, Any] = {"review": context.ref.review}
    if tool == "decide":
        about["sha256"] = context.ref.sha256
    return Submission(CallbackId(callback), context, tool, {**about, **arguments})


def _approve(values: _Values) -> tuple[str, dict[str, Any]]:
    reason = _text(values, BlockId.OVERRIDE_REASON, MIN_REASON, "a reason")
    return "decide", {"verdict": "approve", "override_reason": reason}


def _refuse(verdict: str) -> Callable[[_Values], tuple[str, dict[str, Any]]]:
    def read(values: _Values) -> tuple[str, dict[str, Any]]:
        reason = _text(values, BlockId.REASON, MIN_REASON, "a reason")
        categories = _picked_many(values, BlockId.CATEGORIES)
        return "decide", {"verdict": verdict, "reason": reason, "categories": categories}

    return read


def _choose(values: _Values) -> tuple[str, dict[str, Any]]:
    return "decide", {"verdict": "answer", "option": _picked(values, BlockId.OPTION)}


def _label(values: _Values) -> tuple[str, dict[str, Any]]:
    return "decide", {"verdict": "answer", "label": _picked(values, BlockId.LABEL)}


def _answer(values: _Values) -> tuple[str, dict[str, Any]]:
    return "decide", {"verdict": "answer", "text": _text(values, BlockId.TEXT, 1, "an answer")}


def _ask(values: _Values) -> tuple[str, dict[str, Any]]:
    return "ask_about_review", {"text": _text(values, BlockId.TEXT, MIN_QUESTION, "a question")}


def _take_over(values: _Values) -> tuple[str, dict[str, Any]]:
    reason = _text(values, BlockId.REASON, MIN_REASON, "a reason")
    return "take_over_review", {"reason": reason}


def _snooze(values: _Values) -> tuple[str, dict[str, Any]]:
    seconds = _element(values, BlockId.UNTIL).get("selected_date_time")
    try:
        until = datetime.fromtimestamp(int(seconds or 0), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        until = datetime.fromtimestamp(0, UTC)
    if until.timestamp() <= 0:
        raise _BadField(BlockId.UNTIL, "Pick a day and a time.")
    return "snooze_review", {"until": format_time(until)}


_READERS: Final[Mapping[str, Callable[[_Values], tuple[str, dict[str, Any]]]]] = {
    CallbackId.APPROVE: _approve,
    CallbackId.REQUEST_CHANGES: _refuse("request_changes"),
    CallbackId.REJECT: _refuse("reject"),
    CallbackId.CHOOSE: _choose,
    CallbackId.LABEL: _label,
    CallbackId.ANSWER: _answer,
    CallbackId.ASK: _ask,
    CallbackId.TAKE_OVER: _take_over,
    CallbackId.SNOOZE: _snooze,
}


def _element(values: _Values, block: BlockId) -> Mapping[str, Any]:
    fields = values.get(block)
    element = fields.get(INPUT) if isinstance(fields, Mapping) else None
    return element if isinstance(element, Mapping) else {}


def _text(values: _Values, block: BlockId, at_least: int, what: str) -> str:
    value = _element(values, block).get("value")
    text = value.strip() if isinstance(value, str) else ""
    if len(text) < at_least:
        limit = f" of at least {at_least} characters" if at_least > 1 else ""
        raise _BadField(block, f"Give {what}{limit}; {len(text)} so far, without spaces around it.")
    return text


def _picked(values: _Values, block: BlockId) -> str:
    chosen = _element(values, block).get("selected_option")
    value = chosen.get("value") if isinstance(chosen, Mapping) else None
    if not isinstance(value, str) or not value:
        raise _BadField(block, "Pick one.")
    return value


def _picked_many(values: _Values, block: BlockId) -> list[str]:
    chosen = _element(values, block).get("selected_options")
    picked = [one.get("value") for one in chosen or () if isinstance(one, Mapping)]
    return [name for name in get_args(Category) if name in picked]
