"""Text is cut under a limit without breaking what a person sees as one character."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_bots.slack.limits import clusters, cut, cut_start, fit, width


@pytest.mark.parametrize(
    ("text", "n"), [("", 0), ("abc", 3), ("日本", 2), ("🙂", 2), ("🇳🇱", 4), ("e\u0301", 2)]
)
def test_width_counts_as_the_most_cautious_reader_would(text: str, n: int) -> None:
    assert width(text) == n


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("abc", ["a", "b", "c"]),
        ("🇳🇱🇩🇪", ["🇳🇱", "🇩🇪"]),
        ("👍🏽x", ["👍🏽", "x"]),
        ("e\u0301e", ["e\u0301", "e"]),
        ("\u0301a", ["\u0301", "a"]),
    ],
)
def test_a_letter_keeps_its_marks_and_a_flag_both_halves(text: str, seen: list[str]) -> None:
    assert list(clusters(text)) == seen


@pytest.mark.parametrize(
    ("text", "limit", "kept"),
    [
        ("short", 5, "short"),
        ("longer", 5, "long…"),
        ("two words", 5, "two…"),
        ("🇳🇱🇩🇪", 6, "🇳🇱…"),
        ("🙂🙂", 3, "🙂…"),
        ("anything", 1, "…"),
        ("anything", 0, ""),
    ],
)
def test_what_is_cut_says_so(text: str, limit: int, kept: str) -> None:
    assert cut(text, limit) == kept


def test_a_path_is_cut_at_its_start() -> None:
    assert cut_start("src/deep/name.py", 9) == "…/name.py"


@given(st.text(max_size=60), st.integers(0, 40))
def test_nothing_exceeds_its_limit(text: str, limit: int) -> None:
    for shown in (cut(text, limit), cut_start(text, limit)):
        assert width(shown) <= limit
        assert shown == text or shown == "" or "…" in shown


@given(st.lists(st.text("ab", min_size=1, max_size=9), max_size=12), st.integers(20, 60))
def test_lines_that_do_not_fit_are_counted(lines: list[str], limit: int) -> None:
    kept = fit(lines, limit, lambda n: f"… {n} more")
    assert width("\n".join(kept)) <= limit
    if kept != lines:
        assert kept == [*lines[: len(kept) - 1], f"… {len(lines) - len(kept) + 1} more"]


def test_one_marked_letter_cannot_swallow_the_text() -> None:
    assert max(map(len, clusters("z" + "\u0301" * 100))) <= 8
