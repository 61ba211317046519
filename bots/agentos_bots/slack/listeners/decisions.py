"""Decisions: the button that approves at once, and every form that is sent.

Above: registering. Below: `decide` and its kin on behalf of the person. The server compares the
digest that the button carries with what waits now; the bot decides nothing and remembers nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from agentos import (
    AgentOSError,
    ConflictError,
    InvalidArgumentError,
    ToolError,
    UnavailableError,
)
from agentos_bots.slack.actions import (
    CallbackId,
    ModalContext,
    ReviewRef,
    message_metadata,
    parse_value,
)
from agentos_bots.slack.cards import render_card, render_stale
from agentos_bots.slack.interaction import Interaction, interaction_of
from agentos_bots.slack.kernel_client import UnlinkedError
from agentos_bots.slack.listeners.desk import (
    Body,
    Desk,
    Listener,
    Work,
    attempted,
    explained,
    only_action,
)
from agentos_bots.slack.modals import FieldErrors, card_view, parse_submission
from agentos_bots.slack.posting import CARD
from agentos_bots.slack.telling import respond

_NOT_RECORDED = "Not recorded: "
FORM_TIMEOUT_S = 2.2
"""A form is acknowledged with the outcome, and Slack waits 3 s for that."""

Sent = tuple[str, dict[str, Any], tuple[Interaction, ReviewRef] | None]

_log = structlog.get_logger(__name__)


def approve(desk: Desk) -> Work:
    """What a click on Approve does."""

    async def work(done: Interaction, body: Body) -> None:
        ref = parse_value(str(only_action(body).get("value")))
        arguments = {"review": ref.review, "sha256": ref.sha256, "verdict": "approve"}
        await record(desk, done, ref, "decide", arguments)

    return work


async def record(
    desk: Desk, done: Interaction, ref: ReviewRef, tool: str, arguments: Mapping[str, Any]
) -> None:
    """Have the server record it, and show what it then says; its refusals are told."""
    try:
        said = await desk.as_person(done, tool, arguments, key=done.key)
    except (UnlinkedError, UnavailableError):
        raise
    except ConflictError:
        if not await _is_told_stale(desk, done, ref):
            await _shown_again(desk, done, ref)
            raise
    except ToolError:
        # Whatever the reason, the person may be looking at an old card.
        await _shown_again(desk, done, ref)
        await _mended(desk, done, ref)
        raise
    await _shown_again(desk, done, ref)
    if said.get("repeated"):
        await _mended(desk, done, ref)


async def _shown_again(desk: Desk, done: Interaction, ref: ReviewRef) -> None:
    """The card everywhere that this person sees it, as it is now."""
    await desk.refresh(ref.review)
    try:
        await _show_in_place(desk, done, ref)
    except AgentOSError as error:
        _log.info("card_not_replaced", review=ref.review, reason=error.message)


async def _mended(desk: Desk, done: Interaction, ref: ReviewRef) -> None:
    """Show an end on the very message that was clicked, whatever is recorded of it.

    Slack may carry out an update after its bot gave up on it, over a newer one. An end is final, so
    that showing it once more undoes nothing.
    """
    if done.channel is None or done.message_ts is None or done.is_ephemeral:
        return
    try:
        card = await desk.showing.read(ref.review)
        if not card.is_open:
            message = await desk.showing.rendered(card)
            await desk.web.call(
                "chat.update",
                patience_s=5.0,
                channel=done.channel,
                ts=done.message_ts,
                metadata=message_metadata(card.id, CARD, message.digest),
                **message.update_arguments(),
            )
    except AgentOSError as error:
        _log.info("card_not_mended", review=ref.review, reason=error.message)


async def _show_in_place(desk: Desk, done: Interaction, ref: ReviewRef) -> None:
    """A card in a modal, or in an answer to a command, is no message that others update."""
    modal = _modal_of_card(done)
    if modal is None and not done.is_ephemeral:
        return
    card = await desk.showing.read(ref.review)
    if modal is not None:
        about = ModalContext(ReviewRef(card.id, card.sha256))
        view = card_view(card, about)
        await desk.web.call("views.update", patience_s=5.0, view_id=modal, view=view)
    elif done.response_url is not None:
        await respond(desk.web, done.response_url, render_card(card), replaces=True)


def _modal_of_card(done: Interaction) -> str | None:
    """The modal with the card that was clicked, or from which a form was opened."""
    view = done.view or {}
    if done.kind == "view_submission":
        return view.get("previous_view_id") or None
    return str(view.get("id")) if view.get("callback_id") == CallbackId.CARD else None


async def _is_told_stale(desk: Desk, done: Interaction, ref: ReviewRef) -> bool:
    """Whether the conflict was that something else is there now, which the person then knows."""
    card = await desk.showing.read_newest(ref.review)
    if card.sha256 == ref.sha256:
        return False
    await _shown_again(desk, done, ref)
    await _mended(desk, done, ref)
    await desk.tell(done, render_stale(card))
    return True


def submission(desk: Desk) -> Listener:
    """The listener of every form: keeps it open with the reason, unless it is recorded."""

    async def listener(ack: Any, body: dict[str, Any]) -> None:
        with desk.at_work.one():
            started_s = asyncio.get_running_loop().time()
            outcome, answer, about = await _sent(desk, body)
            await ack(**answer)
            spent_s = asyncio.get_running_loop().time() - started_s
            desk.figures.observe_interaction("view_submission", outcome, spent_s)
            if about is not None:
                await _shown_again(desk, *about)

    return listener


async def _sent(desk: Desk, body: Body) -> Sent:
    """The outcome, what the form is acknowledged with, and what to show again."""
    view: Mapping[str, Any] = body.get("view") or {}
    answer, error = await attempted(_recorded(desk, body, view))
    if answer is not None:
        return answer
    assert error is not None
    return _kept_open(view, error), _errors(view, error), _about(body)


async def _recorded(desk: Desk, body: Body, view: Mapping[str, Any]) -> Sent:
    done, form = interaction_of(body), parse_submission(view)
    if isinstance(form, FieldErrors):
        return "refused", form.answer(), None
    ref = form.context.ref
    try:
        async with asyncio.timeout(FORM_TIMEOUT_S):
            await desk.as_person(done, form.tool, form.arguments, key=done.key)
    except TimeoutError:
        # Sent again, the same form has the same key: it cannot count twice.
        raise UnavailableError(
            "the server did not answer in time", remedy="send it again"
        ) from None
    except ConflictError as error:
        raise await _stale_text(desk, ref) or error from None
    return "recorded", {}, (done, ref)


def _about(body: Body) -> tuple[Interaction, ReviewRef] | None:
    """Which card the sender of a form that was refused may see as it was."""
    try:
        form = parse_submission(body.get("view") or {})
        return None if isinstance(form, FieldErrors) else (interaction_of(body), form.context.ref)
    except InvalidArgumentError:
        return None


async def _stale_text(desk: Desk, ref: ReviewRef) -> ConflictError | None:
    try:
        async with asyncio.timeout(0.5):
            card = await desk.showing.read_newest(ref.review)
    except (AgentOSError, TimeoutError):
        return None
    return (
        None
        if card.sha256 == ref.sha256
        else ConflictError(render_stale(card).plain_text.removeprefix(_NOT_RECORDED))
    )


def _kept_open(view: Mapping[str, Any], error: Exception) -> str:
    outcome, _ = explained(error)
    if outcome == "defect":
        _log.error("form_failed", form=view.get("callback_id"), exc_info=error)
    return outcome


def _errors(view: Mapping[str, Any], error: Exception) -> dict[str, Any]:
    """The acknowledgement that keeps a form open and says why below its first field."""
    _, message = explained(error)
    fields = [each["block_id"] for each in view.get("blocks") or () if each.get("type") == "input"]
    if not fields:
        return {}
    return {"response_action": "errors", "errors": {fields[0]: message.plain_text[:2_000]}}
