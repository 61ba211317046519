"""An update that Slack carries out late leaves no review on show as it was before, whoever dies."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agentos.testing.slack import Message, SlackEmulator
from tests.agentos_bots.slack.gatehouse import Gatehouse, Submitted, posted

pytestmark = pytest.mark.anyio

GIVES_UP: dict[str, Any] = {"slack_timeout_s": 0.5, "settle_after_s": 1, "shutdown_timeout_s": 0.2}


async def _opened_again(gatehouse: Gatehouse, slack: SlackEmulator) -> tuple[Submitted, Message]:
    """A review that ended, and its card, which the update of the first vote has opened again."""
    work = await gatehouse.submit(quorum=2)
    card = await posted(slack, work.review)
    # The first vote's update is carried out when its bot has given up, and the end is shown.
    async with slack.hold("chat.update", first=1) as late:
        await slack.click(card, "approve", user="UADA")
        await late.arrived()
        await slack.wait_until(lambda: slack.n_calls("chat.update") >= 1, 10)
        await slack.click(card, "approve", user="UBEN")
        await slack.wait_until(lambda: "approve" not in card.buttons, 10)
        assert (await gatehouse.card(work.review))["outcome"] == "approved"
        await _until(gatehouse, work, is_settled=False)
    await slack.wait_until(lambda: "approve" in card.buttons, 10)
    return work, card


async def test_a_card_that_a_late_update_opened_again_is_closed_again_without_a_click(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    async with gatehouse.bot(slack, **GIVES_UP):
        work, card = await _opened_again(gatehouse, slack)
        gatehouse.office.clock.advance(1)
        await slack.wait_until(lambda: "approve" not in card.buttons, 10)
        await _until(gatehouse, work, is_settled=True)
        n_updates = slack.n_calls("chat.update")
        # Once is enough: nothing is rendered without end.
        gatehouse.office.clock.advance(3_600)
        other = await gatehouse.submit("Another")
        shown = await posted(slack, other.review)
        assert slack.n_calls("chat.update") == n_updates
        # Nothing is left to be done about it by the bots of other tests.
        await slack.click(shown, "approve", user="UADA")
        await slack.wait_until(lambda: "approve" not in shown.buttons, 10)


@pytest.mark.nightly
async def test_the_next_click_mends_it_as_well(gatehouse: Gatehouse, slack: SlackEmulator) -> None:
    async with gatehouse.bot(slack, **GIVES_UP):
        _, card = await _opened_again(gatehouse, slack)
        await slack.click(card, "approve", user="UADA")
        await slack.wait_until(lambda: "approve" not in card.buttons, 10)


async def test_what_a_dead_bot_left_unsure_is_looked_at_by_the_next_one(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    async with gatehouse.bot(slack, **GIVES_UP):
        work, card = await _opened_again(gatehouse, slack)
    assert "approve" in card.buttons
    gatehouse.office.clock.advance(1)
    async with gatehouse.bot(slack, **GIVES_UP):
        await slack.wait_until(lambda: "approve" not in card.buttons, 10)
        await _until(gatehouse, work, is_settled=True)


@pytest.mark.nightly
async def test_an_update_of_a_bot_that_died_in_the_middle_of_it_wins_over_nothing_newer(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    async with slack.hold("chat.update", first=1) as late:
        async with gatehouse.bot(slack, shutdown_timeout_s=0.2):
            work = await gatehouse.submit(quorum=2)
            card = await posted(slack, work.review)
            await slack.click(card, "approve", user="UADA")
            await late.arrived()
        await gatehouse.office.vote("reviewer", work.order, work.sha256)
        # The dead bot's lease ends; its update is still under way.
        gatehouse.office.clock.advance(30)
        async with gatehouse.bot(slack, settle_after_s=1):
            await slack.wait_until(lambda: "approve" not in card.buttons, 10)
            await _until(gatehouse, work, is_settled=False)
            late.release()
            await slack.wait_until(lambda: "approve" in card.buttons, 10)
            gatehouse.office.clock.advance(1)
            await slack.wait_until(lambda: "approve" not in card.buttons, 10)


async def _post(gatehouse: Gatehouse, work: Submitted) -> dict[str, object]:
    named = {"channel": "slack", "review": work.review, "part": "card"}
    return await gatehouse.office.call("admin", "get_post", **named)


async def _until(gatehouse: Gatehouse, work: Submitted, *, is_settled: bool) -> None:
    """Until nobody has to look at the card again, or somebody has."""
    async with asyncio.timeout(10):
        while ((await _post(gatehouse, work))["settles_at"] is None) is not is_settled:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
