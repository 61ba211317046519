"""Socket Mode and signed HTTP as the real libraries see them: failures included (issue 6)."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from aiohttp import ClientSession, WSServerHandshakeError
from slack_sdk.web.async_client import AsyncWebClient

from agentos.testing import HttpDouble
from agentos.testing.slack import SlackEmulator, SlackUser
from tests.agentos.testing.slack.review_app import CARD, client_of, running_app

pytestmark = pytest.mark.anyio

USERS = [SlackUser("UADA", "ada")]


@pytest.fixture
async def slack() -> AsyncIterator[SlackEmulator]:
    # More than Slack gives an app: one on a busy machine is not late.
    async with SlackEmulator(users=USERS, ack_timeout_s=60.0) as slack:
        yield slack


async def socket_url(slack: SlackEmulator, session: ClientSession) -> str:
    client = AsyncWebClient(base_url=slack.api_url, session=session)
    opened = await client.apps_connections_open(app_token=slack.app_token)
    return str(opened["url"])


async def test_an_event_goes_to_one_of_the_connections_by_chance(slack: SlackEmulator) -> None:
    async with AsyncExitStack() as stack:
        apps = [await stack.enter_async_context(running_app(slack, "socket")) for _ in range(3)]
        for _ in range(30):
            assert (await slack.say("hello", user="UADA")).acknowledged
        counts = [sum(kind == "message" for kind, _ in app.heard) for app in apps]
    assert sum(counts) == 30 and all(counts)


async def test_a_refreshed_connection_gets_nothing_and_its_app_comes_back(
    slack: SlackEmulator,
) -> None:
    async with running_app(slack, "socket") as app:
        await slack.disconnect("refresh_requested")
        assert slack.n_connections == 0
        assert (await slack.command("/agentos", user="UADA")).failure == "no_connection"
        await slack.wait_for_connections()
        assert (await slack.say("hello", user="UADA")).acknowledged
        assert ("message", "hello") in app.heard
        assert slack.n_calls("apps.connections.open") == 2


async def test_a_cut_connection_fails_what_waits_on_it(slack: SlackEmulator) -> None:
    async with ClientSession() as session:
        socket = await session.ws_connect(await socket_url(slack, session))
        assert (await socket.receive_json())["type"] == "hello"
        saying = asyncio.create_task(slack.command("/agentos", user="UADA"))
        assert (await socket.receive_json())["type"] == "slash_commands"
        await slack.disconnect(None)
        assert (await saying).failure == "connection_closed"
        await socket.close()


async def test_a_warning_lets_the_connection_go_on(slack: SlackEmulator) -> None:
    async with ClientSession() as session:
        socket = await session.ws_connect(await socket_url(slack, session))
        await socket.receive_json()
        await slack.disconnect("warning")
        assert (await socket.receive_json())["reason"] == "warning"
        assert slack.n_connections == 1
        await socket.close()


async def test_who_never_acknowledges_is_tried_again_for_events_and_once_for_commands() -> None:
    async with (
        SlackEmulator(users=USERS, ack_timeout_s=0.05, retry_delays_s=(0.0,)) as slack,
        ClientSession() as session,
    ):
        socket = await session.ws_connect(await socket_url(slack, session))
        await socket.receive_json()
        said = await slack.say("hello", user="UADA")
        assert (said.failure, said.attempts) == ("timeout", 2)
        first, second = await socket.receive_json(), await socket.receive_json()
        assert "retry_attempt" not in first
        assert (second["retry_attempt"], second["retry_reason"]) == (1, "timeout")
        assert second["payload"]["event_id"] == first["payload"]["event_id"]
        assert second["envelope_id"] != first["envelope_id"]
        assert (await slack.command("/agentos", user="UADA")).attempts == 1
        await socket.close()


async def test_a_socket_url_is_good_once(slack: SlackEmulator) -> None:
    async with ClientSession() as session:
        url = await socket_url(slack, session)
        socket = await session.ws_connect(url)
        with pytest.raises(WSServerHandshakeError):
            await session.ws_connect(url)
        await socket.close()


async def test_an_eleventh_connection_is_sent_away(slack: SlackEmulator) -> None:
    async with ClientSession() as session:
        sockets = [await session.ws_connect(await socket_url(slack, session)) for _ in range(11)]
        greetings = [await socket.receive_json() for socket in sockets]
        assert [one["type"] for one in greetings] == ["hello"] * 10 + ["disconnect"]
        assert greetings[-1]["reason"] == "too_many_websockets"
        for socket in sockets:
            await socket.close()


async def test_bolt_refuses_what_is_old_or_signed_by_somebody_else(slack: SlackEmulator) -> None:
    async with running_app(slack, "http"):
        body = b"command=%2Fagentos&text=status&user_name=ada"
        status, text = await slack.deliver_signed(body)
        assert (status, text) == (200, "heard status from ada")
        old = str(int(time.time()) - 301)
        assert (await slack.deliver_signed(body, timestamp=old))[0] == 401
        assert (await slack.deliver_signed(body, signature="v0=00"))[0] == 401
        assert await slack.verify_url()
        assert await slack.check_ssl()


async def test_an_http_retry_says_which_and_why_and_can_be_declined(
    slack: SlackEmulator,
) -> None:
    async with HttpDouble() as app:
        slack.use_http(f"{app.url}/slack/events")
        app.answer("POST", "/slack/events", status=500)
        app.answer("POST", "/slack/events", status=500, headers={"X-Slack-No-Retry": "1"})
        said = await slack.say("hello", user="UADA")
        assert (said.failure, said.attempts, said.status) == ("http_error", 2, 500)
        first, second = (request.headers for request in app.requests)
        assert "x-slack-retry-num" not in first
        assert second["x-slack-retry-num"] == "1"
        assert second["x-slack-retry-reason"] == "http_error"
        assert json.loads(app.requests[0].body)["event"]["text"] == "hello"


async def test_an_app_that_is_slow_or_gone_is_a_failure_of_the_delivery() -> None:
    async with (
        SlackEmulator(users=USERS, ack_timeout_s=0.05, retry_delays_s=()) as slack,
        HttpDouble() as app,
    ):
        slack.use_http(f"{app.url}/slack/events")
        app.answer("POST", "/slack/events", delay_s=30)
        assert (await slack.command("/agentos", user="UADA")).failure == "timeout"
    async with SlackEmulator(users=USERS, ack_timeout_s=60.0, retry_delays_s=()) as slack:
        slack.use_http(f"{app.url}/slack/events")
        gone = await slack.command("/agentos", user="UADA")
        assert gone.failure == "connection_failed"


async def test_both_transports_are_used_in_turn(slack: SlackEmulator) -> None:
    async with running_app(slack, "http") as over_http, running_app(slack, "socket") as over_socket:
        await slack.say("one", user="UADA")
        slack.use_socket_mode()
        await slack.say("two", user="UADA")
        assert ("message", "one") in over_http.heard
        assert ("message", "two") in over_socket.heard


async def test_clicks_go_on_while_another_answer_is_held(slack: SlackEmulator) -> None:
    async with running_app(slack, "socket") as app, client_of(slack) as client:
        for _ in range(2):
            await client.chat_postMessage(channel="C1", text="Review", blocks=CARD)
        first, second = slack.messages()
        async with slack.hold("chat.update") as held:
            assert (await slack.click(first, "approve", user="UADA")).acknowledged
            assert (await slack.click(second, "approve", user="UADA")).acknowledged
            await held.arrived(2)
            assert (first.text, second.text) == ("Review", "Review")
        await slack.wait_until(lambda: (first.text, second.text) == ("approved", "approved"))
        assert len(app.heard) == 2
