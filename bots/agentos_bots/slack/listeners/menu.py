"""The overflow menu of a card: ask, take over, snooze.

Above: registering. Below: forms, and `snooze_review` for the fixed times.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from agentos_bots.slack.actions import MenuChoice, parse_menu_value
from agentos_bots.slack.interaction import Interaction
from agentos_bots.slack.listeners.decisions import record
from agentos_bots.slack.listeners.desk import Body, Desk, Work, only_action
from agentos_bots.slack.listeners.forms import open_about
from agentos_bots.slack.snoozing import snooze_until
from agentos_bots.slack.web import SlackRefusedError


def choose(desk: Desk) -> Work:
    """What picking an entry of the menu does."""

    async def work(done: Interaction, body: Body) -> None:
        action = only_action(body)
        picked = parse_menu_value(str((action.get("selected_option") or {}).get("value")))
        if picked.choice not in (MenuChoice.SNOOZE_HOUR, MenuChoice.SNOOZE_TOMORROW):
            await open_about(desk, done, picked.choice, picked.ref)
            return
        # Counted from the click, so that a second delivery of it asks for the very same.
        now = datetime.fromtimestamp(float(action.get("action_ts") or time.time()), UTC)
        until = snooze_until(picked.choice, now, await _time_zone(desk, done))
        arguments = {"review": picked.ref.review, "until": until}
        await record(desk, done, picked.ref, "snooze_review", arguments)

    return work


async def _time_zone(desk: Desk, done: Interaction) -> str:
    """Where it is tomorrow; UTC where Slack does not say."""
    try:
        answer = await desk.web.call("users.info", patience_s=2.0, user=done.user.id)
    except SlackRefusedError:
        return "UTC"
    return str((answer.get("user") or {}).get("tz") or "UTC")
