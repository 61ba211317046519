"""What people do reaches an app of slack-bolt over both transports, and its answers come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientSession

from agentos.errors import InvalidArgumentError, InvalidStateError, NotFoundError
from agentos.testing import FakeClock
from agentos.testing.slack import Message, SlackEmulator, SlackUser, View
from tests.agentos.testing.slack.review_app import (
    CARD,
    REASON,
    ReviewApp,
    Transport,
    running_app,
)

pytestmark = pytest.mark.anyio

USERS = [SlackUser("UADA", "ada", "ada@example.com"), SlackUser("UEVE", "eve")]


@pytest.fixture
def ack_timeout_s() -> float:
    """More than Slack gives an app: one on a busy machine is not late."""
    return 60.0


@pytest.fixture
async def slack(ack_timeout_s: float) -> AsyncIterator[SlackEmulator]:
    async with SlackEmulator(users=USERS, ack_timeout_s=ack_timeout_s) as slack:
        yield slack


@pytest.fixture(params=["socket", "http"])
async def app(request: pytest.FixtureRequest, slack: SlackEmulator) -> AsyncIterator[ReviewApp]:
    transport: Transport = request.param
    async with running_app(slack, transport) as app:
        yield app


@pytest.fixture
async def card(slack: SlackEmulator, app: ReviewApp) -> Message:
    await app.client.chat_postMessage(channel="C1", text="Review", blocks=CARD)
    return slack.messages()[0]


@pytest.fixture
async def modal(slack: SlackEmulator, card: Message) -> View:
    await slack.click(card, "reject", user="UADA")
    await slack.wait_until(lambda: slack.view_of("UADA"))
    view = slack.view_of("UADA")
    assert view is not None
    return view


async def test_a_click_is_acknowledged_and_the_card_changes(
    slack: SlackEmulator, app: ReviewApp, card: Message
) -> None:
    before = card.snapshot()
    click = await slack.click(card, "approve", user="UADA")
    assert (click.acknowledged, click.attempts, click.failure) == (True, 1, None)
    await slack.wait_until(lambda: card.text == "approved")
    assert list(card.buttons) == [] and list(before.buttons) == ["approve", "reject", "snooze"]
    assert app.heard == [("approve", "UADA")]


async def test_ten_clicks_at_once_are_ten_deliveries(
    slack: SlackEmulator, app: ReviewApp, card: Message
) -> None:
    clicks = await asyncio.gather(*(slack.click(card, "approve", user="UADA") for _ in range(10)))
    assert all(click.acknowledged for click in clicks)
    await slack.wait_until(lambda: slack.n_calls("chat.update") == 10)
    assert app.heard == [("approve", "UADA")] * 10


async def test_an_option_is_chosen_by_its_value(
    slack: SlackEmulator, app: ReviewApp, card: Message
) -> None:
    assert (await slack.click(card, "snooze", user="UADA", value="24")).acknowledged
    assert app.heard == [("snooze", "24")]
    with pytest.raises(NotFoundError, match="has no option 7"):
        await slack.click(card, "snooze", user="UADA", value="7")


async def test_what_is_not_there_cannot_be_clicked(
    slack: SlackEmulator, app: ReviewApp, card: Message
) -> None:
    with pytest.raises(NotFoundError, match="it has approve, reject, snooze"):
        await slack.click(card, "merge", user="UADA")
    with pytest.raises(NotFoundError, match="no user UNOBODY"):
        await slack.click(card, "approve", user="UNOBODY")
    with pytest.raises(InvalidArgumentError):
        await slack.click(card, "approve")


async def test_a_stale_click_carries_what_its_person_saw(
    slack: SlackEmulator, app: ReviewApp, card: Message
) -> None:
    seen = card.snapshot()
    await slack.click(card, "approve", user="UADA")
    await slack.wait_until(lambda: not card.buttons)
    assert (await slack.click(seen, "approve", user="UADA")).acknowledged
    await slack.wait_until(lambda: slack.n_calls("chat.update") == 2)


async def test_an_answer_to_a_click_is_seen_by_its_person_alone(
    slack: SlackEmulator, app: ReviewApp, card: Message
) -> None:
    await slack.click(card, "approve", user="UEVE")
    await slack.wait_until(lambda: slack.responses)
    assert [message.text for message in slack.ephemerals("UEVE")] == ["Nobody knows you."]
    assert slack.ephemerals("UADA") == [] and card.text == "Review"
    assert (slack.responses[0].user, slack.responses[0].message) == (
        "UEVE",
        slack.ephemerals("UEVE")[0],
    )


async def test_slacks_client_holds_back_what_the_modal_does_not_allow(
    slack: SlackEmulator, app: ReviewApp, modal: View
) -> None:
    for text in ("too short", None):
        kept = await slack.submit(modal, {"why": text})
        assert kept.delivery is None and list(kept.errors) == ["why"]
    assert modal.is_open
    with pytest.raises(NotFoundError, match="no input"):
        await slack.submit(modal, {"because": "a reason that is long enough"})


async def test_the_apps_errors_show_in_the_modal(
    slack: SlackEmulator, app: ReviewApp, modal: View
) -> None:
    refused = await slack.submit(modal, {"why": "too short"}, bypass_client=True)
    assert refused.errors == {"why": "At least 10 characters."}
    assert modal.is_open and slack.view_of("UADA") is modal


async def test_an_accepted_modal_closes(slack: SlackEmulator, app: ReviewApp, modal: View) -> None:
    done = await slack.submit(modal, {"why": "The tests assert nothing."})
    assert done.is_closed and slack.view_of("UADA") is None
    assert app.heard == [("reject", "The tests assert nothing.")]
    with pytest.raises(InvalidStateError, match="was closed"):
        await slack.submit(modal, {})


async def test_a_modal_is_updated_or_gets_another_on_top(
    slack: SlackEmulator, app: ReviewApp, modal: View
) -> None:
    updated = await slack.submit(modal, {"why": "look again please"})
    assert updated.view is modal and modal.callback_id == "again"
    await slack.close(modal)
    await slack.click(slack.messages()[0], "reject", user="UADA")
    await slack.wait_until(lambda: slack.view_of("UADA"))
    below = slack.view_of("UADA")
    assert below is not None
    pushed = await slack.submit(below, {"why": "more of the same"})
    assert pushed.view is slack.view_of("UADA") and pushed.view is not below
    assert pushed.view is not None and pushed.view.previous_view_id == below.id


async def test_an_answer_that_slack_cannot_use_is_told(
    slack: SlackEmulator, app: ReviewApp, modal: View
) -> None:
    failed = await slack.submit(modal, {"why": "broken for sure"})
    assert failed.problem is not None and "must name input blocks" in failed.problem
    assert modal.is_open


async def test_a_commands_answer_becomes_a_message_for_who_typed_it(
    slack: SlackEmulator, app: ReviewApp
) -> None:
    typed = await slack.command("/agentos status  now", user="UADA")
    assert typed.acknowledged
    assert [one.text for one in slack.ephemerals("UADA")] == ["heard status  now from ada"]


async def test_the_home_tab_is_published_when_it_is_opened(
    slack: SlackEmulator, app: ReviewApp
) -> None:
    assert (await slack.open_home("UADA")).acknowledged
    await slack.wait_until(lambda: slack.home_of("UADA"))
    home = slack.home_of("UADA")
    assert home is not None and "Review WO-1" in home.all_text
    again = await slack.open_home("UADA")
    assert again.payload["event"]["view"]["id"] == home.id


async def test_a_mention_is_an_event_of_its_own(slack: SlackEmulator, app: ReviewApp) -> None:
    await slack.say("what is up, <@UBOT>?", user="UADA")
    kinds = [kind for kind, _ in app.heard if kind != "retry"]
    assert kinds == ["message", "app_mention"]


async def test_an_event_that_was_not_acknowledged_comes_again(
    slack: SlackEmulator, app: ReviewApp
) -> None:
    slack.drop_next_ack(times=2)
    said = await slack.say("hello", user="UADA")
    assert (said.acknowledged, said.attempts) == (True, 3)
    assert [number for kind, number in app.heard if kind == "retry"] == [None, "1", "2"]


async def test_a_click_whose_ack_is_lost_is_not_repeated_unless_a_test_does(
    slack: SlackEmulator, app: ReviewApp, card: Message
) -> None:
    slack.drop_next_ack()
    lost = await slack.click(card, "approve", user="UADA")
    assert (lost.acknowledged, lost.failure, lost.attempts) == (False, "timeout", 1)
    assert app.heard == [("approve", "UADA")]
    again = await slack.redeliver(lost)
    assert (again.acknowledged, again.attempts) == (True, 2)
    assert again.payload["trigger_id"] == lost.payload["trigger_id"]


# Over a socket it is not answered at all.
@pytest.mark.parametrize("ack_timeout_s", [1.0])
async def test_an_unheard_action_is_a_failure_of_the_delivery(
    slack: SlackEmulator, app: ReviewApp
) -> None:
    unknown = {**CARD[1], "elements": [{**CARD[1]["elements"][0], "action_id": "merge"}]}
    await app.client.chat_postMessage(channel="C1", text="Review", blocks=[unknown])
    click = await slack.click(slack.messages()[-1], "merge", user="UADA")
    assert not click.acknowledged
    assert click.failure in ("timeout", "http_error")


async def test_a_response_url_is_good_five_times_and_half_an_hour() -> None:
    clock = FakeClock()
    async with SlackEmulator(users=USERS, clock=clock) as slack, ClientSession() as session:

        async def respond(url: str, **payload: Any) -> int:
            async with session.post(url, json=payload) as answer:
                return answer.status

        url = (await slack.command("/agentos", user="UADA")).payload["response_url"]
        assert [await respond(url, text=str(n)) for n in range(6)] == [200] * 5 + [404]
        assert len(slack.ephemerals("UADA")) == 5
        url = (await slack.command("/agentos", user="UADA")).payload["response_url"]
        assert await respond(url, blocks=[{"type": "nothing"}]) == 400
        assert await respond(url, text="all", response_type="in_channel") == 200
        assert [message.text for message in slack.messages()] == ["all"]
        clock.advance(timedelta(minutes=31))
        assert await respond(url, text="late") == 404


async def test_an_app_replaces_and_deletes_the_message_that_was_clicked(
    slack: SlackEmulator, app: ReviewApp, card: Message
) -> None:
    click = await slack.click(card, "snooze", user="UADA", value="1")
    async with ClientSession() as session:
        for payload in ({"text": "new", "replace_original": True}, {"delete_original": True}):
            async with session.post(click.payload["response_url"], json=payload) as answer:
                assert answer.status == 200
    assert (card.text, card.blocks, card.is_deleted) == ("new", [], True)


async def test_an_event_that_was_not_subscribed_to_is_not_delivered() -> None:
    async with SlackEmulator(users=USERS, events=["app_home_opened"]) as slack:
        assert (await slack.say("hello", user="UADA")).failure == "not_subscribed"


async def test_a_command_needs_its_scope() -> None:
    async with SlackEmulator(users=USERS, scopes=["chat:write"]) as slack:
        with pytest.raises(InvalidStateError, match="commands"):
            await slack.command("/agentos", user="UADA")


# The app does not listen to that.
@pytest.mark.parametrize("ack_timeout_s", [1.0])
async def test_who_closes_a_modal_is_told_where_it_asks_for_it(
    slack: SlackEmulator, app: ReviewApp
) -> None:
    click = await slack.command("/agentos", user="UADA")
    await app.client.views_open(
        trigger_id=click.payload["trigger_id"], view={**REASON, "notify_on_close": True}
    )
    view = slack.view_of("UADA")
    assert view is not None
    closed = await slack.close(view)
    assert closed is not None and closed.payload["type"] == "view_closed"
