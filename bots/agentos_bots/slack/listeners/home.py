"""The App Home: a person's queue, page by page, and a card of it in a modal.

Above: registering. Below: `list_waiting` on behalf of the person, the view as a pure function.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from agentos import AgentOSError
from agentos_bots.slack.actions import ActionId, HomePage, parse_home_page, parse_value
from agentos_bots.slack.documents import parse_waiting
from agentos_bots.slack.home import PAGE_SIZE, render_home, render_unlinked_home
from agentos_bots.slack.interaction import Interaction
from agentos_bots.slack.kernel_client import UnlinkedError
from agentos_bots.slack.listeners.desk import Body, Desk, Work, explained, only_action
from agentos_bots.slack.listeners.forms import open_about

TURNED_BY = (ActionId.HOME_PREVIOUS, ActionId.HOME_NEXT, ActionId.HOME_REFRESH)


def open_home(desk: Desk) -> Work:
    """What opening the bot's home tab does."""

    async def work(done: Interaction, body: Body) -> None:
        if (body.get("event") or {}).get("tab", "home") == "home":
            await _publish(desk, done, HomePage())

    return work


def turn_page(desk: Desk) -> Work:
    """What the paging buttons do."""

    async def work(done: Interaction, body: Body) -> None:
        await _publish(desk, done, parse_home_page(str(only_action(body).get("value"))))

    return work


def show_card(desk: Desk) -> Work:
    """What `Show` beside a review does: its card in a modal."""

    async def work(done: Interaction, body: Body) -> None:
        ref = parse_value(str(only_action(body).get("value")))
        await open_about(desk, done, ActionId.HOME_SHOW, ref)

    return work


async def _publish(desk: Desk, done: Interaction, page: HomePage) -> None:
    try:
        view = await _queue(desk, done, page)
    except UnlinkedError:
        view = render_unlinked_home()
    except AgentOSError as error:
        view = _trouble(error)
    await desk.web.call("views.publish", patience_s=10.0, user_id=done.user.id, view=view)


async def _queue(desk: Desk, done: Interaction, page: HomePage) -> dict[str, Any]:
    asked = {"mine": True, "limit": PAGE_SIZE, "cursor": page.cursor}
    found = await desk.as_person(done, "list_waiting", asked)
    person = str(found.get("person") or "You")
    return render_home(parse_waiting(found), person, page, datetime.now(UTC))


def _trouble(error: AgentOSError) -> dict[str, Any]:
    _, message = explained(error)
    return {"type": "home", "blocks": list(message.blocks)}
