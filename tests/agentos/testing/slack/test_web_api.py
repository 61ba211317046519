"""The emulated Web API answers the real client as Slack does, refusals included (issue 6)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientSession, ServerDisconnectedError
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from agentos.testing import FakeClock
from agentos.testing.slack import SlackChannel, SlackEmulator, SlackUser
from tests.agentos.testing.slack.review_app import CARD, REASON, client_of

pytestmark = pytest.mark.anyio

ADA = SlackUser("UADA", "ada", "Ada@example.com")
CHANNELS = [
    SlackChannel("C1", "reviews"),
    SlackChannel("C2", "elsewhere", is_bot_member=False),
    SlackChannel("C3", "secret", is_bot_member=False, is_private=True),
    SlackChannel("C4", "old", is_archived=True),
]
METADATA = {"event_type": "agentos_review", "event_payload": {"review": "RV-1", "part": "card"}}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def slack(clock: FakeClock) -> AsyncIterator[SlackEmulator]:
    users = [ADA, SlackUser("UOLD", "old", "old@example.com", is_deleted=True)]
    async with SlackEmulator(users=users, channels=CHANNELS, clock=clock) as slack:
        yield slack


@pytest.fixture
async def client(slack: SlackEmulator) -> AsyncIterator[AsyncWebClient]:
    async with client_of(slack) as client:
        yield client


async def error_of(call: Any) -> str:
    with pytest.raises(SlackApiError) as refused:
        await call
    return str(refused.value.response["error"])


async def test_a_message_is_found_again_by_its_metadata(client: AsyncWebClient) -> None:
    posted = await client.chat_postMessage(
        channel="C1", text="Review", blocks=CARD, metadata=METADATA
    )
    with_payload = await client.conversations_history(channel="C1", include_all_metadata=True)
    without = await client.conversations_history(channel="C1")
    assert with_payload["messages"][0]["metadata"] == METADATA
    assert with_payload["messages"][0]["ts"] == posted["ts"]
    assert without["messages"][0]["metadata"] == {"event_type": "agentos_review"}


async def test_timestamps_rise_while_the_clock_stands_still(client: AsyncWebClient) -> None:
    posts = [client.chat_postMessage(channel="C1", text=str(n)) for n in range(20)]
    stamps = [answer["ts"] for answer in await asyncio.gather(*posts)]
    assert len(set(stamps)) == 20
    history = (await client.conversations_history(channel="C1"))["messages"]
    assert [message["ts"] for message in history] == sorted(stamps, reverse=True)


async def test_history_comes_in_pages_and_between_moments(
    client: AsyncWebClient, clock: FakeClock
) -> None:
    stamps = []
    for n in range(5):
        stamps.append((await client.chat_postMessage(channel="C1", text=str(n)))["ts"])
        clock.advance(timedelta(seconds=1))
    first = await client.conversations_history(channel="C1", limit=2)
    rest = await client.conversations_history(
        channel="C1", limit=9, cursor=first["response_metadata"]["next_cursor"]
    )
    texts = [message["text"] for page in (first, rest) for message in page["messages"]]
    assert texts == ["4", "3", "2", "1", "0"]
    assert (first["has_more"], rest["has_more"]) == (True, False)
    after = await client.conversations_history(channel="C1", oldest=stamps[1], latest=stamps[4])
    assert [message["text"] for message in after["messages"]] == ["3", "2"]
    inclusive = await client.conversations_history(channel="C1", oldest=stamps[3], inclusive=True)
    assert [message["text"] for message in inclusive["messages"]] == ["4", "3"]


async def test_replies_stand_in_their_thread_and_not_in_the_channel(
    slack: SlackEmulator, client: AsyncWebClient
) -> None:
    root = (await client.chat_postMessage(channel="C1", text="root"))["ts"]
    await client.chat_postMessage(channel="C1", text="finding", thread_ts=root)
    thread = (await client.conversations_replies(channel="C1", ts=root))["messages"]
    assert [message["text"] for message in thread] == ["root", "finding"]
    assert [message.text for message in slack.messages()] == ["root"]
    assert [message.text for message in slack.messages(thread_ts=root)] == ["root", "finding"]
    lost = client.chat_postMessage(channel="C1", text="x", thread_ts="1.000001")
    assert await error_of(lost) == "thread_not_found"


async def test_an_update_keeps_the_blocks_and_metadata_that_it_does_not_send(
    slack: SlackEmulator, client: AsyncWebClient
) -> None:
    ts = (await client.chat_postMessage(channel="C1", text="a", blocks=CARD, metadata=METADATA))[
        "ts"
    ]
    await client.chat_update(channel="C1", ts=ts, text="b")
    message = slack.messages(metadata={"review": "RV-1"})[0]
    assert (message.text, message.n_edits) == ("b", 1)
    assert list(message.buttons) == ["approve", "reject", "snooze"]
    await client.chat_update(channel="C1", ts=ts, text="c", blocks=[], metadata={})
    assert (message.blocks, message.metadata) == ([], None)
    await client.chat_delete(channel="C1", ts=ts)
    assert slack.messages() == []
    assert await error_of(client.chat_update(channel="C1", ts=ts, text="d")) == "message_not_found"


async def test_the_bot_changes_no_message_of_somebody_else(
    slack: SlackEmulator, client: AsyncWebClient
) -> None:
    await slack.say("mine", user="UADA")
    ts = slack.messages()[0].ts
    update = client.chat_update(channel="C1", ts=ts, text="yours")
    assert await error_of(update) == "cant_update_message"
    assert await error_of(client.chat_delete(channel="C1", ts=ts)) == "cant_delete_message"


async def test_only_its_person_sees_an_ephemeral_message(
    slack: SlackEmulator, client: AsyncWebClient
) -> None:
    await client.chat_postEphemeral(channel="C1", user="UADA", text="Not recorded, try again.")
    assert [message.text for message in slack.ephemerals("UADA")] == ["Not recorded, try again."]
    assert slack.messages() == [] and slack.ephemerals("UOLD") == []
    assert (await client.conversations_history(channel="C1"))["messages"] == []
    unknown = client.chat_postEphemeral(channel="C1", user="UNOBODY", text="x")
    assert await error_of(unknown) == "user_not_found"


@pytest.mark.parametrize(
    ("channel", "error"),
    [
        ("C9", "channel_not_found"),
        ("C3", "channel_not_found"),
        ("C4", "is_archived"),
        ("UOLD", "user_disabled"),
    ],
)
async def test_nothing_is_posted_where_the_bot_cannot_write(
    client: AsyncWebClient, channel: str, error: str
) -> None:
    assert await error_of(client.chat_postMessage(channel=channel, text="x")) == error


async def test_a_message_to_a_person_or_a_name_finds_its_channel(
    slack: SlackEmulator, client: AsyncWebClient
) -> None:
    direct = await client.chat_postMessage(channel="UADA", text="digest")
    opened = await client.conversations_open(users="UADA")
    named = await client.chat_postMessage(channel="#reviews", text="x")
    assert direct["channel"] == opened["channel"]["id"] == "DUADA"
    assert named["channel"] == "C1"
    assert [message.text for message in slack.messages("DUADA")] == ["digest"]
    info = await client.conversations_info(channel="C1")
    assert info["channel"]["name"] == "reviews"


@pytest.mark.parametrize(
    ("metadata", "error"),
    [
        ([], "invalid_metadata_format"),
        ({"event_type": "x"}, "invalid_metadata_schema"),
        ({"event_type": "x", "event_payload": {}, "more": 1}, "invalid_metadata_schema"),
        ({"event_type": "x", "event_payload": {"a": "b" * 9_000}}, "metadata_too_large"),
    ],
)
async def test_metadata_must_have_its_shape_and_size(
    client: AsyncWebClient, metadata: Any, error: str
) -> None:
    # The SDK writes what it is given; a wrong type must be refused by the server.
    call = client.api_call(
        "chat.postMessage", json={"channel": "C1", "text": "x", "metadata": metadata}
    )
    assert await error_of(call) == error


async def test_texts_are_limited_and_needed(client: AsyncWebClient) -> None:
    too_long = client.chat_postMessage(channel="C1", text="x" * 40_001)
    assert await error_of(too_long) == "msg_too_long"
    empty = client.api_call("chat.postMessage", json={"channel": "C1"})
    assert await error_of(empty) == "no_text"
    ts = (await client.chat_postMessage(channel="C1", text="x"))["ts"]
    update = client.chat_update(channel="C1", ts=ts, text="x" * 4_001)
    assert await error_of(update) == "msg_too_long"


async def test_a_permalink_is_for_a_message_that_is_there(client: AsyncWebClient) -> None:
    ts = (await client.chat_postMessage(channel="C1", text="x"))["ts"]
    link = await client.chat_getPermalink(channel="C1", message_ts=ts)
    assert link["permalink"].endswith(f"/archives/C1/p{ts.replace('.', '')}")
    missing = client.chat_getPermalink(channel="C1", message_ts="1.000001")
    assert await error_of(missing) == "message_not_found"
    await client.reactions_add(channel="C1", timestamp=ts, name="eyes")


async def test_people_are_found_by_id_and_by_e_mail(client: AsyncWebClient) -> None:
    user = (await client.users_info(user="UADA"))["user"]
    assert (user["profile"]["email"], user["is_email_confirmed"]) == ("Ada@example.com", True)
    found = await client.users_lookupByEmail(email="ada@EXAMPLE.com")
    assert found["user"]["id"] == "UADA"
    assert await error_of(client.users_info(user="UNOBODY")) == "user_not_found"
    deleted = client.users_lookupByEmail(email="old@example.com")
    assert await error_of(deleted) == "users_not_found"


async def test_an_app_without_a_scope_is_told_which(clock: FakeClock) -> None:
    scopes = ["chat:write", "users:read"]
    async with (
        SlackEmulator(users=[ADA], channels=CHANNELS, scopes=scopes) as slack,
        client_of(slack) as client,
    ):
        assert "email" not in (await client.users_info(user="UADA"))["user"]["profile"]
        with pytest.raises(SlackApiError) as refused:
            await client.conversations_history(channel="C1")
        assert refused.value.response["error"] == "missing_scope"
        assert refused.value.response["needed"] == "channels:history"
        elsewhere = client.chat_postMessage(channel="C2", text="x")
        assert await error_of(elsewhere) == "not_in_channel"


async def test_only_the_right_token_opens_a_method(slack: SlackEmulator) -> None:
    async with ClientSession() as session:

        async def error_with(token: str, method: str) -> str:
            client = AsyncWebClient(token=token, base_url=slack.api_url, session=session)
            return await error_of(client.api_call(method))

        assert await error_with("xoxb-wrong", "auth.test") == "invalid_auth"
        assert await error_with(slack.app_token, "auth.test") == "not_allowed_token_type"
        assert await error_with("xoxb-wrong", "apps.connections.open") == "invalid_auth"
        bot = await error_with(slack.bot_token, "apps.connections.open")
        assert bot == "not_allowed_token_type"
        assert await error_with(slack.bot_token, "chat.shout") == "unknown_method"
        async with session.post(f"{slack.api_url}auth.test") as answer:
            assert (await answer.json())["error"] == "not_authed"


async def test_a_method_that_reads_takes_no_json_body(client: AsyncWebClient) -> None:
    call = client.api_call("conversations.history", json={"channel": "C1"})
    assert await error_of(call) == "channel_not_found"


async def test_a_rate_limit_says_when_to_come_back_and_the_client_does(
    slack: SlackEmulator, client: AsyncWebClient
) -> None:
    slack.rate_limit("chat.postMessage", times=1, retry_after_s=0)
    await client.chat_postMessage(channel="C1", text="x")
    errors = [call.error for call in slack.calls if call.method == "chat.postMessage"]
    assert errors == ["ratelimited", None]
    assert slack.n_calls("chat.postMessage", ok=True) == 1
    slack.rate_limit("chat.postMessage", times=3, retry_after_s=0)
    with pytest.raises(SlackApiError) as limited:
        await client.chat_postMessage(channel="C1", text="x")
    assert limited.value.response.status_code == 429
    assert limited.value.response.headers["Retry-After"] == "0"


async def test_a_message_whose_answer_is_lost_was_posted(
    slack: SlackEmulator, client: AsyncWebClient
) -> None:
    slack.post_but_lose_answer()
    with pytest.raises(ServerDisconnectedError):
        await client.chat_postMessage(channel="C1", text="x", metadata=METADATA)
    assert len(slack.messages(metadata={"review": "RV-1"})) == 1


async def test_the_client_as_it_comes_posts_twice_when_an_answer_is_lost(
    slack: SlackEmulator,
) -> None:
    async with ClientSession() as session:
        client = AsyncWebClient(slack.bot_token, slack.api_url, session=session)
        slack.post_but_lose_answer()
        await client.chat_postMessage(channel="C1", text="x")
    assert len(slack.messages()) == 2


async def test_faults_come_to_the_calls_that_they_were_asked_for(
    slack: SlackEmulator, client: AsyncWebClient
) -> None:
    slack.fail("chat.postMessage", "restricted_action")
    slack.fail_http("chat.postMessage", 503)
    assert await error_of(client.chat_postMessage(channel="C1", text="x")) == "restricted_action"
    with pytest.raises(SlackApiError) as failed:
        await client.chat_postMessage(channel="C1", text="x")
    assert failed.value.response.status_code == 503
    slack.delay("chat.postMessage", 0.05)
    started = asyncio.get_running_loop().time()
    await client.chat_postMessage(channel="C1", text="x")
    assert asyncio.get_running_loop().time() - started >= 0.05


async def test_two_calls_are_held_in_mid_flight(
    slack: SlackEmulator, client: AsyncWebClient
) -> None:
    async with slack.hold("chat.postMessage") as held:
        posts = asyncio.gather(
            *(client.chat_postMessage(channel="C1", text=str(n)) for n in range(2))
        )
        await held.arrived(2)
        assert slack.messages() == []
        held.release()
        await posts
    await slack.wait_until(lambda: len(slack.messages()) == 2)


async def test_only_calls_with_the_named_arguments_are_held(
    slack: SlackEmulator, client: AsyncWebClient
) -> None:
    first, second = [await client.chat_postMessage(channel="C1", text=each) for each in "ab"]
    async with slack.hold("chat.update", ts=first["ts"]) as held:
        waiting = asyncio.ensure_future(
            client.chat_update(channel="C1", ts=first["ts"], text="late")
        )
        await client.chat_update(channel="C1", ts=second["ts"], text="now")
        await held.arrived()
        assert [message.text for message in slack.messages()] == ["a", "now"]
    await waiting
    assert [message.text for message in slack.messages()] == ["late", "now"]


async def test_what_never_happens_is_a_timeout(slack: SlackEmulator) -> None:
    with pytest.raises(TimeoutError):
        await slack.wait_until(slack.messages, timeout_s=0.02)


async def test_blocks_are_refused_with_a_pointer(client: AsyncWebClient) -> None:
    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel="C1", text="x", blocks=[{"type": "header"}])
    assert refused.value.response["error"] == "invalid_blocks"
    messages = refused.value.response["response_metadata"]["messages"]
    assert messages == ["[ERROR] missing required field: text [json-pointer:/blocks/0]"]
    long = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2_900}}] * 5
    call = client.chat_postMessage(channel="C1", text="x", blocks=long)
    assert await error_of(call) == "msg_blocks_too_long"


async def test_views_need_a_trigger_of_the_last_three_seconds(
    slack: SlackEmulator, client: AsyncWebClient, clock: FakeClock
) -> None:
    await client.chat_postMessage(channel="C1", text="x", blocks=CARD)
    click = await slack.click(slack.messages()[0], "reject", user="UADA")
    assert click.failure == "no_connection"
    clock.advance(timedelta(seconds=2))
    trigger = click.payload["trigger_id"]
    await client.views_open(trigger_id=trigger, view=REASON)
    again = client.views_open(trigger_id=trigger, view=REASON)
    assert await error_of(again) == "exchanged_trigger_id"
    late = await slack.click(slack.messages()[0], "reject", user="UADA")
    clock.advance(timedelta(seconds=4))
    call = client.views_open(trigger_id=late.payload["trigger_id"], view=REASON)
    assert await error_of(call) == "expired_trigger_id"
    made_up = client.views_open(trigger_id="1.2.abc", view=REASON)
    assert await error_of(made_up) == "invalid_trigger_id"


async def test_a_modal_is_updated_by_who_saw_its_last_hash(
    slack: SlackEmulator, client: AsyncWebClient
) -> None:
    click = await slack.command("/agentos", user="UADA")
    view = (await client.views_open(trigger_id=click.payload["trigger_id"], view=REASON))["view"]
    changed = {**REASON, "title": {"type": "plain_text", "text": "Sure?"}}
    await client.views_update(view_id=view["id"], hash=view["hash"], view=changed)
    shown = slack.view_of("UADA")
    assert shown is not None and (shown.title, shown.n_updates) == ("Sure?", 1)
    stale = client.views_update(view_id=view["id"], hash=view["hash"], view=REASON)
    assert await error_of(stale) == "hash_conflict"
    assert await slack.close(shown) is None
    closed = client.views_update(view_id=view["id"], view=REASON)
    assert await error_of(closed) == "not_found"


async def test_modals_stack_three_high(slack: SlackEmulator, client: AsyncWebClient) -> None:
    click = await slack.command("/agentos", user="UADA")
    view = {**REASON, "blocks": [*REASON["blocks"], CARD[1]]}
    await client.views_open(trigger_id=click.payload["trigger_id"], view=view)
    errors = []
    for _ in range(3):
        top = slack.view_of("UADA")
        assert top is not None
        click = await slack.click(top, "approve")
        call = client.views_push(trigger_id=click.payload["trigger_id"], view=view)
        try:
            await call
        except SlackApiError as error:
            errors.append(error.response["error"])
    assert errors == ["push_limit_reached"]


async def test_views_are_checked_like_blocks(slack: SlackEmulator, client: AsyncWebClient) -> None:
    click = await slack.command("/agentos", user="UADA")
    long = {**REASON, "title": {"type": "plain_text", "text": "x" * 25}}
    call = client.views_open(trigger_id=click.payload["trigger_id"], view=long)
    assert await error_of(call) == "invalid_arguments"
    home = client.views_publish(user_id="UADA", view=REASON)
    assert await error_of(home) == "invalid_arguments"
    # What was refused did not use the trigger up.
    await client.views_open(trigger_id=click.payload["trigger_id"], view=REASON)
