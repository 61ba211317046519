"""The two ways from Slack to the bot: what gets through signed HTTP, and a socket that comes back."""

from __future__ import annotations

import time
from urllib.parse import quote

import httpx
import pytest

from agentos.testing.slack import SlackEmulator
from agentos_bots.slack.settings import Transport
from tests.agentos_bots.slack.gatehouse import Gatehouse, posted

pytestmark = pytest.mark.anyio

JSON = "application/json"
CHALLENGE = b'{"type":"url_verification","token":"any","challenge":"3eZbrw1a"}'
BODY = b"payload=" + quote('{"type": "block_actions"}').encode()


async def test_only_what_slack_signed_just_now_gets_through(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    # To the second it is tested elsewhere, with a clock that stands still.
    async with gatehouse.bot(slack, "http") as bot:
        now = int(time.time())
        refused = {
            "a word": await slack.deliver_signed(BODY, timestamp="abc"),
            "a fraction": await slack.deliver_signed(BODY, timestamp=f"{now}.5"),
            "other digits": await slack.deliver_signed(BODY, timestamp="-1"),
            "too old": await slack.deliver_signed(BODY, timestamp=str(now - 301)),
            "too new": await slack.deliver_signed(BODY, timestamp=str(now + 400)),
            "forged": await slack.deliver_signed(BODY, signature="v0=" + "0" * 64),
            "no hex": await slack.deliver_signed(BODY, signature="v0=nonsense"),
            "unsigned": await slack.deliver_signed(BODY, signature=""),
        }
        assert {why: status for why, (status, _) in refused.items()} == dict.fromkeys(refused, 401)
        in_time = str(int(time.time()) - 200)
        fresh = await slack.deliver_signed(CHALLENGE, timestamp=in_time, content_type=JSON)
        assert fresh == (200, '{"challenge": "3eZbrw1a"}')
        async with httpx.AsyncClient(base_url=bot.url) as http:
            assert (await http.post("/slack/events", content=BODY)).status_code == 401
            large = await http.post("/slack/events", headers=_dated(), content=b"x" * 1_048_577)
            assert large.status_code == 413
            assert (await http.get("/slack/events")).status_code == 405


async def test_what_is_signed_but_cannot_be_read_is_no_defect_of_the_server(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    async with gatehouse.bot(slack, "http"):
        for body in (b"\xff\xfe", b"payload=%7B", b"payload=[]", b"", b"payload=null"):
            status, _ = await slack.deliver_signed(body)
            assert status < 500, body


async def test_a_socket_that_is_told_to_go_or_is_cut_comes_back_and_works(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    async with gatehouse.bot(slack, "socket"):
        work = await gatehouse.submit(quorum=2)
        card = await posted(slack, work.review)
        await slack.disconnect("refresh_requested")
        await slack.wait_for_connections()
        assert (await slack.click(card, "approve", user="UADA")).acknowledged
        await slack.disconnect(None)
        await slack.wait_until(lambda: slack.n_connections == 0)
        # Slack is unwell when the bot comes back, too.
        slack.fail("apps.connections.open", "internal_error", times=2)
        await slack.wait_for_connections(timeout_s=60)
        assert (await slack.click(card, "approve", user="UBEN")).acknowledged
        await slack.wait_until(lambda: "approve" not in card.buttons)
    assert await gatehouse.votes(work.review) == ["ada", "ben"]


async def test_the_bot_tells_whether_it_is_alive_and_connected_and_what_it_counted(
    gatehouse: Gatehouse, slack: SlackEmulator, mode: Transport
) -> None:
    async with gatehouse.bot(slack, mode) as bot:
        work = await gatehouse.submit()
        card = await posted(slack, work.review)
        await slack.click(card, "approve", user="UADA")
        await slack.wait_until(lambda: "approve" not in card.buttons)
        await bot.desk.at_work.wait()
        async with httpx.AsyncClient(base_url=bot.url) as http:
            assert (await http.get("/healthz")).json() == {"status": "ok"}
            assert (await http.get("/readyz")).json() == {"ready": True}
            figures = (await http.get("/metrics")).text
    assert 'agentos_slack_interaction_seconds_count{kind="block_actions",outcome=' in figures
    assert 'agentos_slack_posts_total{outcome="posted",part="card"} 1.0' in figures
    assert work.review not in figures


async def test_events_and_commands_are_answered_once_though_slack_repeats_them(
    gatehouse: Gatehouse, slack: SlackEmulator, mode: Transport
) -> None:
    async with gatehouse.bot(slack, mode):
        work = await gatehouse.submit()
        await posted(slack, work.review)
        slack.drop_next_ack()
        opened = await slack.open_home("UADA")
        assert opened.acknowledged
        assert opened.attempts == 2
        await slack.wait_until(lambda: slack.home_of("UADA"))
        home = slack.home_of("UADA")
        assert home is not None
        assert "Add a cache" in home.all_text
        asked = await slack.command("/agentos queue", user="UADA")
        assert asked.acknowledged
        await slack.wait_until(lambda: slack.ephemerals("UADA"))
        assert "Add a cache" in slack.ephemerals("UADA")[-1].all_text


def _dated() -> dict[str, str]:
    return {"x-slack-request-timestamp": str(int(time.time())), "x-slack-signature": "v0=0"}
