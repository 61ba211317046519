"""Roots and globs: what lies inside."""

from __future__ import annotations

import time

import pytest

from agentos_governance.contracts.globs import compile_globs, compile_roots


@pytest.mark.parametrize(
    ("root", "inside", "outside"),
    [
        (".", ["a", "a/b/c"], []),
        ("src", ["src", "src/a"], ["srcs", "src.py", "a/src"]),
        ("src/", ["src/a", "src/a/b"], ["src", "srcs/a"]),
        ("a/b.py", ["a/b.py"], ["a/b.pyc", "b.py"]),
        ("*.md", ["a.md"], ["docs/a.md"]),
        ("src/**", ["src/a", "src/a/b"], ["src", "tests/a"]),
        ("tests/**/*.py", ["tests/a.py", "tests/x/y/a.py"], ["tests/a.txt", "a.py"]),
        ("**/conftest.py", ["conftest.py", "a/b/conftest.py"], ["a/conftest.pyc"]),
        ("packages/*/src/", ["packages/a/src/x"], ["packages/a/b/src/x", "packages/a/src"]),
        ("src/[ab].py", ["src/a.py"], ["src/c.py", "src/A.py"]),
    ],
)
def test_roots_admit_what_lies_inside_and_nothing_else(
    root: str, inside: list[str], outside: list[str]
) -> None:
    is_inside = compile_roots([root])
    assert [path for path in inside if not is_inside(path)] == []
    assert [path for path in outside if is_inside(path)] == []


def test_no_roots_admit_nothing() -> None:
    assert not compile_roots([])("a")
    assert compile_globs([]) is None


def test_hostile_patterns_do_not_make_matching_slow() -> None:
    before = time.thread_time()
    assert not compile_roots(["**/" * 100 + "*a" * 50 + "b"])("a/" * 200 + "a" * 200)
    pattern = compile_globs(["*a" * 200 + "b"])
    assert pattern is not None and not pattern.match("a" * 4000)
    assert time.thread_time() - before < 2
