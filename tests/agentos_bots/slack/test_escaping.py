"""Words of others stay words: nothing in them acts in a message."""

# ruff: noqa: RUF001 - signs that look alike are what this module makes of the real ones
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_bots.slack.escaping import (
    code,
    code_block,
    code_path,
    plain,
    prose,
    quote_lines,
)
from agentos_bots.slack.limits import width
from tests.agentos_bots.slack.reading import assert_whole, structure

# Every character, lone surrogates too, and often those that could do harm.
TRICKY = st.text(
    st.one_of(
        st.sampled_from("*_~`<>&|@#:!\\/()[]-=+ \n\r\t\u2028\u202e\u200b\u2068\u0301\u3164'"),
        st.characters(),
        st.characters(categories=["Cs", "Cf", "Cc", "Mn", "Co", "Zs"]),
    ),
    max_size=80,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a & b < c > d", "a &amp; b &lt; c &gt; d"),
        ("&lt;!channel&gt;", "&amp;lt;!channel&amp;gt;"),
        ("<!channel> wake up", "&lt;!channel&gt; wake up"),
        ("<@U123|ada>", "&lt;@U123|ada&gt;"),
        ("@here @channel @EVERYONE", "＠here ＠channel ＠EVERYONE"),
        ("ada@example.com and @pytest.fixture", "ada@example.com and @pytest.fixture"),
        ("*bold* _it_ ~gone~ `code`", "∗bold∗ ＿it＿ ∼gone∼ ˋcodeˋ"),
        ("snake_case and __init__", "snake_case and ＿＿init＿＿"),
        (":white_check_mark: all passed", "∶white_check_mark: all passed"),
        ("see :+1:", "see ∶+1:"),
        ("all :100: of them, and :1234", "all ∶100: of them, and ∶1234"),
        ("at 09:30:00 in a.py:10:2", "at 09:30:00 in a.py:10:2"),
        ("ends in :white_check_mark", "ends in ∶white_check_mark"),
        ("✅ passed 🚫", "▫ passed ▫"),
        ("https://evil.example/x", "https∶//evil.example/x"),
        ("mailto:a@b.c", "mailto∶a@b.c"),
        ("one\ntwo\r\nthree\u2028four\x85five", "one two three four five"),
        ("far" + " " * 50 + "away\t\tend", "far away end"),
        ("evil\u202etxt.exe", "evil\ufffdtxt.exe"),
        ("in\u200bvis\u2060ible\ufeff\u00ad", "invisible"),
        ("blank\u3164\u115f\u2800letters", "blankletters"),
        ("tags\U000e0041\U000e0042", "tags\ufffd\ufffd"),
        ("nul\x00bell\x07", "nul\ufffdbell\ufffd"),
        ("lone \ud800 half", "lone \ufffd half"),
        ("z" + "\u0301" * 40, "z" + "\u0301" * 3),
        ("no\u00a0break\u3000wide", "no break wide"),
        ("日本語 한국어 🙂", "日本語 한국어 🙂"),
        ("שלום", "\u2068שלום\u2069"),
        ("", "(empty)"),
        ("\u200b \u3164", "(empty)"),
    ],
)
def test_prose_reads_the_same_and_does_nothing(text: str, shown: str) -> None:
    assert prose(text, 200) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("src/a.py", "`src/a.py`"),
        ("a`*b*`c", "`aˋ*b*ˋc`"),
        ("<script>", "`&lt;script&gt;`"),
        ("a\u200bb.py", "`a\ufffdb.py`"),
        ("a\u202eyp.b", "`a\ufffdyp.b`"),
        ("a\u00a0b", "`a\ufffdb`"),
        ("a\nb", "`a b`"),
        ("", "`(empty)`"),
        (" ", "`(empty)`"),
    ],
)
def test_a_name_shows_what_is_invisible_in_it(text: str, shown: str) -> None:
    assert code(text, 100) == shown


def test_two_names_that_differ_do_not_look_alike_for_an_invisible_character() -> None:
    assert code("tests/a.py", 100) != code("tests/a\u200b.py", 100)


def test_of_a_long_path_the_file_remains() -> None:
    shown = code_path("src/" + "deep/" * 400 + "name.py", 60, ":10-12")
    assert shown.endswith("deep/name.py:10-12`")
    assert shown.startswith("`…")
    assert width(shown) <= 60


def test_a_block_of_code_cannot_be_ended_from_within() -> None:
    block, is_cut = code_block("a\n```\n*Approved* <!channel>", 200)
    assert block == "```\na\nˋˋˋ\n*Approved* &lt;!channel&gt;\n```"
    assert not is_cut
    assert code_block("x" * 300, 200)[1]


def test_no_line_leaves_a_quote() -> None:
    lines = quote_lines("one\r*Gates:* all passed\u2029>two\n\n```three```", 100, 1_000)
    assert lines == [">one", ">∗Gates:∗ all passed", ">&gt;two", ">", ">ˋˋˋthreeˋˋˋ"]


def test_a_long_line_goes_on_within_the_quote() -> None:
    lines = quote_lines("word " * 100, 60, 1_000)
    assert all(line.startswith(">") and width(line) <= 60 for line in lines)
    assert "".join(line[1:] for line in lines).replace(" ", "") == "word" * 100


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Approve <!channel>", "Approve ‹!channel›"),
        ("&lt;b&gt; & co", "＆lt;b＆gt; & co"),
        ("✅ done", "▫ done"),
        ("a\nb", "a b"),
        ("\u200b", "(empty)"),
    ],
)
def test_plain_text_needs_no_escapes(text: str, shown: str) -> None:
    assert plain(text, 75) == shown


def test_a_limit_below_one_letter_still_ends() -> None:
    assert quote_lines("&&&", 6, 100) == [">&amp;", ">&amp;", ">&amp;"]


@given(TRICKY, st.integers(9, 60))
def test_prose_never_acts_and_never_exceeds_its_limit(text: str, limit: int) -> None:
    shown = prose(text, limit)
    assert width(shown) <= limit
    assert structure(f"*Says:* {shown}.") == structure("*Says:* x.")
    assert_whole(shown)


@given(TRICKY, TRICKY)
def test_two_texts_do_nothing_together_that_neither_does_alone(one: str, two: str) -> None:
    line = f"*By* {prose(one, 90)}, says it is {prose(two, 90)}: {prose(one, 90)}"
    assert structure(line) == structure("*By* x, says it is x: x")


@given(TRICKY, st.integers(4, 60))
def test_a_name_never_leaves_its_code(text: str, limit: int) -> None:
    shown = code(text, max(limit, 12))
    assert width(shown) <= max(limit, 12)
    assert structure(shown) == structure("`x`")
    assert_whole(shown)
    assert structure(code_path(text, 40, ":1-2")) == structure("`x`")


@given(TRICKY, st.integers(50, 90))
def test_a_quote_never_ends_early(text: str, limit: int) -> None:
    lines = quote_lines(text, limit, 400)
    assert lines
    for line in lines:
        assert line.startswith(">") and "\n" not in line
        assert width(line) <= limit
        assert structure(line[1:]) == structure("x")


@given(TRICKY, st.integers(1, 75))
def test_plain_text_is_never_empty_and_never_too_long(text: str, limit: int) -> None:
    shown = plain(text, max(limit, 8))
    assert 0 < width(shown) <= max(limit, 8)
    assert not set(shown) & set("<>\n\u202e\u200b")
    assert shown.encode("utf-8")
