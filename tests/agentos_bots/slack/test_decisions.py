"""Clicks that decide, on both transports: recorded once, about what was seen, or told why not.

Each test stands for a defect that another bot shipped (issue 6, the traps).
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from agentos.testing.slack import SlackEmulator, SlackUser
from agentos_bots.slack.settings import Transport
from agentos_governance.sweeper import sweep
from tests.agentos_bots.slack.gatehouse import Gatehouse, posted, relayed, told

pytestmark = pytest.mark.anyio


async def test_a_click_decides_once_however_often_it_is_delivered(
    gatehouse: Gatehouse, slack: SlackEmulator, mode: Transport
) -> None:
    async with gatehouse.bot(slack, mode):
        work = await gatehouse.submit()
        card = await posted(slack, work.review)
        clicked = await slack.click(card, "approve", user="UADA")
        assert clicked.acknowledged
        await slack.wait_until(lambda: "approve" not in card.buttons)
        again = await slack.redeliver(clicked)
        assert again.acknowledged
        assert await gatehouse.votes(work.review) == ["ada"]
        assert (await gatehouse.card(work.review))["outcome"] == "approved"
        assert await gatehouse.office.state(work.order) == "completed"
    assert told(slack, "UADA") == ""
    assert len(slack.messages()) == 1


async def test_ten_clicks_at_once_are_one_vote_and_another_person_makes_the_quorum(
    gatehouse: Gatehouse, slack: SlackEmulator, mode: Transport
) -> None:
    async with gatehouse.bot(slack, mode):
        work = await gatehouse.submit(quorum=2)
        card = await posted(slack, work.review)
        clicks = [slack.click(card, "approve", user="UADA") for _ in range(10)]
        assert all(each.acknowledged for each in await asyncio.gather(*clicks))
        await slack.wait_until(lambda: "ada" in card.all_text)
        assert await gatehouse.votes(work.review) == ["ada"]
        assert "approve" in card.buttons
        await slack.click(card, "approve", user="UBEN")
        await slack.wait_until(lambda: "approve" not in card.buttons)
    assert await gatehouse.office.state(work.order) == "completed"


async def test_who_may_not_decide_is_told_why_and_the_card_stays_open(
    gatehouse: Gatehouse, slack: SlackEmulator, mode: Transport
) -> None:
    guest = SlackUser("UGUEST", "guest", "ben@example.com", is_restricted=True)
    unconfirmed = SlackUser("UMAYBE", "maybe", "ben@example.com", is_email_confirmed=False)
    slack.add_user(guest)
    slack.add_user(unconfirmed)
    async with gatehouse.bot(slack, mode):
        work = await gatehouse.submit()
        card = await posted(slack, work.review)
        for user in ("UEVE", "UGUEST", "UMAYBE", "UGRACE"):
            assert (await slack.click(card, "approve", user=user)).acknowledged
            await slack.wait_until(partial(told, slack, user))
        assert await gatehouse.votes(work.review) == []
        assert "approve" in card.buttons
    for stranger in ("UEVE", "UGUEST", "UMAYBE"):
        assert "/agentos link CODE" in told(slack, stranger)
    # Grace answers for the worker: four eyes are two persons.
    assert "Not recorded" in told(slack, "UGRACE")
    assert "grace" in told(slack, "UGRACE")


async def test_a_click_on_an_old_card_is_refused_with_what_changed(
    gatehouse: Gatehouse, slack: SlackEmulator, mode: Transport
) -> None:
    async with gatehouse.bot(slack, mode):
        work = await gatehouse.submit()
        card = await posted(slack, work.review)
        seen = card.snapshot()
        await gatehouse.office.vote("reviewer", work.order, work.sha256, "request_changes")
        await slack.wait_until(lambda: "approve" not in card.buttons)
        await gatehouse.office.claim("w1", work.order)
        newer = await gatehouse.resubmit(work.order)
        await posted(slack, newer.review)
        assert (await slack.click(seen, "approve", user="UADA")).acknowledged
        await slack.wait_until(lambda: told(slack, "UADA"))
        assert await gatehouse.votes(newer.review) == []
    assert "Not recorded" in told(slack, "UADA")


async def test_what_ended_by_time_is_told_as_expired_never_as_denied(
    gatehouse: Gatehouse, slack: SlackEmulator, mode: Transport
) -> None:
    async with gatehouse.bot(slack, mode):
        work = await gatehouse.submit()
        card = await posted(slack, work.review)
        seen = card.snapshot()
        gatehouse.office.clock.advance(8 * 86_400)
        await sweep(gatehouse.office.kernel)
        await slack.wait_until(lambda: "approve" not in card.buttons)
        await slack.click(seen, "approve", user="UADA")
        await slack.wait_until(lambda: told(slack, "UADA"))
    for text in (card.all_text.lower(), told(slack, "UADA").lower()):
        assert "expired" in text
        assert "denied" not in text
        assert "reject" not in text


async def test_a_click_while_the_server_is_away_is_told_as_not_recorded_and_a_later_one_counts(
    gatehouse: Gatehouse, slack: SlackEmulator, mode: Transport
) -> None:
    async with (
        relayed(gatehouse) as relay,
        gatehouse.bot(slack, mode, server=relay.url, call_timeout_s=2.0),
    ):
        work = await gatehouse.submit()
        card = await posted(slack, work.review)
        await relay.cut()
        assert (await slack.click(card, "approve", user="UADA")).acknowledged
        await slack.wait_until(lambda: told(slack, "UADA"))
        assert "Not recorded" in told(slack, "UADA")
        assert "approve" in card.buttons
        await relay.mend()
        await slack.click(card, "approve", user="UADA")
        await slack.wait_until(lambda: "approve" not in card.buttons)
    assert await gatehouse.votes(work.review) == ["ada"]


async def test_a_button_that_carries_nonsense_is_acknowledged_and_answered(
    gatehouse: Gatehouse, slack: SlackEmulator, mode: Transport
) -> None:
    """The work fails within the instant after the acknowledgement, where bolt would lose it."""
    async with gatehouse.bot(slack, mode):
        work = await gatehouse.submit()
        card = (await posted(slack, work.review)).snapshot()
        card.buttons["approve"]["value"] = "{}"
        for _ in range(3):
            assert (await slack.click(card, "approve", user="UADA")).acknowledged
        await slack.wait_until(lambda: told(slack, "UADA").count("Not recorded") >= 3)
    assert await gatehouse.votes(work.review) == []


async def test_a_form_that_opens_too_late_is_told_and_opens_at_the_next_click(
    gatehouse: Gatehouse, slack: SlackEmulator, mode: Transport
) -> None:
    async with gatehouse.bot(slack, mode):
        work = await gatehouse.submit()
        card = await posted(slack, work.review)
        slack.fail("views.open", "expired_trigger_id")
        assert (await slack.click(card, "reject", user="UADA")).acknowledged
        await slack.wait_until(lambda: "press the button again" in told(slack, "UADA"))
        await slack.click(card, "reject", user="UADA")
        await slack.wait_until(lambda: _form(slack))
        sent = await slack.submit(_form(slack), {"reason": "It breaks the cache of others"})
        assert sent.is_closed
        await slack.wait_until(lambda: "approve" not in card.buttons)
    assert (await gatehouse.card(work.review))["outcome"] == "rejected"
    assert "It breaks the cache of others" in card.all_text


async def test_a_form_sent_while_the_server_is_away_stays_open_with_its_text(
    gatehouse: Gatehouse, slack: SlackEmulator, mode: Transport
) -> None:
    async with (
        relayed(gatehouse) as relay,
        gatehouse.bot(slack, mode, server=relay.url, call_timeout_s=2.0),
    ):
        work = await gatehouse.submit()
        card = await posted(slack, work.review)
        await slack.click(card, "reject", user="UADA")
        await slack.wait_until(lambda: _form(slack))
        await relay.cut()
        reason = {"reason": "It breaks the cache of others"}
        sent = await slack.submit(_form(slack), reason)
        assert sent.delivery is not None
        assert sent.delivery.acknowledged
        assert "Not recorded" in sent.errors["reason"]
        assert not sent.is_closed
        await relay.mend()
        assert (await slack.submit(_form(slack), reason)).is_closed
        await slack.wait_until(lambda: "approve" not in card.buttons)
    assert (await gatehouse.card(work.review))["outcome"] == "rejected"


def _form(slack: SlackEmulator) -> Any:
    """The form that Ada sees, once it has replaced the stand-in."""
    view = slack.view_of("UADA")
    return view if view is not None and view.callback_id == "agentos.reject" else None
