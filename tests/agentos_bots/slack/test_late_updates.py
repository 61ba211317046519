"""An update that Slack carries out late leaves no ended review open: the next click mends it."""

from __future__ import annotations

import asyncio

import pytest

from agentos.testing.slack import SlackEmulator
from tests.agentos_bots.slack.gatehouse import Gatehouse, posted

pytestmark = pytest.mark.anyio


async def test_a_card_that_a_late_update_opened_again_is_mended_by_the_next_click(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    async with gatehouse.bot(slack, "socket", post_lease_s=1):
        work = await gatehouse.submit(quorum=2)
        card = await posted(slack, work.review)
        # The first vote's update arrives when its bot has long given up, and the end is shown.
        slack.delay("chat.update", 5.0)
        await slack.click(card, "approve", user="UADA")
        # Until its bot gave up: only then may the lease end.
        await asyncio.sleep(2.0)
        gatehouse.office.clock.advance(2)
        await slack.click(card, "approve", user="UBEN")
        await slack.wait_until(lambda: "approve" not in card.buttons, 10)
        await slack.wait_until(lambda: "approve" in card.buttons, 10)
        assert (await gatehouse.card(work.review))["outcome"] == "approved"
        await slack.click(card, "approve", user="UADA")
        await slack.wait_until(lambda: "approve" not in card.buttons, 10)
