"""However much a document says, Slack takes what we make of it, and it says what was left out.

Required by issue 6: a table of oversized cards proves the real limits, about 10,000 characters of
text in a message, not only the documented ones.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentos.testing.slack.block_kit import check_view
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
from agentos_bots.slack.digest import render_digest, render_queue
from agentos_bots.slack.documents import Card, parse_card, parse_waiting
from agentos_bots.slack.home import render_home
from agentos_bots.slack.limits import METADATA_BYTES
from agentos_bots.slack.modals import (
    answer_view,
    ask_view,
    card_view,
    choose_view,
    label_view,
    loading_view,
    notice_view,
    override_view,
    reason_view,
    snooze_view,
    take_over_view,
)
from tests.agentos_bots.slack.card_documents import (
    REQUESTS,
    ended_card,
    finding,
    vote,
    waiting,
    waiting_page,
    work_card,
)
from tests.agentos_bots.slack.reading import assert_valid, assert_whole, mrkdwn_texts, shown

NOW = datetime(2026, 11, 21, 23, 0, tzinfo=UTC)
LONG_PATH = "/".join(["a_folder_with_a_name"] * 95) + "/the_file.py"


def many(n: int, text: str) -> dict[str, Any]:
    """Everything that a document can hold, `n` times, all of it `text`."""
    paths = [f"{text}{number}" for number in range(n)]
    return {
        "title": text,
        "workers": [{"worker": text, "role": text, "person": text, "model": text}] * n,
        "contract_line": text,
        "diff": {"files": n, "insertions": n, "deletions": n, "paths": paths, "n_paths": n},
        "blast_radius": {"symbols": n, "files": n, "modules": n, "tests": n, "untested": n},
        "gates": [{"name": text, "passed": False, "n_findings": n}] * n,
        "findings": [
            finding(text, "blocking", claim=text, path=text, message=text) for _ in range(n)
        ],
        "n_blocking": n,
        "dropped_findings": n,
        "cost": {"spent_usd": text, "budget_usd": text},
        "votes": [vote(text, reason=text, carried=True)] * n,
        "needs": text,
        "assigned_to": text,
        "snoozed_until": "2026-11-22T20:00:00Z",
        "work_order": text,
        "repo": text,
        "questions": [
            {
                "id": f"QU-{number}",
                "by": text,
                "text": text,
                "asked_at": "2026-11-21T20:30:00Z",
                "answer": text,
                "answered_by": text,
                "answered_at": "2026-11-21T20:40:00Z",
            }
            for number in range(min(n, 3))
        ],
        "what_changed": {
            "since": text,
            "added": paths[:20],
            "changed": paths[:20],
            "removed": paths[:20],
            "n_paths": n,
        },
        "link": "https://agentos.example/" + "x" * 370,
    }


def request_of(kind: str, text: str, n: int) -> dict[str, Any]:
    options = [{"id": f"o{number}", "label": text, "detail": text} for number in range(n)]
    requests: dict[str, dict[str, Any]] = {
        "approve_plan": {"kind": kind, "plan": text},
        "provide_context": {"kind": kind, "question": text},
        "choose_option": {"kind": kind, "question": text, "options": options},
        "label_outcome": {"kind": kind, "question": text, "labels": options},
        "authorize_action": {
            "kind": kind,
            "tool": text,
            "arguments": {text[:50]: [text]},
            "arguments_sha256": text,
            "rule": text,
            "reason": text,
        },
    }
    return requests[kind]


TEXTS = {
    "words": "Fix the thing that broke. " * 80,
    "one long word": "x" * 2_000,
    "a path of 2,000 characters": LONG_PATH,
    "ampersands": "&" * 2_000,
    "HTML": "<b onclick='x()'>&nbsp;</b>" * 80,
    "emoji": "🧨🇳🇱👩‍👩‍👧👍🏽" * 200,
    "Chinese, Japanese, Korean": "修復登錄路由的速率限制 ログイン 로그인 " * 60,
    "right to left": "تحديد معدل تسجيل الدخول שלום " * 60,
    "letters with many marks": "a\u0301\u0302\u0303\u0304" * 400,
    "lines": "a line\n" * 400,
    "backticks": "```" * 600,
    "nothing to see": "\u200b" * 2_000,
    "nothing": "",
}


def check_everything(card: Card) -> None:
    """Every message and view that shows this card is valid."""
    messages = [
        render_card(card),
        render_stale(card),
        render_reminder(card, 999_999),
        render_escalation(card, 999_999, [card.needs] * 50),
        *(part.message for part in render_findings(card)),
    ]
    for question in card.questions:
        messages.append(render_question(card, question.id))
        if question.answer is not None:
            messages.append(render_answer(card, question.id))
    for message in messages:
        assert_valid(message)
    check_views(card)


def check_views(card: Card) -> None:
    about = ModalContext(ReviewRef(card.id, card.sha256), "C" * 20, "1700000000.000100")
    views = [
        card_view(card, about),
        reason_view(card, "reject", about),
        reason_view(card, "request_changes", about),
        override_view(card, about),
        ask_view(card, about),
        take_over_view(card, about),
        snooze_view(card, about, NOW),
        loading_view(card.title, about),
        notice_view(card.title, card.title, about),
    ]
    by_kind = {
        "choose_option": choose_view,
        "label_outcome": label_view,
        "provide_context": answer_view,
    }
    if card.kind in by_kind:
        views.append(by_kind[card.kind](card, about))
    for view in views:
        assert check_view(view, kind="modal") == []
        assert len(view["private_metadata"].encode()) <= METADATA_BYTES
        for text in mrkdwn_texts(view):
            assert_whole(text)


@pytest.mark.parametrize("text", TEXTS)
def test_oversized_work_is_within_every_limit(text: str) -> None:
    check_everything(parse_card(work_card(**many(120, TEXTS[text]))))


@pytest.mark.parametrize("kind", REQUESTS)
@pytest.mark.parametrize("text", TEXTS)
def test_an_oversized_request_is_within_every_limit(kind: str, text: str) -> None:
    request = request_of(kind, TEXTS[text] * 10, 25)
    card = parse_card(work_card(**many(9, TEXTS[text]), kind=kind, request=request))
    assert_valid(render_card(card))
    check_views(card)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("outcome", ["approved", "rejected", "expired", "cancelled", "superseded"])
def test_an_oversized_outcome_is_within_every_limit(text: str, outcome: str) -> None:
    verdict = {"approved": "approve", "rejected": "request_changes"}.get(outcome)
    document = ended_card(outcome, verdict, **many(40, TEXTS[text]))
    document |= {"reason": TEXTS[text], "decided_by": TEXTS[text]}
    assert_valid(render_card(parse_card(document)))


def test_5000_files_are_counted_and_linked() -> None:
    diff = {
        "files": 5_000,
        "insertions": 1_234_567,
        "deletions": 0,
        "paths": [f"src/module_{n:04}.py" for n in range(20)],
        "n_paths": 5_000,
    }
    text = shown(render_card(parse_card(work_card(diff=diff))).blocks)
    assert "Diff: 5,000 files, +1,234,567 -0" in text
    assert "… 4,992 more files" in text


def test_paths_that_the_document_itself_left_out_are_counted() -> None:
    diff = {"files": 9, "insertions": 1, "deletions": 0, "paths": ["a.py"], "n_paths": 9}
    assert "… 8 more files" in shown(render_card(parse_card(work_card(diff=diff))).blocks)


def test_thousands_of_votes_show_the_newest() -> None:
    votes = [vote(f"person-{n}") for n in range(3_000)]
    text = shown(render_card(parse_card(work_card(votes=votes))).blocks)
    assert "… 2,995 earlier votes" in text
    assert "person-2999 approves" in text


def test_300_findings_are_counted_and_the_blocking_ones_shown() -> None:
    found = [finding(f"note_{n}", "note") for n in range(297)]
    found += [finding(f"cheat_{n}", "blocking") for n in range(3)]
    text = shown(render_card(parse_card(work_card(findings=found, n_blocking=3))).blocks)
    assert "Findings: 3 blocking, 297 notes" in text
    assert all(f"`cheat_{n}`" in text for n in range(3))


def test_the_end_of_a_long_path_is_shown() -> None:
    diff = {"files": 1, "insertions": 1, "deletions": 0, "paths": [LONG_PATH], "n_paths": 1}
    assert "a_folder_with_a_name/the_file.py`" in shown(
        render_card(parse_card(work_card(diff=diff))).blocks
    )


@pytest.mark.parametrize(
    "cost", [("NaN", "5"), ("1", "0"), ("1", "-1"), ("Infinity", "1"), ("1e999999", "1e-999999")]
)
def test_a_cost_that_is_no_number_has_no_share(cost: tuple[str, str]) -> None:
    document = work_card(cost={"spent_usd": cost[0], "budget_usd": cost[1]})
    assert "%" not in shown(render_card(parse_card(document)).blocks)


def test_numbers_of_any_size_are_within_the_limits() -> None:
    huge = 10**200
    document = work_card(**{**many(1, "x"), "n_blocking": huge, "waiting_s": huge})
    document["diff"] |= {"files": huge, "insertions": huge, "deletions": huge, "n_paths": huge}
    check_everything(parse_card(document))


@pytest.mark.parametrize("text", TEXTS)
def test_an_oversized_queue_is_within_every_limit(text: str) -> None:
    words = {"title": TEXTS[text], "worker": TEXTS[text], "assigned_to": TEXTS[text]}
    late = {"due_at": "2026-11-20T00:00:00Z", "snoozed_until": "2026-11-29T00:00:00Z"}
    reviews = [
        waiting(
            n, kind="provide_context", n_blocking=10**9, work_order=TEXTS[text], **words, **late
        )
        for n in range(200)
    ]
    page = parse_waiting(
        waiting_page(*reviews, n_open={"work": 10**12}, truncated=True, next_cursor="c" * 900)
    )
    digest = render_digest(page, NOW)
    assert digest is not None
    for message in (digest, render_queue(page, NOW)):
        assert_valid(message)
    home = render_home(page, TEXTS[text], HomePage("c" * 900, ("b" * 900,)), NOW)
    assert check_view(home, kind="home") == []


words = st.text(max_size=400) | st.sampled_from(list(TEXTS.values()))
names = st.none() | words
counts = st.integers(0, 10**9)
requests = st.one_of(
    st.none(),
    *(
        st.builds(request_of, st.just(kind), words, st.integers(0, 30))
        for kind in ("approve_plan", "provide_context", "choose_option", "authorize_action")
    ),
)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Cards of any size that the server's model allows, and beyond."""
    document = work_card(**many(draw(st.integers(0, 40)), draw(words)))
    for name in ("contract_line", "assigned_to", "work_order", "link"):
        document[name] = draw(names)
    document |= {"title": draw(words), "needs": draw(words), "waiting_s": draw(counts)}
    request = draw(requests)
    if request is not None:
        document |= {"request": request, "kind": request["kind"]}
    outcomes = ["approved", "rejected", "expired", "cancelled", "superseded"]
    if draw(st.booleans()):
        document |= {"state": "ended", "outcome": draw(st.sampled_from(outcomes))}
        document |= {"reason": draw(names), "decided_by": draw(names)}
        document["verdict"] = draw(st.none() | st.sampled_from(["approve", "reject", "answer"]))
        document["answer"] = draw(st.none() | st.builds(dict, text=words))
    return document


@pytest.mark.nightly
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(documents())
def test_no_document_of_hundreds_exceeds_a_limit(document: dict[str, Any]) -> None:
    check_everything(parse_card(document))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(documents())
def test_no_document_exceeds_a_limit(document: dict[str, Any]) -> None:
    check_everything(parse_card(document))
