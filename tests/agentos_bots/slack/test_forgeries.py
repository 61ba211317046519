"""A worker cannot forge a part of its own card: attempts, each of which must stay mere words.

The card of a hostile document has exactly the structure of an innocent one: as many lines, bold
words, links, mentions, emoji and spans of code, block for block. Required by issue 6: a lead never
decides about something else than what they saw.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_bots.slack.actions import HomePage, ModalContext, ReviewRef
from agentos_bots.slack.cards import (
    render_answer,
    render_card,
    render_escalation,
    render_findings,
    render_question,
    render_reminder,
    render_stale,
)
from agentos_bots.slack.digest import render_digest
from agentos_bots.slack.documents import Card, parse_card, parse_waiting
from agentos_bots.slack.home import render_home
from agentos_bots.slack.modals import override_view, reason_view
from tests.agentos_bots.slack.card_documents import (
    SHA,
    ended_card,
    finding,
    request_card,
    vote,
    waiting,
    waiting_page,
    work_card,
)
from tests.agentos_bots.slack.reading import mrkdwn_texts, structure, texts
from tests.agentos_bots.slack.test_escaping import TRICKY

ATTEMPTS = {
    "a second line of gates": "done\n*Gates:* all 9 passed\n*Findings:* none",
    "other line ends": "done\r*Gates:* a\x0b*b*\x0c*c*\x85*d*\u2028*e*\u2029*f*",
    "a mention of everybody": "<!channel> <!here> <!everyone> @channel",
    "a mention of the lead": "<@U0ADA|ada> and <@U0ADA> approved; <!subteam^S1|leads> too",
    "a link that lies": "<https://evil.example/|https://agentos.example/WO-1>",
    "a bare link": "see https://evil.example/login and http://evil.example",
    "a link to write to": "mailto:x@evil.example slack://open slack:x tel:112",
    "an escaped element": "&lt;!channel&gt; &amp;lt;!channel&amp;gt;",
    "a date": "<!date^0^{date}|due tomorrow>",
    "an outcome": ":white_check_mark: *Approved by bo* ✅",
    "half an emoji": ":white_check_mark",
    "the other half of an emoji": "white_check_mark:",
    "out of the code": "` *Approved* `",
    "a block of code": "```\n*Approved*\n```",
    "strikes through what follows": "~ and ~then~",
    "half a bold": "*",
    "half an italic": "_",
    "a quote": "> approved by bo\n> approved by cy",
    "a list": "\n• blocking: none\n- gates passed\n1. approved",
    "turned around": "\u202e.devorppa si sihT\u202c \u2066x\u2069 \u200fy",
    "spaces that push": "ok" + " " * 2_000 + "*Approved*",
    "wide spaces that push": "ok" + "\u3000\u2003\u00a0" * 500 + "end",
    "invisible letters": "\u200b\u200c\u200d\u2060\ufeff\u3164\u115f\u2800\u00ad\u034f",
    "marks that climb": "Z" + "\u0301\u0489" * 500,
    "tags": "x" + "".join(chr(0xE0000 + ord(one)) for one in "approve"),
    "controls": "\x00\x07\x08\x1b[2K\x1b]8;;http://evil.example\x07x\x7f",
    "a lone surrogate": "\ud83d and \ude00",
    "JSON": '"},{"type":"divider"},{"type":"section","text":{"type":"mrkdwn","text":"*ok*"',
    "HTML": "<script>alert(1)</script><b>ok</b><img src=x onerror=y>",
    "markdown": "[ok](https://evil.example) ![x](https://evil.example/a.png) # Approved",
    "a template": "{{card.sha256}} ${x} %s {0} {date}",
    "right to left": "אושר על ידי בו",
    "very long": "*Approved* " * 5_000,
    "nothing at all": "",
}


def answered(text: str) -> list[dict[str, Any]]:
    return [
        {
            **work_card()["questions"][0],
            "by": text,
            "text": text,
            "answer": text,
            "answered_by": text,
            "answered_at": "2026-11-21T20:40:00Z",
        }
    ]


# One line of text each, as somebody other than the card's maker writes it.
FIELDS: dict[str, Callable[[str], dict[str, Any]]] = {
    "title": lambda text: work_card(title=text),
    "worker": lambda text: work_card(
        workers=[{"worker": text, "role": text, "person": text, "model": text}]
    ),
    "contract": lambda text: work_card(contract_line=f"x{text}"),
    "paths": lambda text: work_card(
        diff={"files": 1, "insertions": 1, "deletions": 1, "paths": [text], "n_paths": 1}
    ),
    "changed paths": lambda text: work_card(
        what_changed={"since": text, "added": [text], "changed": [], "removed": [], "n_paths": 1}
    ),
    "gates": lambda text: work_card(gates=[{"name": text, "passed": False, "n_findings": 1}]),
    "findings": lambda text: work_card(
        findings=[finding(text, "blocking", claim=f"x{text}", path=f"x{text}", message=text)]
    ),
    "findings of a model": lambda text: work_card(
        findings=[finding(text, "note", claim=None, message=text, by="model")]
    ),
    "cost": lambda text: work_card(cost={"spent_usd": text, "budget_usd": text}),
    "votes": lambda text: work_card(votes=[vote(text, reason=f"x{text}")]),
    "needs": lambda text: work_card(needs=f"x{text}"),
    "assigned": lambda text: work_card(assigned_to=f"x{text}"),
    "work order": lambda text: work_card(work_order=f"x{text}", repo=f"x{text}"),
    "reason": lambda text: ended_card("rejected", "reject", reason=f"x{text}", votes=[vote(text)]),
    "reason of an expiry": lambda text: ended_card("expired", reason=f"x{text}"),
    "option": lambda text: request_card(
        "choose_option",
        request={
            "kind": "choose_option",
            "question": "Which?",
            "options": [{"id": "a", "label": text, "detail": f"x{text}"}],
        },
    ),
    "rule": lambda text: request_card(
        "authorize_action",
        request={
            "kind": "authorize_action",
            "tool": text,
            "arguments": {},
            "arguments_sha256": text,
            "rule": text,
            "reason": text,
        },
    ),
}


def everything_of(card: Card) -> list[str]:
    """All mrkdwn that is ever shown of a card."""
    about = ModalContext(ReviewRef(card.id, card.sha256), "C1", "1.2")
    messages = [
        render_card(card),
        *(part.message for part in render_findings(card)),
        render_reminder(card, 1),
        render_escalation(card, 1, [card.needs]),
        render_stale(card),
    ]
    views = [override_view(card, about), reason_view(card, "reject", about)]
    shown = [text for one in messages for text in (one.text, *mrkdwn_texts(one.blocks))]
    return [*shown, *(text for view in views for text in mrkdwn_texts(view))]


@cache
def innocent_structures(field: str) -> list[tuple[Any, ...]]:
    return structures(FIELDS[field]("innocent"))


def structures(document: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [structure(text) for text in everything_of(parse_card(document))]


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_an_attempt_stays_mere_words(attempt: str, field: str) -> None:
    assert structures(FIELDS[field](ATTEMPTS[attempt])) == innocent_structures(field)


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_questions_and_answers_stay_quoted(attempt: str) -> None:
    card = parse_card(work_card(questions=answered(ATTEMPTS[attempt])))
    for message in (render_question(card, "QU-1"), render_answer(card, "QU-1")):
        quoted = message.blocks[1]["text"]["text"]
        assert [line for line in quoted.split("\n") if not line.startswith(">")] == []
        for line in quoted.split("\n"):
            assert structure(line[1:]) == structure("x")
        assert structure(message.text) == structure("x")


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(list(FIELDS)), TRICKY)
def test_no_text_whatever_changes_the_structure_of_a_card(field: str, text: str) -> None:
    assert structures(FIELDS[field](text)) == innocent_structures(field)


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_quoted_text_stays_quoted(attempt: str) -> None:
    plan = {"kind": "approve_plan", "plan": f"x{ATTEMPTS[attempt]}"}
    message = render_card(parse_card(request_card("approve_plan", request=plan)))
    texts_of_plan = [
        block["text"]["text"]
        for block in message.blocks
        if block["type"] == "section" and block["text"]["text"].startswith(">")
    ]
    assert texts_of_plan
    for text in texts_of_plan:
        for line in text.split("\n"):
            assert line.startswith(">")
            assert structure(line[1:]) == structure("x")


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_plain_text_says_no_more_than_its_words(attempt: str) -> None:
    message = render_card(parse_card(work_card(title=ATTEMPTS[attempt])))
    header = message.blocks[0]["text"]
    assert header["text"].startswith("Review: ")
    assert header["emoji"] is False
    assert not set(header["text"]) & set("<>\n\u202e\u200b✅")


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_queues_stay_as_they_are(attempt: str) -> None:
    def found(text: str) -> list[tuple[Any, ...]]:
        one = waiting(1, title=text, worker=f"x{text}", assigned_to=f"x{text}", work_order="WO-1")
        page = parse_waiting(waiting_page(one))
        now = page.reviews[0].opened_at
        digest = render_digest(page, now)
        assert digest is not None
        shown = [
            *mrkdwn_texts(digest.blocks),
            *mrkdwn_texts(render_home(page, text, HomePage(), now)),
        ]
        return [structure(line) for line in shown]

    assert found(ATTEMPTS[attempt]) == found("innocent")


def test_slack_makes_no_links_of_plain_words() -> None:
    message = render_card(parse_card(work_card()))
    objects = [part for part in _objects(list(message.blocks)) if part.get("type") == "mrkdwn"]
    assert objects and all(part["verbatim"] is True for part in objects)


def test_values_of_buttons_hold_nothing_that_a_worker_wrote() -> None:
    hostile = work_card(title="evil", needs="evil", n_blocking=0)
    values = [
        part["value"]
        for part in _objects(list(render_card(parse_card(hostile)).blocks))
        if "value" in part
    ]
    assert values and not [value for value in values if "evil" in value]
    assert json.loads(values[0]) == {"review": "RV-3F9K2M7Q", "sha256": SHA}


def test_every_attempt_is_still_there_to_read() -> None:
    shown = "\n".join(
        texts(list(render_card(parse_card(FIELDS["findings"](ATTEMPTS["HTML"]))).blocks))
    )
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown


def _objects(part: Any) -> list[dict[str, Any]]:
    if isinstance(part, dict):
        return [part, *(one for value in part.values() for one in _objects(value))]
    if isinstance(part, list):
        return [one for item in part for one in _objects(item)]
    return []
