"""Inclusion of globs and roots, against the matchers that decide at run time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_governance.contracts.globs import compile_globs, compile_roots
from agentos_governance.contracts.inclusion import find_outside_globs, find_outside_roots

_GLOBS = st.lists(st.sampled_from("ab*?[]!-"), min_size=1, max_size=7).map("".join)
_TEXTS = st.text("abc-!]", max_size=8)
_NAMES = st.sampled_from(["a", "b", "ab", "*", "**", "a*", "?b", "[ab]", "[!a]*", "*a*"])
_ROOTS = st.tuples(
    st.lists(_NAMES, min_size=1, max_size=4).map("/".join), st.sampled_from(["", "/"])
).map("".join)
_PATHS = st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=5).map("/".join)


@pytest.mark.parametrize(
    ("inner", "outer", "example"),
    [
        (["search_code"], ["search_*"], None),
        (["search_*"], ["search_code"], "search_"),
        (["*"], ["*_*"], ""),
        (["?*"], ["a*", "[!a]*"], None),
        (["[a-c]x"], ["ax", "[bc]x"], None),
        (["[a-d]x"], ["ax", "[bc]x"], "dx"),
        (["git *"], ["git status", "git diff*"], "git "),
        (["git diff *"], ["git status", "git diff*"], None),
        (["x"], [], "x"),
        ([], [], None),
    ],
)
def test_text_globs_lie_inside_others_or_an_example_shows_why_not(
    inner: list[str], outer: list[str], example: str | None
) -> None:
    outside = find_outside_globs(inner, outer)
    assert (outside and outside.example) == example


@pytest.mark.parametrize(
    ("inner", "outer", "example"),
    [
        (["src/app/"], ["src/"], None),
        (["src"], ["src/"], "src"),
        (["src/"], ["src"], None),
        (["src/**/*.py"], ["src/"], None),
        (["src/**"], ["src/"], None),
        (["src/"], ["src/**"], None),
        (["src/"], ["src/*"], "src/x/x"),
        (["src/*"], ["src/**/*"], None),
        (["**/*.py"], ["src/", "tests/"], ".py"),
        (["."], ["src/"], "x"),
        (["src/"], ["."], None),
        (["."], ["**"], None),
        (["source/"], ["src/"], "source/x"),
        (["src*/"], ["src/"], "srcx/x"),
        (["a/b/c"], ["a/*/c"], None),
        (["a/b/c/"], ["a/*/c"], "a/b/c/x"),
        (["a/b/d"], ["a/*/c"], "a/b/d"),
        (["a/[b]/c*"], ["a/*/c*"], None),
    ],
)
def test_roots_lie_inside_others_or_an_example_shows_why_not(
    inner: list[str], outer: list[str], example: str | None
) -> None:
    outside = find_outside_roots(inner, outer)
    assert (outside and outside.example) == example


@settings(max_examples=400, deadline=None)
@given(inner=_GLOBS, outer=st.lists(_GLOBS, max_size=3), texts=st.lists(_TEXTS, max_size=30))
def test_what_is_said_of_text_globs_is_what_the_matcher_does(
    inner: str, outer: list[str], texts: list[str]
) -> None:
    within, beyond = compile_globs([inner]), compile_globs(outer)
    assert within is not None
    outside = find_outside_globs([inner], outer)
    if outside is not None:
        assert within.match(outside.example)
        assert beyond is None or not beyond.match(outside.example)
        return
    for text in (*texts, inner):
        assert not within.match(text) or (beyond is not None and beyond.match(text)), text


@settings(max_examples=400, deadline=None)
@given(inner=_ROOTS, outer=st.lists(_ROOTS, max_size=3), paths=st.lists(_PATHS, max_size=30))
def test_what_is_said_of_roots_is_what_the_matcher_does(
    inner: str, outer: list[str], paths: list[str]
) -> None:
    within, beyond = compile_roots([inner]), compile_roots(outer)
    outside = find_outside_roots([inner], outer)
    if outside is not None:
        assert within(outside.example)
        assert not beyond(outside.example)
        return
    is_name = not set("*?[") & set(inner) and not inner.endswith("/")
    for path in [inner] if is_name else paths:
        assert not within(path) or beyond(path), path


def test_the_worst_globs_are_compared_in_seconds_or_left_to_the_run_time() -> None:
    outer = [f"*{letter}" + "?" * 60 for letter in "abcdefgh"]
    within, beyond = compile_globs(["*[a-h]" + "[a-h]" * 59 + "*"]), compile_globs(outer)
    assert within is not None and beyond is not None
    started = time.thread_time()
    outside = find_outside_globs(["*[a-h]" + "[a-h]" * 59 + "*"], outer)
    assert time.thread_time() - started < 20
    assert outside is None or not beyond.match(outside.example)
    started = time.thread_time()
    assert find_outside_globs(["*a" + "?" * 400 + "z"] * 100, [*outer, "*z"]) is None
    assert time.thread_time() - started < 20
