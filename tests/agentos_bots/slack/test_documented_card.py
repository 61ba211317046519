"""docs/gatekeeper.md shows cards as they are rendered, letter by letter."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agentos_bots.slack.cards import render_card, render_findings
from agentos_bots.slack.cards.outcomes import CANCELLED, EXPIRED, SUPERSEDED
from agentos_bots.slack.documents import parse_card
from agentos_bots.slack.manifest import SCOPES
from tests.agentos_bots.slack.card_documents import finding, request_card, work_card
from tests.agentos_bots.slack.reading import as_text

PAGE = Path(__file__).parents[3] / "docs" / "gatekeeper.md"
FINDINGS = [
    finding(
        "no_secrets",
        "blocking",
        claim="A key of AWS in the code",
        message="Line 11 holds a key; take it from the environment, and have it revoked.",
    ),
    finding(
        "tests_kept",
        "warning",
        claim="An assertion was removed",
        path="tests/test_login.py",
        start_line=40,
        end_line=None,
        message="test_limit asserted three things and now asserts two.",
    ),
]


@pytest.fixture
def section() -> str:
    found = re.search(
        r"^## What a card shows$(.*?)(?=^## |\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
    assert found is not None, "docs/gatekeeper.md has no section '## What a card shows'"
    return found[1]


def test_the_docs_show_the_card_of_work_and_its_thread(section: str) -> None:
    card = parse_card(work_card(findings=FINDINGS))
    assert f"```text\n{as_text(render_card(card))}\n```" in section
    (part,) = render_findings(card)
    assert f"```text\n{as_text(part.message)}\n```" in section


def test_the_docs_show_the_card_of_a_choice(section: str) -> None:
    card = parse_card(request_card("choose_option", needs="anyone of role reviewer"))
    assert f"```text\n{as_text(render_card(card))}\n```" in section


@pytest.mark.parametrize("words", [EXPIRED, CANCELLED, SUPERSEDED])
def test_the_docs_quote_the_words_of_each_outcome(section: str, words: str) -> None:
    assert f"`{words}`" in section


@pytest.mark.parametrize("scope", SCOPES)
def test_the_docs_say_what_each_scope_is_for(section: str, scope: str) -> None:
    assert f"`{scope}`" in section
