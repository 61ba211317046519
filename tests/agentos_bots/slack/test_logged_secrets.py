"""No logger of the bot or of its libraries is handed a token, however much is logged."""

from __future__ import annotations

import pytest

from agentos.testing.slack import SlackEmulator
from agentos_bots.slack.settings import Transport
from tests.agentos_bots.slack.gatehouse import Gatehouse, posted, told
from tests.loggers import everything_logged

pytestmark = pytest.mark.anyio


async def test_no_logger_is_handed_a_token_at_debug(
    gatehouse: Gatehouse, slack: SlackEmulator, either_mode: Transport
) -> None:
    with everything_logged() as lines:
        async with gatehouse.bot(slack, either_mode):
            work = await gatehouse.submit()
            card = await posted(slack, work.review)
            slack.fail("chat.update", "fatal_error")
            await slack.click(card, "approve", user="UADA")
            await slack.wait_until(lambda: "approve" not in card.buttons, 60)
            code = (await gatehouse.office.call("admin", "create_link_code", person="grace"))[
                "code"
            ]
            await slack.command(f"/agentos link {code}", user="UGRACE")
            await slack.wait_until(lambda: told(slack, "UGRACE"))
    talking = {line.partition(" ")[0].partition(".")[0] for line in lines}
    assert {"slack_bolt", "httpcore2", "agentos_bots"} <= talking, talking
    secrets = {
        "bot": slack.bot_token,
        "app": slack.app_token,
        "signing": slack.signing_secret,
        "server": gatehouse.office.tokens["bot"],
    }
    said = {name: [line for line in lines if secret in line] for name, secret in secrets.items()}
    assert not {name: found[0][:600] for name, found in said.items() if found}
