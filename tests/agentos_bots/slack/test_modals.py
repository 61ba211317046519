"""Forms say what they are about, and a submitted form means exactly one call."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from agentos import InvalidArgumentError, NotFoundError, UnavailableError
from agentos.testing.slack.block_kit import check_view
from agentos_bots.slack import notices
from agentos_bots.slack.actions import (
    CallbackId,
    MenuChoice,
    ModalContext,
    ReviewRef,
    parse_metadata,
)
from agentos_bots.slack.documents import Card, parse_card
from agentos_bots.slack.modals import (
    FieldErrors,
    Submission,
    answer_view,
    ask_view,
    card_view,
    choose_view,
    label_view,
    loading_view,
    notice_view,
    override_view,
    parse_submission,
    reason_view,
    snooze_view,
    take_over_view,
)
from agentos_bots.slack.snoozing import snooze_until
from tests.agentos_bots.slack.card_documents import (
    SHA,
    finding,
    request_card,
    work_card,
)
from tests.agentos_bots.slack.reading import assert_valid, shown

REF = ReviewRef("RV-3F9K2M7Q", SHA)
ABOUT = ModalContext(REF, "C1", "1700000000.000100")
NOW = datetime(2026, 11, 21, 23, 0, 30, tzinfo=UTC)


def card(kind: str = "work", **changes: Any) -> Card:
    return parse_card(work_card(**changes) if kind == "work" else request_card(kind, **changes))


def sent(callback: str, metadata: str = ABOUT.to_metadata(), **fields: Any) -> dict[str, Any]:
    """The view of a `view_submission` with these elements by block."""
    values = {block: {"input": element} for block, element in fields.items()}
    return {"callback_id": callback, "private_metadata": metadata, "state": {"values": values}}


def typed(text: str | None) -> dict[str, Any]:
    return {"type": "plain_text_input", "value": text}


def picked(value: str) -> dict[str, Any]:
    return {"type": "radio_buttons", "selected_option": {"value": value}}


def ticked(*values: str) -> dict[str, Any]:
    return {"type": "checkboxes", "selected_options": [{"value": value} for value in values]}


def test_every_form_says_which_card_it_is_about_and_remembers_it() -> None:
    views = [
        reason_view(card(), "reject", ABOUT),
        reason_view(card(), "request_changes", ABOUT),
        override_view(card(), ABOUT),
        ask_view(card(), ABOUT),
        take_over_view(card(), ABOUT),
        snooze_view(card(), ABOUT, NOW),
        choose_view(card("choose_option"), ABOUT),
        label_view(card("label_outcome"), ABOUT),
        answer_view(card("provide_context"), ABOUT),
    ]
    for view in views:
        assert check_view(view, kind="modal") == []
        assert "`0123456789ab` · `RV-3F9K2M7Q` · `WO-7K2M9QXA`" in shown(view)
        assert parse_metadata(view["private_metadata"]) == ABOUT
        assert len(view["private_metadata"].encode()) < 250
    assert len({view["callback_id"] for view in views}) == len(views)


def test_an_override_shows_what_is_overridden() -> None:
    found = [finding(f"cheat_{n}", "blocking") for n in range(9)]
    text = shown(override_view(card(findings=found, n_blocking=9), ABOUT))
    assert "blocking `cheat_0`" in text
    assert "… 4 more blocking findings in the thread" in text


def test_a_card_in_a_modal_keeps_its_buttons() -> None:
    view = card_view(card(), ABOUT)
    assert check_view(view, kind="modal") == []
    assert view["blocks"][-1]["type"] == "actions"
    assert view["callback_id"] == CallbackId.CARD


def test_the_stand_in_can_only_be_closed() -> None:
    view = loading_view("Request changes", ABOUT)
    assert check_view(view, kind="modal") == []
    assert "submit" not in view
    assert check_view(loading_view("A title that is far too long for Slack"), kind="modal") == []


def test_a_notice_shows_a_message_or_words() -> None:
    view = notice_view("Not recorded", notices.refused(NotFoundError("no <order>")))
    assert shown(view).endswith("Not recorded: no <order>")
    assert "&lt;b&gt;" in json.dumps(notice_view("Oh", "a <b> c"))
    for each in (view, notice_view("Oh", "a <b> c", ABOUT)):
        assert check_view(each, kind="modal") == []


def test_ten_options_are_seen_at_once_and_more_are_a_list() -> None:
    def element(n: int) -> dict[str, Any]:
        options = [{"id": f"o{number}", "label": f"Option {number}"} for number in range(n)]
        request = {"kind": "choose_option", "question": "Which?", "options": options}
        found: dict[str, Any] = choose_view(card("choose_option", request=request), ABOUT)
        assert check_view(found, kind="modal") == []
        return dict(found["blocks"][-1]["element"])

    assert element(10)["type"] == "radio_buttons"
    assert element(11)["type"] == "static_select"
    assert len(element(150)["options"]) == 100


def test_nothing_to_choose_from_is_said() -> None:
    request = {"kind": "choose_option", "question": "Which?", "options": []}
    view = choose_view(card("choose_option", request=request), ABOUT)
    assert check_view(view, kind="modal") == []
    assert "nothing to choose from" in shown(view)


def test_an_option_that_stands_twice_is_offered_once() -> None:
    options = [{"id": "a", "label": "One"}, {"id": "a", "label": "Two"}]
    request = {"kind": "choose_option", "question": "Which?", "options": options}
    view = choose_view(card("choose_option", request=request), ABOUT)
    assert check_view(view, kind="modal") == []
    assert [one["text"]["text"] for one in view["blocks"][-1]["element"]["options"]] == ["One"]


@pytest.mark.parametrize("make", [choose_view, label_view])
def test_a_form_of_another_kind_is_refused(make: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="RV-3F9K2M7Q"):
        make(card(), ABOUT)


@pytest.mark.parametrize(
    ("view", "tool", "arguments"),
    [
        (
            sent(
                "agentos.reject", reason=typed("  It breaks login.  "), categories=ticked("tests")
            ),
            "decide",
            {"verdict": "reject", "reason": "It breaks login.", "categories": ["tests"]},
        ),
        (
            sent(
                "agentos.request_changes",
                reason=typed("Test the limit too"),
                categories=ticked("scope", "nonsense", "tests"),
            ),
            "decide",
            {
                "verdict": "request_changes",
                "reason": "Test the limit too",
                "categories": ["tests", "scope"],
            },
        ),
        (
            sent("agentos.approve", override_reason=typed("The key is a sample")),
            "decide",
            {"verdict": "approve", "override_reason": "The key is a sample"},
        ),
        (
            sent("agentos.choose", option=picked("table")),
            "decide",
            {"verdict": "answer", "option": "table"},
        ),
        (
            sent("agentos.label", label=picked("no")),
            "decide",
            {"verdict": "answer", "label": "no"},
        ),
        (
            sent("agentos.answer", text=typed("5")),
            "decide",
            {"verdict": "answer", "text": "5"},
        ),
        (sent("agentos.ask", text=typed("Why?")), "ask_about_review", {"text": "Why?"}),
        (
            sent("agentos.take_over", reason=typed("Bo is on leave")),
            "take_over_review",
            {"reason": "Bo is on leave"},
        ),
        (
            sent("agentos.snooze", until={"selected_date_time": 1_795_300_000}),
            "snooze_review",
            {"until": "2026-11-21T22:26:40.000000Z"},
        ),
    ],
)
def test_a_complete_form_is_one_call(
    view: dict[str, Any], tool: str, arguments: dict[str, Any]
) -> None:
    about = {"review": REF.review} | ({"sha256": SHA} if tool == "decide" else {})
    form = parse_submission(view)
    assert isinstance(form, Submission)
    assert (form.tool, form.arguments) == (tool, {**about, **arguments})
    assert form.context == ABOUT


@pytest.mark.parametrize(
    ("view", "block"),
    [
        (sent("agentos.reject", reason=typed("too short")), "reason"),
        (sent("agentos.reject", reason=typed("        x         ")), "reason"),
        (sent("agentos.request_changes", reason=typed(None)), "reason"),
        (sent("agentos.request_changes"), "reason"),
        (sent("agentos.approve", override_reason=typed("ok")), "override_reason"),
        (sent("agentos.choose", option={"selected_option": None}), "option"),
        (sent("agentos.label", label={}), "label"),
        (sent("agentos.answer", text=typed("   ")), "text"),
        (sent("agentos.ask", text=typed("a")), "text"),
        (sent("agentos.take_over", reason=typed("mine")), "reason"),
        (sent("agentos.snooze", until={"selected_date_time": None}), "until"),
        (sent("agentos.snooze", until={"selected_date_time": 10**30}), "until"),
    ],
)
def test_an_incomplete_form_says_what_to_correct(view: dict[str, Any], block: str) -> None:
    form = parse_submission(view)
    assert isinstance(form, FieldErrors)
    assert list(form.errors) == [block]
    assert form.answer() == {"response_action": "errors", "errors": dict(form.errors)}


@pytest.mark.parametrize(
    "view",
    [
        {},
        sent("somebody.elses"),
        sent("agentos.loading"),
        sent("agentos.reject", metadata=""),
        sent("agentos.reject", metadata='{"review":"RV-1","sha256":"zz"}'),
    ],
)
def test_a_view_that_is_no_form_of_ours_is_refused(view: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError):
        parse_submission(view)


def test_what_a_form_remembers_is_within_slacks_limit() -> None:
    with pytest.raises(InvalidArgumentError, match="3000"):
        ModalContext(REF, "C1", "1.2", {"more": "é" * 1_500}).to_metadata()
    with_more = ModalContext(REF, "C1", "1.2", {"view": "V1"})
    assert parse_metadata(with_more.to_metadata()) == with_more


@pytest.mark.parametrize(
    ("choice", "timezone", "until"),
    [
        (MenuChoice.SNOOZE_HOUR, "Europe/Amsterdam", "2026-11-22T00:00:30.000000Z"),
        (MenuChoice.SNOOZE_TOMORROW, "Europe/Amsterdam", "2026-11-23T08:00:00.000000Z"),
        (MenuChoice.SNOOZE_TOMORROW, "America/New_York", "2026-11-22T14:00:00.000000Z"),
        (MenuChoice.SNOOZE_TOMORROW, None, "2026-11-22T09:00:00.000000Z"),
        (MenuChoice.SNOOZE_TOMORROW, "../etc/passwd", "2026-11-22T09:00:00.000000Z"),
        (MenuChoice.SNOOZE_TOMORROW, "Mars/Olympus", "2026-11-22T09:00:00.000000Z"),
    ],
)
def test_tomorrow_is_tomorrow_where_the_person_lives(
    choice: MenuChoice, timezone: str | None, until: str
) -> None:
    assert snooze_until(choice, NOW, timezone) == until


def test_asking_is_no_snooze() -> None:
    with pytest.raises(InvalidArgumentError, match="ask"):
        snooze_until(MenuChoice.ASK, NOW, None)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (notices.not_recorded(), "Not recorded. Something went wrong on our side"),
        (notices.not_recorded(UnavailableError("no <db>")), "(no <db>)"),
        (notices.unlinked(), "/agentos link CODE"),
        (
            notices.refused(NotFoundError("no order WO-1", remedy="name another")),
            "Not recorded: no order WO-1 name another",
        ),
        (notices.linked("ada", ["reviewer"]), "You are ada (reviewer) from now on."),
    ],
)
def test_what_is_told_to_one_person_is_valid(message: Any, said: str) -> None:
    assert_valid(message)
    assert said in message.plain_text
