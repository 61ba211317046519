"""Every part of a review is posted once and ends up current, whatever is lost or slow on the way."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from agentos.testing.slack import Message, SlackEmulator
from agentos_bots.slack import event_feed
from agentos_governance.sweeper import sweep
from tests.agentos_bots.slack.gatehouse import Gatehouse, posted, relayed

pytestmark = pytest.mark.anyio


async def test_two_bots_at_once_post_a_review_once_and_both_keep_it_current(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    async with gatehouse.bot(slack), gatehouse.bot(slack):
        works = await asyncio.gather(*(gatehouse.submit(f"Work {n}") for n in range(4)))
        cards = [await posted(slack, work.review) for work in works]
        for card in cards:
            await slack.click(card, "approve", user="UADA")
        await slack.wait_until(lambda: not any("approve" in card.buttons for card in cards))
    assert slack.n_calls("chat.postMessage") == len(works)


async def test_a_post_whose_answer_is_lost_is_found_again_and_not_repeated(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    slack.post_but_lose_answer()
    async with gatehouse.bot(slack) as bot:
        work = await gatehouse.submit()
        card = await posted(slack, work.review)
        await slack.click(card, "approve", user="UADA")
        await slack.wait_until(lambda: "approve" not in card.buttons)
        assert b'agentos_slack_posts_total{outcome="found",part="card"} 1.0' in bot.figures.render()
    assert slack.n_calls("chat.postMessage") == 1


async def test_a_message_that_another_app_planted_does_not_stand_in_the_place_of_a_card(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    slack.post_but_lose_answer()
    async with gatehouse.bot(slack):
        async with slack.hold("conversations.history") as held:
            work = await gatehouse.submit()
            await held.arrived(1)
            # What a bot finds that looks whether it has posted: the same metadata, another author.
            planted = await posted(slack, work.review)
            planted.bot_id = "B0THER"
        await slack.wait_until(lambda: len(slack.messages()) == 2)
        (card,) = [each for each in slack.messages() if each.bot_id != planted.bot_id]
        await slack.click(card, "approve", user="UADA")
        await slack.wait_until(lambda: "approve" not in card.buttons)
    assert planted.n_edits == 0


async def test_a_rate_limit_is_obeyed_and_the_post_comes_once(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    slack.rate_limit("chat.postMessage", retry_after_s=1)
    async with gatehouse.bot(slack):
        work = await gatehouse.submit()
        await posted(slack, work.review)
    refused, taken = [call for call in slack.calls if call.method == "chat.postMessage"]
    assert refused.error == "ratelimited"
    assert taken.at - refused.at >= timedelta(seconds=1)


async def test_trouble_of_slack_delays_a_post_and_does_not_double_it(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    slack.fail_http("chat.postMessage", times=2)
    slack.fail_http("chat.update")
    async with gatehouse.bot(slack):
        work = await gatehouse.submit()
        card = await posted(slack, work.review)
        await slack.click(card, "approve", user="UADA")
        await slack.wait_until(lambda: "approve" not in card.buttons)
    assert slack.n_calls("chat.postMessage", ok=True) == 1


async def test_a_slow_update_of_one_bot_never_leaves_the_older_state_on_show(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    async with gatehouse.bot(slack), gatehouse.bot(slack):
        work = await gatehouse.submit(quorum=2)
        card = await posted(slack, work.review)
        async with slack.hold("chat.update", ts=card.ts) as held:
            await slack.click(card, "approve", user="UADA")
            await held.arrived()
            # The review ends while the message with one vote is still on its way.
            await slack.click(card, "approve", user="UBEN")
        await slack.wait_until(lambda: "approve" not in card.buttons)
        assert (await gatehouse.card(work.review))["outcome"] == "approved"


async def test_what_happens_while_no_bot_runs_is_shown_by_the_next_one(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    async with gatehouse.bot(slack):
        decided = await gatehouse.submit("Decided meanwhile")
        card = await posted(slack, decided.review)
    await gatehouse.office.vote("reviewer", decided.order, decided.sha256)
    unseen = await gatehouse.submit("Over before anybody saw it")
    await gatehouse.office.vote("reviewer", unseen.order, unseen.sha256)
    waiting = await gatehouse.submit("Waiting")
    async with gatehouse.bot(slack):
        await posted(slack, waiting.review)
        await slack.wait_until(lambda: "approve" not in card.buttons)
    assert not slack.messages(metadata={"review": unseen.review})


async def test_what_ends_after_the_very_first_bot_stopped_is_shown_by_the_next_one(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    # It waits already when the first bot starts: no event comes that makes the bot move its cursor.
    work = await gatehouse.submit()
    async with gatehouse.office.kernel.database.connection() as connection:
        await connection.execute("delete from governance.channel_cursor")
    async with gatehouse.bot(slack):
        card = await posted(slack, work.review)
    await gatehouse.office.vote("reviewer", work.order, work.sha256)
    async with gatehouse.bot(slack):
        await slack.wait_until(lambda: "approve" not in card.buttons, 60)


async def test_a_stream_that_breaks_is_followed_again_from_where_it_was(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    async with relayed(gatehouse) as relay, gatehouse.bot(slack, server=relay.url):
        first = await gatehouse.submit("First")
        await posted(slack, first.review)
        await relay.cut()
        second = await gatehouse.submit("Second")
        await relay.mend()
        await posted(slack, second.review)
        third = await gatehouse.submit("Third")
        await posted(slack, third.review)
    assert slack.n_calls("chat.postMessage", ok=True) == 3


async def test_a_reminder_and_an_escalation_are_posted_once_below_the_card(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    await gatehouse.office.call("admin", "set_person", name="ben", escalation=1)
    async with gatehouse.bot(slack), gatehouse.bot(slack):
        # Whoever has been recognised once is notified by name.
        await slack.command("/agentos status", user="UBEN")
        work = await gatehouse.submit()
        card = await posted(slack, work.review)
        for hours in (5, 20):
            gatehouse.office.clock.advance(hours * 3_600)
            await sweep(gatehouse.office.kernel)
        for part in ("reminder:1", "reminder:2", "escalation:1"):
            assert (await posted(slack, work.review, part)).thread_ts == card.ts
        assert "<@UBEN>" in (await posted(slack, work.review, "escalation:1")).all_text
    await gatehouse.office.call("admin", "set_person", name="ben", escalation=0)
    assert len(slack.messages(thread_ts=card.ts)) == 4


async def test_a_channel_that_is_not_there_hides_no_other_review(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    slack.fail("chat.postMessage", "channel_not_found")
    async with gatehouse.bot(slack, post_lease_s=1, resync_every_s=0.2):
        lost = await gatehouse.submit("Lost")
        await slack.wait_until(lambda: slack.n_calls("chat.postMessage", ok=False))
        shown = await gatehouse.submit("Shown")
        await posted(slack, shown.review)
        # It is tried again, after somebody has invited the bot.
        await posted(slack, lost.review)


async def test_saving_the_cursor_gives_no_reason_to_save_it_again(
    gatehouse: Gatehouse, slack: SlackEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_feed, "SAVE_EVERY_S", 0.01)
    async with gatehouse.bot(slack):
        work = await gatehouse.submit()
        await posted(slack, work.review)
        # What the posting itself left is saved first; then nothing is, whatever is read meanwhile.
        async with asyncio.timeout(60):
            before = -1
            while (now := await _saves(gatehouse)) != before:
                before = now
                for _ in range(20):
                    await gatehouse.card(work.review)


async def _saves(gatehouse: Gatehouse) -> int:
    finished = await gatehouse.office.events(type="call.finished")
    return len([event for event in finished if event["data"].get("tool") == "save_cursor"])


async def test_a_digest_reaches_each_person_once_a_day(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    async with gatehouse.bot(slack), gatehouse.bot(slack):
        # Ada has said who she is; in which Slack user Grace is, nobody knows.
        await slack.command("/agentos status", user="UADA")
        work = await gatehouse.submit("Waits for Ada")
        await posted(slack, work.review)
        slack.post_but_lose_answer()
        gatehouse.office.clock.advance(86_400)
        await sweep(gatehouse.office.kernel)
        await slack.wait_until(lambda: _digests(slack, "ada"))
        await sweep(gatehouse.office.kernel)
        after = await gatehouse.submit("Posted after the digest")
        await posted(slack, after.review)
    (digest,) = _digests(slack, "ada")
    assert "Waits for Ada" in digest.all_text
    assert _digests(slack, "grace") == []


def _digests(slack: SlackEmulator, person: str) -> list[Message]:
    """What a person was sent of them, in direct messages."""
    sent = [call.arguments for call in slack.calls if call.method == "chat.postMessage"]
    direct = {str(each["channel"]) for each in sent if str(each["channel"]).startswith("D")}
    found = [each for channel in direct for each in slack.messages(channel)]
    return [each for each in found if f":{person}" in str(each.metadata)]
