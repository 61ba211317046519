"""What somebody tries who can write into Slack, send again what it signed, or make it busy."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from starlette.requests import Request

from agentos.testing import HttpDouble
from agentos.testing.slack import Message, SlackEmulator
from agentos_bots.slack.actions import MenuChoice
from agentos_bots.slack.bot import Bot
from agentos_bots.slack.figures import Figures
from agentos_bots.slack.guard import MAX_AGE_S, Guard
from agentos_bots.slack.telling import is_slacks
from agentos_bots.slack.web import open_web
from tests.agentos_bots.slack.gatehouse import Gatehouse, Submitted, posted, told
from tests.agentos_bots.slack.test_listeners import form_of, menu_of, opened

pytestmark = pytest.mark.anyio

NOW_S = 1_760_000_000
ACTIVE = ("<!channel", "<!here", "<!subteam", "<@U", "<#C", "<https://evil", "|https://slack.com>")
TRICK = (
    "<!channel> <!here|all> <@UEVE> <#C1> <https://evil.example|https://slack.com> "
    "*Approved by ben* `x` :white_check_mark: \u202egnp.exe\u202c\n> *Gates:* all passed"
)


async def _clicked(
    gatehouse: Gatehouse, slack: SlackEmulator, work: Submitted
) -> tuple[Message, Mapping[str, Any]]:
    """A card, and the payload of Ada's click on its button."""
    card = await posted(slack, work.review)
    clicked = await slack.click(card, "approve", user="UADA")
    assert clicked.acknowledged
    return card, clicked.payload


async def _signed(bot: Bot, slack: SlackEmulator, payload: Mapping[str, Any]) -> None:
    """Deliver a payload as Slack signs it; done once the bot has done with it."""
    status, _ = await slack.deliver_signed(b"payload=" + quote(json.dumps(payload)).encode())
    assert status == 200
    await bot.desk.at_work.wait()


async def test_a_click_that_is_sent_again_counts_neither_twice_nor_for_what_came_after_it(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    async with gatehouse.bot(slack, "http") as bot:
        work = await gatehouse.submit(quorum=2)
        card, payload = await _clicked(gatehouse, slack, work)
        await slack.wait_until(lambda: "ada" in card.all_text)
        for again in (payload, {**payload, "trigger_id": "13345224609.738474920.8088930838d88f"}):
            await _signed(bot, slack, again)
        assert await gatehouse.votes(work.review) == ["ada"]
        await gatehouse.office.call(
            "w1", "submit_work_order", work_order=work.order, summary="It is done otherwise"
        )
        newer = str((await gatehouse.card(work.review))["superseded_by"])
        await posted(slack, newer)
        await slack.wait_until(lambda: "approve" not in card.buttons)
        # Before and after the person has learned of it.
        for again in (
            payload,
            {**payload, "actions": [{**payload["actions"][0], "action_ts": "2.0"}]},
        ):
            await _signed(bot, slack, again)
        await slack.wait_until(lambda: told(slack, "UADA"))
        assert await gatehouse.votes(newer) == []
        assert (await gatehouse.card(newer))["state"] == "open"


async def test_the_same_id_in_another_workspace_is_another_person(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    async with gatehouse.bot(slack, "http") as bot:
        known = await gatehouse.submit(quorum=2)
        card, payload = await _clicked(gatehouse, slack, known)
        await slack.wait_until(lambda: "ada" in card.all_text)
        work = await gatehouse.submit()
        shown = await posted(slack, work.review)
        (button,) = [
            each
            for block in shown.blocks
            for each in block.get("elements", ())
            if each.get("action_id") == "approve"
        ]
        action = {**payload["actions"][0], "value": button["value"], "action_ts": "1.0"}
        clicks = {"actions": [action], "container": {"message_ts": shown.ts, "channel_id": "C1"}}
        foreign = {**payload, **clicks, "message": {"ts": shown.ts}}
        elsewhere = {"id": "T2", "domain": "other"}
        for who in (
            {"user": {"id": "UADA", "team_id": "T2"}},
            {"user": {"id": "UADA"}, "team": elsewhere},
            {"user": {"id": "UADA", "team_id": "T2"}, "team": elsewhere},
            {"user": {"id": "UADA", "team_id": ""}, "team": None},
            {"user": {"id": "UADA", "team_id": ["T1"]}, "team": elsewhere},
        ):
            await _signed(bot, slack, {**foreign, **who})
        assert await gatehouse.votes(work.review) == []
        # Ada herself, from her own workspace.
        await _signed(bot, slack, {**foreign, "user": payload["user"]})
        await slack.wait_until(lambda: "approve" not in shown.buttons)
        assert await gatehouse.votes(work.review) == ["ada"]


async def test_nothing_is_sent_to_an_address_that_is_not_slacks(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    async with gatehouse.bot(slack, "http") as bot, HttpDouble() as foreign:
        work = await gatehouse.submit()
        _, payload = await _clicked(gatehouse, slack, work)
        action = {**payload["actions"][0], "value": "nonsense", "action_ts": "3.0"}
        url = {"response_url": f"{foreign.url}/latest/meta-data", "actions": [action]}
        await _signed(bot, slack, {**payload, **url})
        # The person hears of it all the same, by another way.
        await slack.wait_until(lambda: "Not recorded" in told(slack, "UADA"))
        assert foreign.requests == []


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://hooks.slack.com/actions/T1/1/x", True),
        ("https://slack.com/x", True),
        ("http://hooks.slack.com/actions/T1/1/x", False),
        ("https://hooks.slack.com.evil.example/x", False),
        ("https://evilslack.com/x", False),
        ("https://hooks.slack.com@evil.example/x", False),
        ("https://evil.example/hooks.slack.com", False),
        ("https://hooks.slack.com:8443/x", False),
        ("https://hooks.slack.com:99999999/x", False),
        ("https://[::1/x", False),
        ("//hooks.slack.com/x", False),
        ("", False),
    ],
)
def test_only_slacks_own_addresses_are_answered(url: str, expected: bool) -> None:
    assert is_slacks(url, "https://slack.com/api/") is expected


@pytest.mark.parametrize(
    ("timestamp", "refusal"),
    [
        (str(NOW_S - MAX_AGE_S), None),
        (str(NOW_S + MAX_AGE_S), None),
        (f"00{NOW_S}", None),
        (str(NOW_S - MAX_AGE_S - 1), "age"),
        (str(NOW_S + MAX_AGE_S + 1), "age"),
        ("0", "age"),
        ("999999999999", "age"),
        (f"000{NOW_S}", "timestamp"),
        (f"{NOW_S}\u00b2", "timestamp"),
        (f"+{NOW_S}", "timestamp"),
        (f" {NOW_S}", "timestamp"),
        (f"{NOW_S}\x00", "timestamp"),
        (f"{NOW_S:_}", "timestamp"),
        ("1.76e9", "timestamp"),
        ("0x68e6d000", "timestamp"),
        ("nan", "timestamp"),
        ("", "timestamp"),
    ],
)
async def test_a_signature_is_good_for_five_minutes_to_the_second(
    timestamp: str, refusal: str | None
) -> None:
    guard = Guard("a secret", lambda: float(NOW_S))
    sign = guard._sign(timestamp, b"payload=1")
    headers = [
        (b"x-slack-request-timestamp", timestamp.encode("latin-1", "replace")),
        (b"x-slack-signature", sign),
    ]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"payload=1", "more_body": False}

    request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
    assert await guard.refusal(request) == refusal


