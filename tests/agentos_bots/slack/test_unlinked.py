"""Issue 6: whom an admin takes away from a person in Slack stays away, whatever their address says."""

from __future__ import annotations

from functools import partial

import pytest

from agentos.testing.slack import SlackEmulator
from tests.agentos_bots.slack.gatehouse import Gatehouse, posted, told

pytestmark = pytest.mark.anyio

BEN = {"channel": "slack", "external_id": "T1:UBEN"}


async def test_an_unlinked_user_decides_nothing_more_until_a_new_code_says_who_they_are(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    office = gatehouse.office
    async with gatehouse.bot(slack):
        # Not by his confirmed address yet: the bot has never asked for him.
        await _link(gatehouse, slack, 1)
        await office.call("admin", "unlink_identity", **BEN)
        work = await gatehouse.submit()
        card = await posted(slack, work.review)
        for n in (1, 2, 3):
            await slack.click(card, "approve", user="UBEN")
            await slack.wait_until(partial(_is_told_to_link, slack, n))
        assert await gatehouse.votes(work.review) == []
        await _link(gatehouse, slack, 2)
        await slack.click(card, "approve", user="UBEN")
        await slack.wait_until(lambda: "approve" not in card.buttons)
    assert await gatehouse.votes(work.review) == ["ben"]


async def _link(gatehouse: Gatehouse, slack: SlackEmulator, n: int) -> None:
    """Ben says who he is by a code, for the `n`-th time."""
    made = await gatehouse.office.call("admin", "create_link_code", person="ben")
    await slack.command(f"/agentos link {made['code']}", user="UBEN")
    await slack.wait_until(lambda: told(slack, "UBEN").count("You are ben") >= n)


def _is_told_to_link(slack: SlackEmulator, n: int) -> bool:
    return told(slack, "UBEN").count("/agentos link") >= n
