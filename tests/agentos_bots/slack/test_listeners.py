"""Forms, the App Home and `/agentos` end to end: what a person does becomes one call for them.

Every kind of decision of issue 6 is made once in Slack here, over the real server.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from agentos import Role, format_time
from agentos.testing.slack import Message, SlackEmulator, View
from agentos_bots.slack.actions import MenuChoice, MenuValue, ReviewRef
from agentos_bots.slack.settings import Transport
from tests.agentos_bots.slack.gatehouse import Gatehouse, Submitted, posted, told

pytestmark = pytest.mark.anyio

OPTIONS = [
    {"id": "redis", "label": "Redis", "detail": "one more service"},
    {"id": "table", "label": "A table <here>", "detail": ""},
]


async def opened(slack: SlackEmulator, callback: str, user: str = "UADA") -> View:
    """The form that a person sees, once it has replaced the stand-in."""

    def form() -> View | None:
        view = slack.view_of(user)
        return view if view is not None and view.callback_id == callback else None

    await slack.wait_until(form)
    view = form()
    assert view is not None
    return view


async def form_of(slack: SlackEmulator, card: Message, button: str, callback: str) -> View:
    assert (await slack.click(card, button, user="UADA")).acknowledged
    return await opened(slack, callback)


async def menu_of(slack: SlackEmulator, card: Message, work: Submitted, choice: MenuChoice) -> None:
    value = MenuValue(choice, ReviewRef(work.review, work.sha256)).to_value()
    assert (await slack.click(card, "more", user="UADA", value=value)).acknowledged


async def asked(gatehouse: Gatehouse, kind: str, *, by: str = "w1", **arguments: Any) -> str:
    """What an agent asks for; the id of the review."""
    answer = await gatehouse.office.call(
        by, "request_decision", kind=kind, title=f"About {kind}", **arguments
    )
    return str(answer["review"])


async def home_of(slack: SlackEmulator, user: str, wanted: str) -> View:
    """The person's home, once it says `wanted`."""

    def view() -> View | None:
        home = slack.home_of(user)
        return home if home is not None and wanted in home.all_text else None

    await slack.wait_until(view)
    home = view()
    assert home is not None
    return home


async def answer_to(slack: SlackEmulator, text: str, user: str = "UADA") -> str:
    """What only this person sees after a command."""
    before = len(slack.ephemerals(user))
    assert (await slack.command(text, user=user)).acknowledged
    await slack.wait_until(lambda: len(slack.ephemerals(user)) > before)
    return slack.ephemerals(user)[-1].all_text


def current_home(slack: SlackEmulator) -> View:
    home = slack.home_of("UADA")
    assert home is not None
    return home


async def test_a_reason_too_short_keeps_the_form_open_and_a_good_one_rejects(
    gatehouse: Gatehouse, slack: SlackEmulator, mode: Transport
) -> None:
    async with gatehouse.bot(slack, mode):
        work = await gatehouse.submit()
        card = await posted(slack, work.review)
        form = await form_of(slack, card, "reject", "agentos.reject")
        assert work.sha256[:12] in form.all_text
        for short in ("no", "   spaces    "):
            sent = await slack.submit(form, {"reason": short}, bypass_client=True)
            assert not sent.is_closed
            assert "at least 10 characters" in sent.errors["reason"]
        assert (await gatehouse.card(work.review))["state"] == "open"
        good = {"reason": "  It breaks <login> & more  ", "categories": ["tests", "security"]}
        assert (await slack.submit(form, good)).is_closed
        await slack.wait_until(lambda: "reject" not in card.buttons)
    decided = await gatehouse.card(work.review)
    assert (decided["outcome"], decided["verdict"]) == ("rejected", "reject")
    assert decided["reason"] == "It breaks <login> & more"
    assert "Rejected by ada: It breaks &lt;login&gt; &amp; more" in card.all_text


