"""The hash of an event, against an independent computation (DESIGN section 3)."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import rfc8785

from agentos import format_time
from agentos.events.chain import hash_event

AT = datetime(2026, 3, 1, 9, 30, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize("data", [{}, {"a": 1.5, "\u00e9": [None, {"b": "\u20ac"}]}, {"a": 1e20}])
@pytest.mark.parametrize(
    "at",
    [AT, AT.replace(microsecond=0), AT.replace(microsecond=20),
     AT.astimezone(timezone(timedelta(hours=5, minutes=30))), AT.replace(year=1)],
)  # fmt: skip
def test_the_hash_covers_every_field_in_canonical_json(data: dict[str, Any], at: datetime) -> None:
    fields: dict[str, Any] = {
        "position": 7,
        "stream": 'work_order/"\u00fc"',
        "seq": 3,
        "type": "call.allowed",
        "actor": "ada",
        "data": data,
        "prev_hash": "0" * 64,
    }
    expected = rfc8785.dumps(
        {
            **fields,
            "at": at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        }
    )

    assert hash_event(at=at, **fields) == hashlib.sha256(expected).hexdigest()


def test_times_have_microseconds_even_where_they_are_zero() -> None:
    for at in (AT, AT.replace(microsecond=0), AT.replace(microsecond=900)):
        assert format_time(at) == at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_a_double_that_the_database_gives_back_as_an_integer_has_the_same_hash() -> None:
    def hashed(number: float) -> str:
        return hash_event(1, "s", 1, "t", "a", AT, {"n": [number]}, "0" * 64)

    assert hashed(10**20) == hashed(1e20) != hashed(1e21)
