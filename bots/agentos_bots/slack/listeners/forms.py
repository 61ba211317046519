"""Buttons that open a form: a stand-in at once, the form itself as soon as the server answered.

Above: registering. Below: modals as pure functions. What a trigger opens must open within three
seconds of the click, so nothing is fetched before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog

from agentos import InvalidArgumentError, InvalidStateError
from agentos_bots.slack.actions import ActionId, MenuChoice, ModalContext, ReviewRef, parse_value
from agentos_bots.slack.cards import render_card, render_stale
from agentos_bots.slack.documents import Card, parse_card
from agentos_bots.slack.interaction import Interaction
from agentos_bots.slack.listeners.desk import Body, Desk, Work, attempted, explained, only_action
from agentos_bots.slack.modals import (
    answer_view,
    ask_view,
    card_view,
    choose_view,
    label_view,
    loading_view,
    notice_view,
    override_view,
    reason_view,
    snooze_view,
    take_over_view,
)
from agentos_bots.slack.web import SlackRefusedError

OPENED_BY = (
    ActionId.APPROVE_OVERRIDING,
    ActionId.REQUEST_CHANGES,
    ActionId.REJECT,
    ActionId.CHOOSE,
    ActionId.ANSWER,
    ActionId.LABEL,
)
TRIGGER_PATIENCE_S = 2.0
_LATE = frozenset({"expired_trigger_id", "exchanged_trigger_id", "trigger_expired"})

Form = Callable[[Card, ModalContext], dict[str, Any]]

_TITLES: Mapping[str, str] = {
    ActionId.APPROVE_OVERRIDING: "Approve with reason",
    ActionId.REQUEST_CHANGES: "Request changes",
    ActionId.REJECT: "Reject",
    ActionId.CHOOSE: "Choose",
    ActionId.ANSWER: "Answer",
    ActionId.LABEL: "Label",
    MenuChoice.ASK: "Ask the worker",
    MenuChoice.TAKE_OVER: "Take over",
    MenuChoice.SNOOZE_UNTIL: "Snooze",
    ActionId.HOME_SHOW: "Review",
}
_FORMS: Mapping[str, Form] = {
    ActionId.APPROVE_OVERRIDING: override_view,
    ActionId.REQUEST_CHANGES: lambda card, about: reason_view(card, "request_changes", about),
    ActionId.REJECT: lambda card, about: reason_view(card, "reject", about),
    ActionId.CHOOSE: choose_view,
    ActionId.ANSWER: answer_view,
    ActionId.LABEL: label_view,
    MenuChoice.ASK: ask_view,
    MenuChoice.TAKE_OVER: take_over_view,
    MenuChoice.SNOOZE_UNTIL: lambda card, about: snooze_view(card, about, datetime.now(UTC)),
    ActionId.HOME_SHOW: card_view,
}

_log = structlog.get_logger(__name__)


def open_form(desk: Desk, action: ActionId) -> Work:
    """What a click on the button `action` of a card does."""

    async def work(done: Interaction, body: Body) -> None:
        await open_about(desk, done, action, parse_value(str(only_action(body).get("value"))))

    return work


async def open_about(desk: Desk, done: Interaction, name: str, ref: ReviewRef) -> None:
    """Open the form `name` about a review.

    Raises InvalidStateError where it is too late to open anything. Once something is open, what
    goes wrong is said in it.
    """
    about = ModalContext(ref, done.channel or "", done.message_ts or "")
    view_id = await _open(desk, done, loading_view(_TITLES[name], about))
    view, error = await attempted(_filled(desk, done, name, about))
    if error is not None:
        # Said in the form, which would load for ever otherwise.
        outcome, message = explained(error)
        if outcome == "defect":
            _log.error("form_not_filled", exc_info=error)
        view = notice_view("Not recorded", message)
    await _replace(desk, view_id, view or {})


async def _filled(desk: Desk, done: Interaction, name: str, about: ModalContext) -> dict[str, Any]:
    document = await desk.as_person(done, "get_review_card", {"review": about.ref.review})
    card = parse_card(document)
    is_stale = card.sha256 != about.ref.sha256
    if name != ActionId.HOME_SHOW and (is_stale or not card.is_open):
        await desk.refresh(card.id)
        if card.superseded_by is not None:
            newest = await desk.showing.read_newest(card.superseded_by)
            return notice_view("It has changed", render_stale(newest))
        title = "It has changed" if card.is_open else "Not open any more"
        return notice_view(title, render_stale(card) if is_stale else render_card(card))
    return _FORMS[name](card, ModalContext(_seen(card), about.channel, about.ts))


def _seen(card: Card) -> ReviewRef:
    return ReviewRef(card.id, card.sha256)


async def _open(desk: Desk, done: Interaction, view: Mapping[str, Any]) -> str:
    if done.trigger_id is None:
        raise InvalidArgumentError("Slack sent no trigger, so that no form can be opened")
    # On top of a modal another one is pushed; on a message and the App Home it is opened.
    method = "views.push" if done.is_in_modal else "views.open"
    try:
        answer = await desk.web.call(
            method, patience_s=TRIGGER_PATIENCE_S, trigger_id=done.trigger_id, view=view
        )
    except SlackRefusedError as error:
        if error.error not in _LATE:
            raise
        raise InvalidStateError(
            "the form could not open within the 3 s that Slack gives; nothing was recorded",
            remedy="press the button again",
        ) from None
    return str(answer["view"]["id"])


async def _replace(desk: Desk, view_id: str, view: Mapping[str, Any]) -> None:
    try:
        await desk.web.call("views.update", patience_s=5.0, view_id=view_id, view=view)
    except SlackRefusedError as error:
        if error.error != "not_found":
            raise
        _log.info("form_closed_meanwhile")