async def test_changes_are_requested_with_a_reason(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    async with gatehouse.bot(slack):
        work = await gatehouse.submit()
        card = await posted(slack, work.review)
        form = await form_of(slack, card, "request_changes", "agentos.request_changes")
        assert (await slack.submit(form, {"reason": "Please test the limit"})).is_closed
        await slack.wait_until(lambda: "Changes requested by ada" in card.all_text)
    assert "Rejected" not in card.all_text


async def test_an_override_asks_for_its_reason_and_then_approves(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    async with gatehouse.bot(slack):
        work = await gatehouse.submit()
        card = await posted(slack, work.review)
        # The button that a card with an open blocking finding has in place of Approve.
        card.buttons["approve"]["action_id"] = "approve_overriding"
        form = await form_of(slack, card, "approve_overriding", "agentos.approve")
        short = await slack.submit(form, {"override_reason": "fine"}, bypass_client=True)
        assert "at least 10 characters" in short.errors["override_reason"]
        assert (await slack.submit(form, {"override_reason": "The key is a sample"})).is_closed
        await slack.wait_until(lambda: "Approved by ada" in card.all_text)
    assert await gatehouse.votes(work.review) == ["ada"]


async def test_a_form_that_is_closed_records_nothing(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    async with gatehouse.bot(slack):
        work = await gatehouse.submit()
        card = await posted(slack, work.review)
        form = await form_of(slack, card, "reject", "agentos.reject")
        await slack.close(form)
        assert await gatehouse.votes(work.review) == []
        assert "reject" in card.buttons


async def test_a_form_about_what_has_ended_meanwhile_says_so_and_records_nothing(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    async with gatehouse.bot(slack):
        work = await gatehouse.submit()
        card = await posted(slack, work.review)
        form = await form_of(slack, card, "reject", "agentos.reject")
        await slack.click(card, "approve", user="UBEN")
        await slack.wait_until(lambda: "Approved by ben" in card.all_text)
        sent = await slack.submit(form, {"reason": "It came too late"})
        assert not sent.is_closed
        assert sent.errors["reason"]
    assert await gatehouse.votes(work.review) == ["ben"]
    assert (await gatehouse.card(work.review))["outcome"] == "approved"


async def test_a_question_goes_to_the_thread_and_so_does_its_answer(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    async with gatehouse.bot(slack):
        work = await gatehouse.submit()
        card = await posted(slack, work.review)
        await menu_of(slack, card, work, MenuChoice.ASK)
        form = await opened(slack, "agentos.ask")
        assert (await slack.submit(form, {"text": "Why not at the proxy?"})).is_closed
        question = (await gatehouse.card(work.review))["questions"][0]["id"]
        shown = await posted(slack, work.review, f"question:{question}")
        assert "ada asks the worker" in shown.all_text
        assert "Why not at the proxy?" in shown.all_text
        await gatehouse.office.call(
            "w1", "answer_question", question=question, text="It is not ours.\n*Approved by ben*"
        )
        answer = await posted(slack, work.review, f"answer:{question}")
        assert "It is not ours." in answer.all_text
        assert "*Approved by ben*" not in answer.all_text
        assert {shown.thread_ts, answer.thread_ts} == {card.ts}


async def test_taking_over_and_snoozing_show_on_the_card(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    async with gatehouse.bot(slack):
        work = await gatehouse.submit()
        card = await posted(slack, work.review)
        await menu_of(slack, card, work, MenuChoice.TAKE_OVER)
        form = await opened(slack, "agentos.take_over")
        assert (await slack.submit(form, {"reason": "Ben is on leave"})).is_closed
        await slack.wait_until(lambda: "with ada" in card.all_text)
        await menu_of(slack, card, work, MenuChoice.SNOOZE_UNTIL)
        form = await opened(slack, "agentos.snooze")
        until = gatehouse.office.clock.now() + timedelta(hours=2)
        assert (await slack.submit(form, {"until": str(int(until.timestamp()))})).is_closed
        await slack.wait_until(lambda: "snoozed until" in card.all_text)
        assert "approve" in card.buttons
    decided = await gatehouse.card(work.review)
    assert decided["assigned_to"] == "ada"
    assert decided["snoozed_until"][:16] == format_time(until)[:16]


async def test_an_option_is_chosen_and_shown_in_its_own_words(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    async with gatehouse.bot(slack):
        review = await asked(gatehouse, "choose_option", text="Where?", options=OPTIONS)
        card = await posted(slack, review)
        form = await form_of(slack, card, "choose", "agentos.choose")
        assert (await slack.submit(form, {"option": "table"})).is_closed
        await slack.wait_until(lambda: "choose" not in card.buttons)
    assert "Chosen by ada: A table &lt;here&gt;" in card.all_text
    decision = await gatehouse.office.call("w1", "get_decision", review=review)
    assert decision["answer"]["option"] == "table"


async def test_context_is_given_in_words(gatehouse: Gatehouse, slack: SlackEmulator) -> None:
    async with gatehouse.bot(slack):
        review = await asked(gatehouse, "provide_context", text="Which limit?")
        card = await posted(slack, review)
        form = await form_of(slack, card, "answer", "agentos.answer")
        assert (await slack.submit(form, {"text": "Five a minute"})).is_closed
        await slack.wait_until(lambda: "Answered by ada: Five a minute" in card.all_text)
    decision = await gatehouse.office.call("w1", "get_decision", review=review)
    assert decision["answer"]["text"] == "Five a minute"


async def test_an_outcome_is_labelled(gatehouse: Gatehouse, slack: SlackEmulator) -> None:
    async with gatehouse.bot(slack):
        review = await asked(gatehouse, "label_outcome", text="Was it needed?", options=OPTIONS)
        card = await posted(slack, review)
        form = await form_of(slack, card, "label", "agentos.label")
        assert (await slack.submit(form, {"label": "redis"})).is_closed
        await slack.wait_until(lambda: "Labelled by ada: Redis" in card.all_text)


async def test_a_plan_is_approved_by_a_click(gatehouse: Gatehouse, slack: SlackEmulator) -> None:
    async with gatehouse.bot(slack):
        review = await asked(gatehouse, "approve_plan", text="1. Do it\n*Approved by ben*")
        card = await posted(slack, review)
        assert "*Approved by ben*" not in card.all_text
        assert (await slack.click(card, "approve", user="UADA")).acknowledged
        await slack.wait_until(lambda: "approve" not in card.buttons)
    assert "Approved by ada" in card.all_text
    decision = await gatehouse.office.call("w1", "get_decision", review=review)
    assert decision["outcome"] == "approved"


async def test_a_review_is_shown_from_the_home_and_decided_there(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    async with gatehouse.bot(slack):
        work = await gatehouse.submit("Add a <b>cache</b>")
        card = await posted(slack, work.review)
        assert (await slack.open_home("UADA")).acknowledged
        home = await home_of(slack, "UADA", "Add a &lt;b&gt;cache")
        assert (await slack.click(home, "home.show", user="UADA")).acknowledged
        shown = await opened(slack, "agentos.card")
        assert work.sha256[:12] in shown.all_text
        assert (await slack.click(shown, "approve", user="UADA")).acknowledged
        await slack.wait_until(lambda: "approve" not in card.buttons)
    assert "Approved by ada" in card.all_text
    assert await gatehouse.votes(work.review) == ["ada"]


async def test_a_form_opens_on_top_of_a_card_that_the_home_shows(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    async with gatehouse.bot(slack):
        work = await gatehouse.submit()
        card = await posted(slack, work.review)
        await slack.open_home("UADA")
        home = await home_of(slack, "UADA", "Add a cache")
        await slack.click(home, "home.show", user="UADA")
        shown = await opened(slack, "agentos.card")
        assert (await slack.click(shown, "reject", user="UADA")).acknowledged
        form = await opened(slack, "agentos.reject")
        assert (await slack.submit(form, {"reason": "It breaks the login"})).delivery
        await slack.wait_until(lambda: "Rejected by ada" in card.all_text)


async def test_a_stranger_is_told_how_to_link_and_a_code_makes_them_a_person(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    await gatehouse.office.call("admin", "set_person", name="eve", roles=["reviewer"])
    await gatehouse.office.join("eve", Role.REVIEWER, person="eve")
    async with gatehouse.bot(slack):
        await slack.open_home("UEVE")
        home = await home_of(slack, "UEVE", "Who are you?")
        assert "/agentos link CODE" in home.all_text
        assert "home.show" not in home.buttons
        code = (await gatehouse.office.call("eve", "create_link_code"))["code"]
        assert "You are eve" in await answer_to(slack, f"/agentos link {code}", "UEVE")
        assert "nothing" in (await answer_to(slack, "/agentos queue", "UEVE")).lower()
        again = await answer_to(slack, f"/agentos link {code}", "UBEN")
        assert "You are eve" not in again


async def test_commands_answer_only_to_whoever_typed_them(
    gatehouse: Gatehouse, slack: SlackEmulator
) -> None:
    async with gatehouse.bot(slack):
        work = await gatehouse.submit("Add a cache")
        await posted(slack, work.review)
        n_before = len(slack.messages())
        assert "1 review of work" in await answer_to(slack, "/agentos status")
        assert "in_review" in await answer_to(slack, f"/agentos status {work.order}")
        shown = await answer_to(slack, f"/agentos review {work.review}")
        assert work.sha256[:12] in shown
        assert "Cost:" in await answer_to(slack, f"/agentos cost {work.order}")
        assert "/agentos queue" in await answer_to(slack, "/agentos help")
        assert "no command" in await answer_to(slack, "/agentos approve everything")
        assert "Not recorded" in await answer_to(slack, "/agentos review RV-00000000")
        assert len(slack.messages()) == n_before
    assert told(slack, "UBEN") == ""


async def test_the_queue_is_turned_page_by_page(gatehouse: Gatehouse, slack: SlackEmulator) -> None:
    for number in range(23):
        by = "w1" if number % 2 else "w2"
        await asked(gatehouse, "approve_plan", by=by, text=f"Plan number {number}")
    async with gatehouse.bot(slack):
        await slack.open_home("UADA")
        first = await home_of(slack, "UADA", "23 plans")
        shown_first = set(first.all_text.split())
        assert "home.previous" not in first.buttons
        await slack.click(first, "home.next", user="UADA")
        await slack.wait_until(lambda: "home.previous" in current_home(slack).buttons)
        second = current_home(slack)
        assert "home.next" not in second.buttons
        reviews = {word for word in second.all_text.split() if word.startswith("`RV-")}
        assert len(reviews) == 3
        assert not reviews & shown_first
        await slack.click(second, "home.previous", user="UADA")
        await slack.wait_until(lambda: "home.next" in current_home(slack).buttons)
