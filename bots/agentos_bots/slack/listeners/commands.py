"""`/agentos …`: what waits, a card, what was spent, who one is. Answers only to who asked.

Above: registering. Below: reading tools on behalf of the person: who is nobody here learns nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

from agentos_bots.slack.cards import render_card
from agentos_bots.slack.commands import (
    CommandName,
    TypedCommand,
    cost_message,
    help_message,
    order_message,
    parse_command,
    status_message,
)
from agentos_bots.slack.digest import render_queue
from agentos_bots.slack.documents import parse_card, parse_waiting
from agentos_bots.slack.interaction import Interaction
from agentos_bots.slack.listeners.desk import Body, Desk, Work
from agentos_bots.slack.messages import Message
from agentos_bots.slack.notices import linked

QUEUE_SIZE = 20

Answer = Callable[[Desk, Interaction, TypedCommand], Awaitable[Message]]


def answer(desk: Desk) -> Work:
    """What typing the command does."""

    async def work(done: Interaction, body: Body) -> None:
        typed = parse_command(str(body.get("text") or ""))
        await desk.tell(done, await _ANSWERS[typed.name](desk, done, typed))

    return work


async def _help(desk: Desk, done: Interaction, typed: TypedCommand) -> Message:
    return help_message(typed.problem)


async def _status(desk: Desk, done: Interaction, typed: TypedCommand) -> Message:
    if typed.argument is None:
        waiting = await desk.as_person(done, "list_waiting", {"limit": 1})
        return status_message(parse_waiting(waiting))
    arguments = {"work_order": typed.argument}
    return order_message(await desk.as_person(done, "get_work_order", arguments))


async def _review(desk: Desk, done: Interaction, typed: TypedCommand) -> Message:
    card = await desk.as_person(done, "get_review_card", {"review": typed.argument})
    return render_card(parse_card(card))


async def _queue(desk: Desk, done: Interaction, typed: TypedCommand) -> Message:
    asked = {"mine": True, "limit": QUEUE_SIZE}
    waiting = await desk.as_person(done, "list_waiting", asked)
    return render_queue(parse_waiting(waiting), datetime.now(UTC))


async def _cost(desk: Desk, done: Interaction, typed: TypedCommand) -> Message:
    group = "role" if typed.argument is None else "action"
    asked = {"work_order": typed.argument, "group_by": [group]}
    return cost_message(await desk.as_person(done, "get_cost_report", asked))


async def _link(desk: Desk, done: Interaction, typed: TypedCommand) -> Message:
    found = await desk.identities.link_by_code(done.user, typed.argument or "", done.key)
    roles = found.get("roles") or []
    return linked(str(found["person"]), [str(role) for role in roles])


_ANSWERS: Mapping[CommandName, Answer] = {
    CommandName.HELP: _help,
    CommandName.STATUS: _status,
    CommandName.REVIEW: _review,
    CommandName.QUEUE: _queue,
    CommandName.COST: _cost,
    CommandName.LINK: _link,
}
