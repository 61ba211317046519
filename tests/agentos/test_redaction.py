"""Every secret format, in text and in fields, and what must be left alone (DESIGN section 7)."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos import CanonicalObject, canonical_json, redact, redact_text
from agentos.redaction import redact_object

# Built from parts, so that no scanner takes this file for a leak.
A20, A40 = "Ab1" * 7, "Ab1" * 14
SECRETS = [
    "aos" + "_" + A40,
    *("gh" + letter + "_" + A20 for letter in "opsur"),
    "github" + "_pat_" + A20,
    "glpat" + "-" + A20,
    "npm" + "_" + A40,
    "pypi" + "-" + A40,
    "sk" + "-" + A20,
    *("xox" + letter + "-" + A20 for letter in "abeoprs"),
    "hf" + "_" + A20,
    "whsec" + "_" + A40,
    "AKIA" + "Z9" * 8,
    "ASIA" + "Z9" * 8,
    "AIza" + A40,
    "eyJ" + A20 + "." + A20 + "." + A20,
    "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIE\n-----END RSA " + "PRIVATE KEY-----",
    "-----BEGIN " + "PRIVATE KEY-----\nMIIE, cut off",
]
WITH_SECRET = [
    ("Authorization: Bearer " + A20, A20),
    ("authorization: basic\n" + A20, A20),
    ("password=hunter22", "hunter22"),
    ("DB_PASSWORD: hunter22", "hunter22"),
    ("my-api-key = 'hunter22'", "hunter22"),
    ('{"client_secret": "hunter22"}', "hunter22"),
    ("export ACCESS_KEY=hunter22;", "hunter22"),
    ("auth_token=hunter22&x=1", "hunter22"),
    ("passwd:hunter22", "hunter22"),
    ("secret: Bearer " + A20, A20),
    ("postgresql://me:hunter22@host/db", "hunter22"),
    ("redis://:hunter22@host", "hunter22"),
]
HARMLESS = [
    "the word token in prose, and a secretary, a passwordless login, a basic idea, a bearer",
    "task-management-of-everything-else and disk-usage-of-the-whole-machine",
    "chaos_test_of_everything_that_may_break",
    "https://host.example/path?x=1#y and postgresql://me@host/db",
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "CA-1M2YHJ7H3K9M2P4Q WO-3F9K2M7Q src/service/retry.py:10",
    "password", "secret=", "AKIA is a prefix", "\ud800 alone", "",
]  # fmt: skip


@pytest.mark.parametrize("secret", SECRETS)
def test_a_token_is_removed_wherever_it_stands(secret: str) -> None:
    for text in (
        secret,
        f"set it to {secret} now",
        f'{{"x": "{secret}"}}',
        f"é {secret}",
        f"\\n{secret}",
        f"%20{secret}",
    ):
        redacted = redact_text(text)
        assert secret not in redacted
        assert "[redacted]" in redacted
    assert secret not in str(redact({"arguments": {"list": [f"x {secret}"]}}))
    assert secret not in str(redact({f"x {secret}": 1}))


@pytest.mark.parametrize(("text", "secret"), WITH_SECRET)
def test_a_secret_that_its_context_tells_is_removed(text: str, secret: str) -> None:
    assert secret not in redact_text(text)
    assert secret not in str(redact({"error": {"message": [text]}}))
    assert secret not in redact_text(f"\ud800 {text}")


@pytest.mark.parametrize("text", HARMLESS)
def test_other_text_is_untouched(text: str) -> None:
    assert redact_text(text) == text
    assert redact({"text": text}) == {"text": text}


@pytest.mark.parametrize(
    "name",
    ["password", "Password", "db_password", "secret", "client-secret", "api_key", "apikey",
     "APIKEY", "access_key", "private_key", "authorization", "auth_token", "refresh_token",
     "bearer", "token", "slack_token"],
)  # fmt: skip
def test_the_value_of_a_telling_field_is_removed_whole(name: str) -> None:
    assert redact({"a": [{name: "x"}]}) == {"a": [{name: "[redacted]"}]}
    assert redact({name: ""}) == {name: ""}


@pytest.mark.parametrize(
    "value",
    [
        {"input_tokens": 1200, "output_tokens": 7, "token_budget": None, "token": 5},
        {"idempotency_key": "abc", "tokens": "many", "keyword": "x", "mode": "keyword"},
        {"a": [1, 2.5, True, None, "x", {"b": []}]},
    ],
)
def test_fields_that_only_look_alike_are_untouched(value: Any) -> None:
    assert redact(value) == value


def test_the_value_that_was_given_is_not_changed() -> None:
    value = {"password": "hunter22", "list": ["password=hunter22"]}
    redact(value)
    assert value == {"password": "hunter22", "list": ["password=hunter22"]}


def test_what_is_not_json_is_redacted_in_its_parts() -> None:
    marker = object()
    redacted = redact({"at": marker, 3: {"token": "x"}, "text": "password=hunter22"})
    assert redacted == {"at": marker, 3: {"token": "[redacted]"}, "text": "password=[redacted]"}


@given(st.sampled_from([*SECRETS, *(text for text, _ in WITH_SECRET)]), st.text(), st.text())
def test_the_quick_test_never_hides_a_secret_from_the_thorough_one(
    secret: str, before: str, after: str
) -> None:
    text = f"{before} {secret} {after}"
    assert redact({"x": text})["x"] == redact_text(text)
    assert secret not in redact_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "a-" * 200_000 + "password=",
        "eyJ" * 200_000,
        "1eyJ" * 100_000,
        "a" * 400_000 + "://:@",
        "x://" * 90_000,
    ],
)
def test_hostile_text_costs_linear_time(text: str) -> None:
    started = time.thread_time()
    redact_text("password=hunter22 " + text)
    assert time.thread_time() - started < 5


@given(
    st.sampled_from([*SECRETS, *(text for text, _ in WITH_SECRET), "plain", ""]),
    st.sampled_from(["a", "token", "Password", "api_key"]),
    st.booleans(),
    st.booleans(),
)
def test_an_object_with_known_parts_is_redacted_as_without_them(
    text: str, name: str, is_known: bool, is_outside: bool
) -> None:
    """A part that is searched once is left out of the next search, and hides nothing."""
    part: dict[str, Any] = {name: [text], "x": {name: text}}
    data: dict[str, Any] = {name: part, "n": part, "text": text if is_outside else "plain"}
    expected = redact(data)
    if is_known:
        part = CanonicalObject(part)
        data = {**data, name: part, "n": part}
    for _ in range(2):
        redacted, written = redact_object(data)
        assert redacted == expected
        assert written == canonical_json(expected)


def test_a_known_part_inside_a_list_is_searched_although_others_were() -> None:
    secret = CanonicalObject({"x": f"password={'hunter22'}"})
    clean = CanonicalObject({"x": 1})
    for _ in range(2):
        redacted, written = redact_object({"a": clean, "list": [secret]})
        assert b"hunter22" not in written
        assert redacted["list"] == [{"x": "password=[redacted]"}]
