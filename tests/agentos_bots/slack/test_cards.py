"""What a card shows, in which order, and with which buttons."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentos import InvalidArgumentError, NotFoundError
from agentos_bots.slack.actions import (
    ActionId,
    MenuChoice,
    ReviewRef,
    message_metadata,
    parse_menu_value,
    parse_value,
)
from agentos_bots.slack.cards import (
    render_answer,
    render_card,
    render_escalation,
    render_findings,
    render_question,
    render_reminder,
    render_stale,
)
from agentos_bots.slack.documents import parse_card
from agentos_bots.slack.messages import Message
from tests.agentos_bots.slack.card_documents import (
    LINK,
    REQUESTS,
    SHA,
    ended_card,
    finding,
    request_card,
    vote,
    work_card,
)
from tests.agentos_bots.slack.reading import as_text, assert_valid, shown

OUTCOMES: dict[str, dict[str, Any]] = {
    "Approved": ended_card("approved", "approve"),
    "Changes requested": ended_card("rejected", "request_changes", reason="The tests are missing"),
    "Rejected": ended_card("rejected", "reject", reason="This is out of scope"),
    "Expired": ended_card("expired"),
    "Cancelled": ended_card("cancelled"),
    "Superseded": ended_card("superseded"),
}


def card(document: dict[str, Any]) -> Message:
    message = render_card(parse_card(document))
    assert_valid(message)
    return message


def buttons(message: Message) -> dict[str, dict[str, Any]]:
    rows = [block for block in message.blocks if block["type"] == "actions"]
    return {element["action_id"]: element for row in rows for element in row["elements"]}


def test_a_lead_reads_it_in_the_order_in_which_they_decide() -> None:
    text = as_text(card(work_card()))
    wanted = [
        "# Review: Add a rate limiter to the login route",
        "Is this work done? Approve it, request changes or reject it.",
        "1 blocking finding is open.",
        "Worked: `claude-1` as implementer, says it is claude-opus-4-5, sponsor ada",
        "Contract: edit src/ and tests/; at most 5.00 USD; 2 human approvals",
        "Diff: 37 files, +340 -28",
        "… 34 more files",
        "Reach: 41 symbols in 9 files, 3 modules; 12 tests touch it, 4 untested",
        "Since packet `ffffffffffff`: 1 added, 1 removed",
        "Gates: all 2 passed",
        "Findings: 1 blocking, 1 warning (1 more of a model cited nothing that exists)",
        "• blocking `no_secrets`: no_secrets was violated at `src/login.py:10-12`",
        "• warning `tests_kept`",
        "Cost: 1.20 of 5.00 USD (24%)",
        "Questions: 1 not answered yet; in the thread",
        "bo approves: Reads well and is tested",
        "Still needed: 1 more human reviewer, not ada",
        "Waiting since 2026-11-21 20:00 UTC",
        "due 2026-11-21 22:00 UTC",
        "expires and is refused 2026-11-22 20:00 UTC",
        "packet `0123456789ab` · `RV-3F9K2M7Q` · `WO-7K2M9QXA` in `shop`",
        "[Approve with reason…]  [Request changes]  [Reject]  [...: Ask",
    ]
    positions = [text.find(line) for line in wanted]
    assert -1 not in positions, wanted[positions.index(-1)]
    assert positions == sorted(positions)


def test_a_failed_gate_is_named_rather_than_those_that_passed() -> None:
    gates = [
        {"name": "tests_pass", "passed": False, "n_findings": 2},
        {"name": "evidence_complete", "passed": True, "n_findings": 0},
    ]
    text = shown(card(work_card(gates=gates)).blocks)
    assert "1 of 2 FAILED: `tests_pass`" in text
    assert "evidence_complete" not in text


def test_the_link_leads_to_what_was_left_out() -> None:
    text = json.dumps(card(work_card()).blocks)
    assert f"<{LINK}|34 more files>" in text
    assert f"<{LINK}|Open all of it>" in text


def test_without_a_link_a_command_shows_the_rest() -> None:
    text = shown(card(work_card(link=None)).blocks)
    assert "34 more files: `agentos review show RV-3F9K2M7Q`" in text


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "http://",
        "https://agentos.example@evil.example/",
        "ftp://agentos.example/",
        "https://[::1",
        "https://agentos.example/" + "a" * 500,
        "https://agentos.example/" + "&" * 100,
    ],
)
def test_a_link_that_is_none_is_not_shown(link: str) -> None:
    assert "|Open all of it>" not in json.dumps(card(work_card(link=link)).blocks)


def test_a_link_cannot_say_something_else_than_it_opens() -> None:
    link = "https://agentos.example/a|Approved> <!channel> b"
    text = json.dumps(card(work_card(link=link)).blocks)
    assert "https://agentos.example/a%7CApproved%3E%20%3C!channel%3E%20b|Open all" in text


def test_buttons_carry_the_review_and_the_digest_that_was_shown() -> None:
    found = buttons(card(work_card(n_blocking=0, findings=[])))
    assert list(found) == ["approve", "request_changes", "reject", "more"]
    for name in ("approve", "request_changes", "reject"):
        assert parse_value(found[name]["value"]) == ReviewRef("RV-3F9K2M7Q", SHA)
    entries = [parse_menu_value(one["value"]) for one in found["more"]["options"]]
    assert [entry.choice for entry in entries] == list(MenuChoice)
    assert {entry.ref for entry in entries} == {ReviewRef("RV-3F9K2M7Q", SHA)}


def test_an_open_blocking_finding_takes_the_plain_approve_away() -> None:
    found = buttons(card(work_card()))
    assert ActionId.APPROVE not in found
    assert found[ActionId.APPROVE_OVERRIDING]["text"]["text"] == "Approve with reason…"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("approve_plan", ["approve", "request_changes", "reject", "more"]),
        ("authorize_action", ["approve", "reject", "more"]),
        ("choose_option", ["choose", "reject", "more"]),
        ("provide_context", ["answer", "reject", "more"]),
        ("label_outcome", ["label", "reject", "more"]),
    ],
)
def test_each_kind_of_decision_has_its_buttons(kind: str, expected: list[str]) -> None:
    assert list(buttons(card(request_card(kind)))) == expected


def test_a_plan_is_quoted_line_by_line() -> None:
    texts = [block["text"]["text"] for block in card(request_card("approve_plan")).blocks[3:4]]
    assert texts == [">1. Add a token bucket.\n>2. Call it in login().\n>3. Test both."]


def test_a_call_is_shown_with_all_its_arguments_and_the_rule_that_asks() -> None:
    text = shown(card(request_card("authorize_action")).blocks)
    assert '"command": "make deploy"' in text
    assert "`contract:ask_before_deploy`: deploys are asked about" in text
    assert "with arguments `aaaaaaaaaaaa`" in text


def test_options_and_labels_are_listed_with_their_details() -> None:
    assert "• Redis - one more service" in shown(card(request_card("choose_option")).blocks)
    assert "• Not needed" in shown(card(request_card("label_outcome")).blocks)


@pytest.mark.parametrize("kind", ["approve_plan", "authorize_action"])
def test_what_was_not_shown_whole_is_not_approved_by_one_click(kind: str) -> None:
    requests = {
        "approve_plan": {"kind": kind, "plan": "a step\n" * 2_000},
        "authorize_action": {**REQUESTS["authorize_action"], "arguments": {"text": "x" * 9_000}},
    }
    message = card(request_card(kind, request=requests[kind]))
    assert buttons(message)["approve"]["confirm"]["title"]["text"] == "Not all of it was shown"
    assert f"<{LINK}|Read all of it before you decide>" in json.dumps(message.blocks)
    assert "confirm" not in buttons(card(request_card(kind)))["approve"]


@pytest.mark.parametrize("word", OUTCOMES)
def test_an_outcome_takes_the_buttons_away_and_says_its_own_word(word: str) -> None:
    message = card(OUTCOMES[word])
    assert buttons(message) == {}
    assert message.blocks[0]["text"]["text"].startswith(f"{word}: ")
    assert message.text.startswith(f"{word}: ")


def test_no_two_outcomes_read_alike() -> None:
    sentences = [shown(card(document).blocks[1]) for document in OUTCOMES.values()]
    assert sentences == [
        "Approved by bo.",
        "Changes requested by bo: The tests are missing",
        "Rejected by bo: This is out of scope",
        "Expired: nobody decided in time; refused.",
        "Cancelled: nothing was decided.",
        "Superseded: something newer took its place; nothing was decided about this.",
    ]


@pytest.mark.parametrize("outcome", ["expired", "cancelled", "superseded"])
@pytest.mark.parametrize("kind", ["work", *REQUESTS])
def test_an_end_without_a_decision_never_reads_as_a_persons_refusal(
    kind: str, outcome: str
) -> None:
    make = work_card if kind == "work" else lambda **changes: request_card(kind, **changes)
    message = card(make(state="ended", outcome=outcome, needs="", votes=[]))
    text = (message.text + shown(message.blocks)).lower()
    assert not [word for word in ("denied", "rejected", "declined", " by a person") if word in text]


def test_all_who_approved_are_named() -> None:
    votes = [vote("bo"), vote("cy"), vote("dan", "request_changes")]
    message = card(ended_card("approved", "approve", votes=votes, decided_by="cy"))
    assert shown(message.blocks[1]) == "Approved by bo and cy."


@pytest.mark.parametrize(
    ("kind", "answer", "said"),
    [
        ("choose_option", {"option": "table"}, "Chosen by bo: A table"),
        ("provide_context", {"text": "Five a minute."}, "Answered by bo: Five a minute."),
        ("label_outcome", {"label": "no"}, "Labelled by bo: Not needed"),
        ("choose_option", {"option": "gone"}, "Chosen by bo: gone"),
    ],
)
def test_an_answer_is_shown_in_its_own_words(kind: str, answer: dict[str, str], said: str) -> None:
    message = card(
        request_card(
            kind,
            state="ended",
            outcome="approved",
            verdict="answer",
            answer=answer,
            decided_by="bo",
        )
    )
    assert shown(message.blocks[1]) == said


def test_notifications_and_screen_readers_get_the_card_in_a_line() -> None:
    assert card(work_card()).text == (
        "Review: Add a rate limiter to the login route · by claude-1 · 1 blocking finding · "
        "37 files · waiting 2 h 5 min · due 2026-11-21 22:00 UTC · "
        "needed: 1 more human reviewer, not ada"
    )


def test_a_carried_vote_says_so() -> None:
    text = shown(card(work_card(votes=[vote("bo", carried=True)])).blocks)
    assert "bo approves (carried over from the packet before): Reads well" in text


@pytest.mark.parametrize("document", [work_card(), *OUTCOMES.values()])
def test_the_same_document_gives_the_same_bytes(document: dict[str, Any]) -> None:
    first, second = card(document), card(json.loads(json.dumps(document)))
    assert json.dumps([first.text, *first.blocks]) == json.dumps([second.text, *second.blocks])


def test_findings_come_in_the_thread_with_the_blocking_ones_first() -> None:
    (part,) = render_findings(parse_card(work_card()))
    assert part.part == "findings"
    assert_valid(part.message)
    texts = [shown(block) for block in part.message.blocks]
    assert texts[0] == "Findings: 1 blocking, 1 warning"
    assert texts[1] == (
        "blocking `no_secrets`: no_secrets was violated at `src/login.py:10-12`\n"
        ">line 11 holds what it must not hold"
    )
    assert texts[2].startswith("warning `tests_kept`")


def test_no_findings_need_no_thread() -> None:
    assert render_findings(parse_card(work_card(findings=[], n_blocking=0))) == ()


def test_a_models_finding_says_that_it_is_one() -> None:
    found = [finding("model_review", "warning", by="model", start_line=4, end_line=4)]
    (part,) = render_findings(parse_card(work_card(findings=found)))
    text = shown(part.message.blocks)
    assert "warning, a model's `model_review`" in text
    assert "`src/login.py:4`" in text


def test_300_findings_fill_four_messages_and_the_link_leads_to_the_rest() -> None:
    found = [finding(f"check_{n}", "warning") for n in range(300)]
    parts = render_findings(parse_card(work_card(findings=found)))
    assert [part.part for part in parts] == ["findings", "findings:2", "findings:3", "findings:4"]
    for part in parts:
        assert_valid(part.message)
    assert "200 more findings" in shown(parts[-1].message.blocks)


def test_reminder_and_escalation_say_how_long_and_who_is_needed() -> None:
    one = parse_card(work_card())
    reminder, escalation = render_reminder(one, 2), render_escalation(one, 1, ["cy", "dan"])
    assert_valid(reminder)
    assert_valid(escalation)
    assert "Reminder 2: this waits for a decision since 2 h 5 min." in shown(reminder.blocks)
    assert "now also asked: cy, dan." in shown(escalation.blocks)
    assert "Still needed: 1 more human reviewer, not ada" in shown(escalation.blocks)


def test_question_and_answer_come_in_the_thread() -> None:
    question = {
        **work_card()["questions"][0],
        "answer": "The proxy is not ours.\n*Approved by bo*",
        "answered_by": "claude-1",
        "answered_at": "2026-11-21T20:40:00Z",
    }
    one = parse_card(work_card(questions=[question]))
    asked, answered = render_question(one, "QU-1"), render_answer(one, "QU-1")
    assert_valid(asked)
    assert_valid(answered)
    assert "bo asks the worker:\n>Why not at the proxy?" in shown(asked.blocks)
    assert "claude-1 answers “Why not at the proxy?”:\n>The proxy is not ours.\n>" in shown(
        answered.blocks
    )


def test_a_question_that_is_not_there_is_an_error() -> None:
    one = parse_card(work_card())
    with pytest.raises(NotFoundError, match="QU-9"):
        render_question(one, "QU-9")
    with pytest.raises(NotFoundError, match="no answer yet"):
        render_answer(one, "QU-1")


def test_a_stale_decision_is_told_with_what_changed_and_the_new_digest() -> None:
    message = render_stale(parse_card(work_card()))
    assert_valid(message)
    text = shown(message.blocks)
    assert text.startswith("Not recorded: what you decided about is not what is there now.")
    assert "Since packet `ffffffffffff`: 1 added, 1 removed\n`src/limits.py`, `src/old.py`" in text
    assert "The digest is now `0123456789ab`" in text
    assert "0123456789ab" in message.text


def test_a_decision_after_the_end_is_told_how_it_ended() -> None:
    text = shown(render_stale(parse_card(ended_card("expired"))).blocks)
    assert "Expired: nobody decided in time; refused." in text


def test_a_message_of_ours_can_be_found_by_its_metadata() -> None:
    assert message_metadata("RV-1", "findings:2") == {
        "event_type": "agentos_review",
        "event_payload": {"review": "RV-1", "part": "findings:2"},
    }


@pytest.mark.parametrize(
    "value",
    ["", "[]", "{}", '{"review":"RV-1"}', '{"review":"RV-1","sha256":"x"}', '{"review":1}', "\x00"],
)
def test_a_value_that_no_card_of_ours_wrote_is_refused(value: str) -> None:
    with pytest.raises(InvalidArgumentError):
        parse_value(value)
    with pytest.raises(InvalidArgumentError):
        parse_menu_value(value)


def test_links_of_a_message_are_not_unfolded() -> None:
    arguments = card(work_card()).arguments()
    assert arguments["parse"] == "none"
    assert arguments["unfurl_links"] is False and arguments["unfurl_media"] is False
