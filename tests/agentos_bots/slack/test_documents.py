"""Documents of the server are read strictly, and newer ones are still understood."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from agentos import InvalidArgumentError
from agentos_bots.slack import documents
from agentos_bots.slack.documents import Card, Wire, parse_card, parse_waiting
from agentos_governance.review_cards import model as server
from tests.agentos_bots.slack.card_documents import (
    REQUESTS,
    ended_card,
    request_card,
    waiting,
    waiting_page,
    work_card,
)


def test_what_the_server_sends_is_read_whole() -> None:
    sent = server.ReviewCard.model_validate(work_card()).model_dump(mode="json")
    card = parse_card(sent)
    assert card.diff is not None and card.diff.n_paths == 37
    assert card.workers[0].person == "ada"
    assert card.findings[1].severity == "blocking"


@pytest.mark.parametrize("kind", REQUESTS)
def test_every_kind_of_request_of_the_server_is_read(kind: str) -> None:
    sent = server.ReviewCard.model_validate(request_card(kind)).model_dump(mode="json")
    request = parse_card(sent).request
    assert request is not None and request.kind == kind


def test_a_queue_of_the_server_is_read() -> None:
    page = waiting_page(waiting(1), waiting(2))
    sent = server.WaitingList.model_validate(page).model_dump(mode="json")
    assert [one.id for one in parse_waiting(sent).reviews] == ["RV-00000001", "RV-00000002"]


@pytest.mark.parametrize("name", ["Kind", "Outcome", "Verdict", "Severity", "Category"])
def test_bot_and_server_know_the_same_words(name: str) -> None:
    assert get_args(getattr(documents, name)) == get_args(getattr(server, name))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Card, server.ReviewCard),
        (documents.Waiting, server.WaitingReview),
        (documents.Finding, server.CardFinding),
        (documents.Vote, server.CardVote),
        (documents.Question, server.CardQuestion),
        (documents.Worker, server.CardWorker),
    ],
)
def test_every_field_that_is_shown_is_one_that_the_server_sends(
    ours: type[Wire], theirs: type[Any]
) -> None:
    assert set(ours.model_fields) <= set(theirs.model_fields)


def test_a_field_that_is_not_known_is_ignored() -> None:
    assert parse_card(work_card(mood="good", diff=None)).id == "RV-3F9K2M7Q"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"title": 7}, "title"),
        ({"n_blocking": "2"}, "n_blocking"),
        ({"n_blocking": True}, "n_blocking"),
        ({"n_blocking": -1}, "n_blocking"),
        ({"outcome": "denied", "state": "ended"}, "outcome"),
        ({"sha256": "F" * 64}, "sha256"),
        ({"sha256": "0" * 63}, "sha256"),
        ({"id": "RV-1 <!channel>"}, "id"),
        ({"opened_at": "yesterday"}, "opened_at"),
        ({"opened_at": "2026-11-21T20:00:00"}, "opened_at"),
        ({"opened_at": 1_700_000_000}, "opened_at"),
        ({"opened_at": "0001-01-01T00:00:00+14:00"}, "opened_at"),
        ({"findings": [{"id": "x"}]}, "findings.0.check"),
        ({"workers": "claude-1"}, "workers"),
        ({"votes": [{"person": "bo", "verdict": "denied", "at": "x"}]}, "votes.0"),
        ({"request": REQUESTS["approve_plan"]}, "request"),
        ({"kind": "approve_plan"}, "request"),
        ({"outcome": "approved"}, "outcome"),
        ({"state": "ended"}, "outcome"),
    ],
)
def test_a_wrong_field_is_named(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidArgumentError, match=named):
        parse_card(work_card(**changes))


def test_many_wrong_fields_make_a_short_error() -> None:
    with pytest.raises(InvalidArgumentError, match="and 295 more") as raised:
        parse_card(work_card(gates=[{"name": 1, "passed": True}] * 300))
    assert len(str(raised.value)) < 1_000


def test_times_are_read_in_utc() -> None:
    card = parse_card(work_card(opened_at="2026-11-21T22:00:00+02:00"))
    assert card.opened_at.isoformat() == "2026-11-21T20:00:00+00:00"


def test_an_ended_card_has_its_outcome() -> None:
    assert parse_card(ended_card("expired")).outcome == "expired"
