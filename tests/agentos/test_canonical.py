"""Canonical JSON equals RFC 8785 for every value, by whichever way it is produced."""

from __future__ import annotations

import datetime
import enum
import uuid
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from agentos import CanonicalObject, InvalidArgumentError, canonical_json

_LARGEST = 2**53 - 1
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_VALUES = st.recursive(
    st.none() | st.booleans() | _TEXT | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-_LARGEST, _LARGEST),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(_VALUES)
def test_every_value_has_the_bytes_of_rfc_8785(value: Any) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)


def test_keys_beyond_the_basic_plane_sort_by_utf16_code_unit() -> None:
    assert canonical_json({"\ufb33": 1, "\U0001f600": 2}).decode() == '{"\U0001f600":2,"\ufb33":1}'


class _Colour(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    "value",
    [
        _LARGEST + 1,
        -_LARGEST - 1,
        {"a": [2**70]},
        float("nan"),
        {"a": float("inf")},
        "\ud800",
        {"\ud800": 1},
        {1: 2},
        {"a": {None: 1}},
        uuid.UUID(int=1),
        [datetime.date(2026, 1, 1)],
        {"a": _Colour.RED},
        {"a": object()},
    ],
)
def test_what_canonical_json_cannot_say_is_refused(value: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        canonical_json(value)


def test_a_value_nested_without_end_is_refused() -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(InvalidArgumentError):
        canonical_json(value)


@given(_VALUES, _VALUES)
def test_an_object_that_knows_its_text_is_written_as_any_other(inner: Any, other: Any) -> None:
    known = CanonicalObject({"z": inner, "a": 1})
    plain = {"b": {"z": inner, "a": 1}, "a": other}
    assert canonical_json({"b": known, "a": other}) == canonical_json(plain)
    assert canonical_json(known) == known.text == canonical_json(dict(known))
    assert canonical_json([known, [known]]) == canonical_json([dict(known), [dict(known)]])
