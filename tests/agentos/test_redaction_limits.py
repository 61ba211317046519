"""Redaction of hostile text: it stays quick, and telling fields are replaced whatever they hold."""

from __future__ import annotations

import time

import pytest

from agentos import redact, redact_text

HOSTILE = [
    "a-" * 2000 + ":=x",
    "a" * 4000 + " ://x:y@",
    "-----BEGIN " * 370 + "PRIVATE KEY",
    "password" * 500 + "=",
    "x_" * 2000 + "://" + "bearer " * 20,
    "eyJ" + "aaaaaaaaa." * 400,
    "a://" * 1000 + "password=",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:12])
def test_no_text_of_the_recorded_size_takes_longer_than_a_few_milliseconds(text: str) -> None:
    def spent_s() -> float:
        started = time.thread_time()
        redact_text(text)
        return time.thread_time() - started

    assert min(spent_s() for _ in range(5)) < 0.05


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("my_password=hunter22 x", "my_password=[redacted] x"),
        ("DB-API_KEY: 'abcdef'", "DB-API_KEY: '[redacted]'"),
        ("postgres://u:pw@host/db", "postgres://u:[redacted]@host/db"),
        ("Authorization: Bearer abcdefghijklmnop", "Authorization: Bearer [redacted]"),
        ("nothing to see here", "nothing to see here"),
    ],
)
def test_secrets_in_text_are_replaced(text: str, redacted: str) -> None:
    assert redact_text(text) == redacted


def test_a_telling_field_is_replaced_whether_it_holds_text_a_list_or_an_object() -> None:
    assert redact({"password": ["ab", "cd"]}) == {"password": "[redacted]"}
    assert redact({"secret": {"v": "x"}, "n": 1}) == {"secret": "[redacted]", "n": 1}
    assert redact({"api_key": "x", "token": None}) == {"api_key": "[redacted]", "token": None}