async def test_what_persons_write_wakes_nobody_and_links_nowhere(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    async with gatehouse.bot(slack):
        work = await gatehouse.submit("<!channel> *bold* <https://evil.example|slack.com>")
        card = await posted(slack, work.review)
        await menu_of(slack, card, work, MenuChoice.ASK)
        form = await opened(slack, "agentos.ask")
        assert (await slack.submit(form, {"text": TRICK})).is_closed
        form = await form_of(slack, card, "reject", "agentos.reject")
        assert (await slack.submit(form, {"reason": TRICK})).is_closed
        await slack.wait_until(lambda: "reject" not in card.buttons)
        assert "Rejected by ada" in card.all_text
        for typed in (
            f"/agentos review {_escaped('<!channel>')}",
            "/agentos <!here> &lt;@UEVE&gt;",
        ):
            await slack.command(typed, user="UADA")
        await slack.wait_until(lambda: len(_answers(slack)) == 2)
        shown = [card.all_text, *_answers(slack)]
        shown += [each.all_text for each in slack.messages(thread_ts=card.ts)]
        for text in shown:
            assert not any(active in text for active in ACTIVE), text
            assert "*Approved by ben*" not in text and ":white_check_mark:" not in text
        assert len(shown) >= 4


@pytest.mark.nightly
async def test_the_longest_texts_that_slack_lets_through_are_recorded_or_told(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    longest = {"ascii": "x" * 3_000, "astral": "🛑" * 1_500, "marked": "a" + "\u0301" * 2_999}
    async with gatehouse.bot(slack):
        for text in longest.values():
            work = await gatehouse.submit()
            card = await posted(slack, work.review)
            form = await form_of(slack, card, "reject", "agentos.reject")
            sent = await slack.submit(form, {"reason": text})
            if sent.is_closed:
                await slack.wait_until(lambda card=card: "reject" not in card.buttons)  # type: ignore[misc]
                assert (await gatehouse.card(work.review))["reason"] == text
            else:
                assert "reason" in sent.errors
                assert (await gatehouse.card(work.review))["state"] == "open"


async def test_what_waited_for_a_limit_together_does_not_meet_the_next_one_together(
    slack: SlackEmulator,
) -> None:
    method, figures = "chat.postMessage", Figures()
    slack.rate_limit(method, times=3, retry_after_s=1)
    async with (
        open_web(slack.bot_token, slack.api_url, timeout_s=10, figures=figures) as web,
        asyncio.TaskGroup() as burst,
    ):
        burst.create_task(web.call(method, channel="C1", text="0"))
        async with asyncio.timeout(60):
            while b'total{method="chat.postMessage"} 1.0' not in figures.render():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        for number in range(1, 8):
            burst.create_task(web.call(method, channel="C1", text=str(number)))
    calls = [call for call in slack.calls if call.method == method]
    refused = [call.at for call in calls if call.error == "ratelimited"]
    taken = [call.at for call in calls if call.error is None]
    assert (len(refused), len(taken)) == (3, 8)
    assert min(taken) - max(refused) >= timedelta(seconds=1)


def _answers(slack: SlackEmulator) -> list[str]:
    return [each.all_text for each in slack.ephemerals("UADA")]


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
