"""The App Home: a person's queue, a page at a time.

Above: the listener of `app_home_opened` and of the paging buttons. Below: `queue_lines`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from agentos_bots.slack.actions import ActionId, HomePage, ReviewRef
from agentos_bots.slack.block_kit import Block, actions, button, context, divider, header, section
from agentos_bots.slack.documents import Waiting, WaitingPage
from agentos_bots.slack.escaping import prose
from agentos_bots.slack.queue_lines import counted, queue_line
from agentos_bots.slack.times import in_words

PAGE_SIZE: Final = 20
"""Reviews of a page; pass it to `list_waiting` as `limit`."""


def render_home(waiting: WaitingPage, person: str, page: HomePage, now: datetime) -> Block:
    """The view for `views.publish`: what waits for `person` at `now`, the longest waiting first."""
    total = counted(waiting.n_open)
    blocks = [
        header("Waiting for your decision"),
        section(f"*{prose(person, 120)}:* " + (total or "nothing waits for you.")),
    ]
    for one in waiting.reviews[:PAGE_SIZE]:
        blocks += [divider(), _entry(one, now)]
    blocks += [divider(), _paging(waiting, page)]
    blocks.append(context(f"As of {in_words(now)}. `/agentos help` lists the commands."))
    return {"type": "home", "blocks": blocks}


def render_unlinked_home() -> Block:
    """The view of somebody whom the server does not know as a person yet."""
    return {
        "type": "home",
        "blocks": [
            header("Who are you?"),
            section(
                "AgentOS does not know yet which person you are, so you cannot decide anything. "
                "Ask an administrator to enter you with your e-mail address, or get a one-time "
                "code with `agentos person link-code` and send it here: `/agentos link CODE`."
            ),
        ],
    }


def _entry(one: Waiting, now: datetime) -> Block:
    value = ReviewRef(one.id, one.sha256).to_value()
    show = button(ActionId.HOME_SHOW, "Show", value, label=f"Show review {one.id}")
    return section(queue_line(one, now), show)


def _paging(waiting: WaitingPage, page: HomePage) -> Block:
    elements = [button(ActionId.HOME_REFRESH, "Refresh", page.to_value())]
    if page != HomePage():
        previous = page.previous().to_value()
        elements.insert(0, button(ActionId.HOME_PREVIOUS, "Previous page", previous))
    if waiting.next_cursor is not None:
        value = page.next(waiting.next_cursor).to_value()
        elements.append(button(ActionId.HOME_NEXT, "Next page", value))
    return actions("home.paging", elements)
