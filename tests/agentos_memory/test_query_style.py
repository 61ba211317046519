"""Reports of faults and descriptions of code are told apart, and weigh the arms differently."""

from __future__ import annotations

import pytest

from agentos_memory.query_style import report_share, weighted_terms
from agentos_memory.ranking import DESCRIPTION_WEIGHTS, REPORT_WEIGHTS, arm_weights


@pytest.mark.parametrize(
    "query",
    [
        "The server crashes when the upload is empty",
        "wrong status instead of an error for invalid headers",
        "retries are ignored after a broken connection",
        "cookies are not sent when the path is empty",
    ],
)
def test_what_tells_of_a_fault_is_a_report(query: str) -> None:
    assert report_share(query) > 0.7


@pytest.mark.parametrize(
    "query",
    [
        "Return the parsed headers of a request",
        "Create a connection from a given address",
        "Checks whether the token has expired",
        "Wraps a socket for the event loop",
        "refresh the cached index",
    ],
)
def test_what_says_what_code_does_is_a_description(query: str) -> None:
    assert report_share(query) < 0.3


@pytest.mark.parametrize("query", ["router", "", "connection pool settings", "!?"])
def test_words_that_tell_neither_are_in_the_middle(query: str) -> None:
    assert 0.35 < report_share(query) < 0.65


def test_weights_go_from_those_of_a_description_to_those_of_a_report() -> None:
    assert arm_weights(0.0) == pytest.approx(DESCRIPTION_WEIGHTS)
    assert arm_weights(1.0) == pytest.approx(REPORT_WEIGHTS)
    assert sum(arm_weights(0.3).values()) == pytest.approx(1)


def test_words_that_only_say_that_something_is_a_report_count_for_less() -> None:
    weights = weighted_terms("fix the cookie issue", known=frozenset())
    assert weights["cooki"] == 1
    assert weights["fix"] == weights["issu"] < 0.5
    # Nothing else is asked for.
    assert weighted_terms("issue", known=frozenset()) == {"issu": 1}


def test_two_words_that_code_writes_as_one_are_looked_for_as_one() -> None:
    known = frozenset({"webhook", "into"})
    weights = weighted_terms("put it in to the web hook of multi line", known)
    assert 0 < weights["webhook"] < 1
    assert {"web", "hook"} <= weights.keys()
    assert weights.keys().isdisjoint({"into", "multilin"})
