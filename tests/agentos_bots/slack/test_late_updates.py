"""An update that Slack carries out late leaves no review on show as it was before, whoever dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from agentos import format_time
from agentos.testing.slack import Message, SlackEmulator
from tests.agentos_bots.slack.gatehouse import Gatehouse, Submitted, posted

pytestmark = pytest.mark.anyio

GIVES_UP: dict[str, Any] = {
    # What is not held is answered in time, also where the machine is busy.
    "slack_timeout_s": 2.0,
    "settle_after_s": 1,
    "shutdown_timeout_s": 0.2,
    # The clock stands still until a test moves it: how often a bot asks whether it has.
    "resync_every_s": 0.2,
}


@asynccontextmanager
async def _late(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> AsyncIterator[tuple[Submitted, Message]]:
    """A review that ended, and its card, which shows it; at the end an older update comes over it."""
    work = await gatehouse.submit(quorum=2)
    card = await posted(slack, work.review)
    # The first vote's update is carried out when its bot has given up, and the end is shown.
    async with slack.hold("chat.update", first=1, ts=card.ts) as late:
        await slack.click(card, "approve", user="UADA")
        await late.arrived()
        await slack.wait_until(lambda: _n_updates(slack, card) >= 1, 60)
        await slack.click(card, "approve", user="UBEN")
        await slack.wait_until(lambda: "approve" not in card.buttons, 60)
        assert (await gatehouse.card(work.review))["outcome"] == "approved"
        await _until(gatehouse, work, is_settled=False)
        yield work, card


async def _opened_again(gatehouse: Gatehouse, slack: SlackEmulator) -> tuple[Submitted, Message]:
    """A review that ended, and its card, which the update of the first vote has opened again."""
    async with _late(gatehouse, slack) as (work, card):
        pass
    await slack.wait_until(lambda: "approve" in card.buttons, 60)
    return work, card


async def _looked(
    gatehouse: Gatehouse,
    slack: SlackEmulator,
    shown: tuple[Submitted, Message],
    pauses_s: Sequence[int],
) -> None:
    """Let the pauses pass; each ends with one look, however many bots there are."""
    clock, (work, card) = gatehouse.office.clock, shown
    for pause_s in pauses_s:
        due_at = format_time(clock.now() + timedelta(seconds=pause_s))
        assert (await _post(gatehouse, work))["settles_at"] == due_at
        n_looks = _n_looks(slack, card)
        clock.advance(pause_s)
        async with asyncio.timeout(60):
            while (await _post(gatehouse, work))["recorded_at"] != due_at:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert _n_looks(slack, card) == n_looks + 1


async def test_a_card_that_a_late_update_opened_again_is_closed_again_without_a_click(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    async with gatehouse.bot(slack, **GIVES_UP):
        work, card = await _opened_again(gatehouse, slack)
        await _looked(gatehouse, slack, (work, card), (1,))
        assert "approve" not in card.buttons
        n_updates = _n_updates(slack, card)
        await _looked(gatehouse, slack, (work, card), (2, 4, 8, 16))
        await _until(gatehouse, work, is_settled=True)
        # Nothing was rendered that was there already.
        assert _n_updates(slack, card) == n_updates
        n_looks = _n_looks(slack, card)
        gatehouse.office.clock.advance(3_600)
        other = await gatehouse.submit("Another")
        shown = await posted(slack, other.review)
        assert _n_looks(slack, card) == n_looks
        # Nothing is left to be done about it by the bots of other tests.
        await slack.click(shown, "approve", user="UADA")
        await slack.wait_until(lambda: "approve" not in shown.buttons, 60)


async def test_an_update_that_comes_after_the_first_look_is_found_by_a_later_one(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    async with gatehouse.bot(slack, **GIVES_UP), gatehouse.bot(slack, **GIVES_UP):
        async with _late(gatehouse, slack) as (work, card):
            # Slack agrees at first, for it has not done what it was asked yet.
            await _looked(gatehouse, slack, (work, card), (1, 2, 4))
            n_updates = _n_updates(slack, card)
        await slack.wait_until(lambda: "approve" in card.buttons, 60)
        await _looked(gatehouse, slack, (work, card), (8,))
        assert "approve" not in card.buttons
        assert _n_updates(slack, card) == n_updates + 2
        await _looked(gatehouse, slack, (work, card), (16,))
        await _until(gatehouse, work, is_settled=True)


@pytest.mark.nightly
async def test_the_next_click_mends_it_as_well(gatehouse: Gatehouse, slack: SlackEmulator) -> None:
    async with gatehouse.bot(slack, **GIVES_UP):
        _, card = await _opened_again(gatehouse, slack)
        await slack.click(card, "approve", user="UADA")
        await slack.wait_until(lambda: "approve" not in card.buttons, 60)


async def test_what_a_dead_bot_left_unsure_is_looked_at_by_the_next_one(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    async with gatehouse.bot(slack, **GIVES_UP):
        work, card = await _opened_again(gatehouse, slack)
    for pauses_s in ((1, 2), (4, 8, 16)):
        async with gatehouse.bot(slack, **GIVES_UP):
            await _looked(gatehouse, slack, (work, card), pauses_s)
            assert "approve" not in card.buttons
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
            await slack.wait_until(lambda: "approve" not in card.buttons, 60)
            await _until(gatehouse, work, is_settled=False)
            late.release()
            await slack.wait_until(lambda: "approve" in card.buttons, 60)
            gatehouse.office.clock.advance(1)
            await slack.wait_until(lambda: "approve" not in card.buttons, 60)


def _n_looks(slack: SlackEmulator, card: Message) -> int:
    """How often somebody asked Slack what this card shows."""
    asked = [call for call in slack.calls if call.method == "conversations.history"]
    return len([call for call in asked if call.arguments.get("latest") == card.ts])


def _n_updates(slack: SlackEmulator, card: Message) -> int:
    sent = [call for call in slack.calls if call.method == "chat.update"]
    return len([call for call in sent if call.arguments.get("ts") == card.ts])


async def _post(gatehouse: Gatehouse, work: Submitted) -> dict[str, object]:
    named = {"channel": "slack", "review": work.review, "part": "card"}
    return await gatehouse.office.call("admin", "get_post", **named)


async def _until(gatehouse: Gatehouse, work: Submitted, *, is_settled: bool) -> None:
    """Until nobody has to look at the card again, or somebody has."""
    async with asyncio.timeout(60):
        while ((await _post(gatehouse, work))["settles_at"] is None) is not is_settled:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
