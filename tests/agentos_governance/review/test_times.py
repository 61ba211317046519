"""Issue 6: quiet hours move reminders and escalations, never an expiry, also when clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from agentos import ConfigurationError
from agentos_governance.review.settings import QuietHours, parse_review_settings
from agentos_governance.review.times import Schedule, is_quiet, out_of_quiet

NIGHT = QuietHours.model_validate({"start": "19:00", "end": "08:00", "timezone": "Europe/Berlin"})


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-07-01T12:00:00+02:00", "2026-07-01T12:00:00+02:00"),
        ("2026-07-01T18:59:59+02:00", "2026-07-01T18:59:59+02:00"),
        ("2026-07-01T19:00:00+02:00", "2026-07-02T08:00:00+02:00"),
        ("2026-07-02T07:59:59+02:00", "2026-07-02T08:00:00+02:00"),
        ("2026-07-02T08:00:00+02:00", "2026-07-02T08:00:00+02:00"),
        # The night in which clocks go forward is an hour shorter, the one back an hour longer.
        ("2026-03-28T22:00:00+01:00", "2026-03-29T08:00:00+02:00"),
        ("2026-10-24T22:00:00+02:00", "2026-10-25T08:00:00+01:00"),
    ],
)
def test_what_falls_into_quiet_hours_comes_at_their_end(at: str, expected: str) -> None:
    assert out_of_quiet(_utc(at), NIGHT) == _utc(expected)
    assert is_quiet(_utc(at), NIGHT) == (at != expected)


def test_an_end_that_the_clock_leaves_out_or_repeats_is_still_one_moment() -> None:
    skipped = QuietHours(start=time(0), end=time(2, 30), timezone="Europe/Berlin")
    # 02:30 does not exist on this day: the clock goes from 02:00 to 03:00.
    assert out_of_quiet(_utc("2026-03-29T01:00:00+01:00"), skipped) == _utc(
        "2026-03-29T03:30:00+02:00"
    )
    # 02:30 happens twice on this one; who is past the first waits for the second.
    assert out_of_quiet(_utc("2026-10-25T01:00:00+02:00"), skipped) == _utc(
        "2026-10-25T02:30:00+02:00"
    )
    assert out_of_quiet(_utc("2026-10-25T02:10:00+01:00"), skipped) == _utc(
        "2026-10-25T02:30:00+01:00"
    )


def test_quiet_hours_within_a_day_and_those_of_no_length() -> None:
    lunch = QuietHours(start=time(12), end=time(13), timezone="Asia/Kolkata")
    assert out_of_quiet(_utc("2026-07-01T12:30:00+05:30"), lunch) == _utc(
        "2026-07-01T13:00:00+05:30"
    )
    assert not is_quiet(_utc("2026-07-01T11:59:00+05:30"), lunch)
    none = QuietHours(start=time(12), end=time(12))
    assert not is_quiet(_utc("2026-07-01T12:00:00+00:00"), none)
    assert out_of_quiet(_utc("2026-07-01T12:00:00+00:00"), None).tzinfo is UTC


def test_every_quarter_hour_of_a_year_leaves_quiet_hours_forwards_and_only_once() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    quiet = QuietHours(start=time(21, 15), end=time(2, 45), timezone="Europe/Berlin")
    for _ in range(366 * 96):
        later = out_of_quiet(at, quiet)
        assert later >= at and later - at <= timedelta(hours=7), at
        assert (later == at) == (not is_quiet(at, quiet)), at
        at += timedelta(minutes=15)


def test_a_schedule_shifts_reminders_and_escalations_and_leaves_the_expiry() -> None:
    opened = _utc("2026-07-01T15:00:00+02:00")
    schedule = Schedule((3_600, 6 * 3_600, 80_000), 5 * 3_600, ("anna", "ben"), 16 * 3_600)
    clock = schedule.opened(opened, NIGHT)
    assert clock["remind_at"] == "2026-07-01T14:00:00.000000Z"
    # The expiry is in the night all the same, before the escalation that the night puts off.
    assert clock["expires_at"] == clock["due_at"] == "2026-07-02T05:00:00.000000Z"
    assert clock["escalate_at"] is None
    longer = Schedule((), 5 * 3_600, ("anna",), 86_400).opened(opened, NIGHT)
    assert longer["escalate_at"] == longer["due_at"] == "2026-07-02T06:00:00.000000Z"
    assert longer["remind_at"] is None
    assert schedule.next_reminder(opened, opened, _utc("2026-07-09T00:00:00Z"), None) == (
        opened + timedelta(hours=1)
    )
    ends = opened + timedelta(days=9)
    after = opened + timedelta(hours=20)
    assert schedule.next_reminder(opened, after, ends, None) == opened + timedelta(seconds=80_000)
    assert schedule.next_reminder(opened, ends, ends, None) is None
    assert schedule.next_escalation(2, opened, ends, None) is None


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"expire_after_s": 0}, "review.expire_after_s"),
        ({"remind_after_s": [60, 60]}, "must ascend"),
        ({"quiet_hours": {"start": "9", "end": "10:00"}}, 'such as "19:30"'),
        ({"quiet_hours": {"start": "09:00", "end": "24:01"}}, 'such as "19:30"'),
        ({"quiet_hours": {"start": "09:00", "end": "10:00", "timezone": "Mars/Base"}}, "time zone"),
        ({"escalate_too": ["anna"]}, "review.escalate_too"),
    ],
)
def test_settings_that_cannot_be_meant_stop_the_start(table: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said.replace(".", r"\.")):
        parse_review_settings(table)
