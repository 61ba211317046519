"""Which listener answers what: buttons, forms, the command, the App Home.

Above: the bot. Below: one module of listeners each.
"""

from __future__ import annotations

import re
from typing import Any

from slack_bolt.async_app import AsyncApp

from agentos_bots.slack.actions import COMMAND, ActionId, CallbackId
from agentos_bots.slack.listeners import commands, decisions, forms, home, menu
from agentos_bots.slack.listeners.desk import Desk

_FORMS = (
    CallbackId.APPROVE,
    CallbackId.REQUEST_CHANGES,
    CallbackId.REJECT,
    CallbackId.CHOOSE,
    CallbackId.ANSWER,
    CallbackId.LABEL,
    CallbackId.ASK,
    CallbackId.TAKE_OVER,
    CallbackId.SNOOZE,
)


def register_listeners(bolt: AsyncApp, desk: Desk) -> None:
    """Have `bolt` answer everything that a person can do."""
    bolt.action(ActionId.APPROVE.value)(desk.acknowledged(decisions.approve(desk)))
    for action in forms.OPENED_BY:
        bolt.action(action.value)(desk.acknowledged(forms.open_form(desk, action)))
    bolt.action(ActionId.MORE.value)(desk.acknowledged(menu.choose(desk)))
    bolt.action(ActionId.HOME_SHOW.value)(desk.acknowledged(home.show_card(desk)))
    for action in home.TURNED_BY:
        bolt.action(action.value)(desk.acknowledged(home.turn_page(desk)))
    for form in _FORMS:
        bolt.view(form.value)(decisions.submission(desk))
    bolt.command(COMMAND)(desk.acknowledged(commands.answer(desk)))
    bolt.event("app_home_opened")(desk.acknowledged(home.open_home(desk)))
    # Links are buttons as well, and want an acknowledgement that they were seen.
    bolt.action(re.compile(".*"))(_seen)
    bolt.view(re.compile(".*"))(_seen)


async def _seen(ack: Any) -> None:
    await ack()
