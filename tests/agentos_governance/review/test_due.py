"""Issue 6: people are reminded, others asked, and each of it happens once, by the kernel's clock."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agentos import Settings
from agentos_governance.sweeper import sweep
from tests.agentos_governance.lifecycle import START, FakeClock, Office, open_office
from tests.agentos_governance.lifecycle_plugin import LifecyclePlugin
from tests.agentos_governance.review.rounds import (
    last_round,
    review_office,
    submitted,
    types_of,
)

pytestmark = pytest.mark.anyio

HOUR_S = 3_600
TIMES: dict[str, Any] = {
    "remind_after_s": [HOUR_S, 3 * HOUR_S],
    "escalate_after_s": 2 * HOUR_S,
    "escalate_to": ["ben", "role:lead"],
    "expire_after_s": 12 * HOUR_S,
}


async def _pass(office: Office, hours: float, servers: int = 1) -> None:
    """Let time pass, and so many servers sweep at once."""
    office.clock.advance(hours * HOUR_S)
    await asyncio.gather(*(sweep(office.kernel) for _ in range(servers)))


async def test_reminders_escalations_and_the_expiry_come_once_and_in_order(
    settings: Settings,
) -> None:
    async with review_office(settings, TIMES) as office:
        order, opened = await submitted(office)
        assert opened["due_at"] == START + timedelta(hours=2)
        seen: list[tuple[str, float]] = []
        async with open_office(
            settings, clock=office.clock, tokens=office.tokens, review=TIMES
        ) as other:
            for _ in range(26):
                office.clock.advance(HOUR_S / 2)
                await asyncio.gather(*(sweep(each.kernel) for each in (office, other, office)))
                at = (office.clock.now() - START).total_seconds() / HOUR_S
                told = (await types_of(office, order))[len(seen) + 1 :]
                seen += [(type.removeprefix("review."), at) for type in told]
        assert seen == [
            ("reminded", 1),
            ("escalated", 2),
            ("reminded", 3),
            ("escalated", 4),
            ("expired", 12),
        ]
        escalated = await office.events(f"work_order/{order}", "review.escalated")
        assert [event["data"]["to"] for event in escalated] == ["ben", "role:lead"]
        ended = await last_round(office, order)
        assert (ended["n_reminders"], ended["n_escalations"]) == (2, 2)
        assert ended["assigned_to"] == "role:lead"
        await office.assert_consistent()


async def test_a_server_that_was_down_tells_once_what_it_missed(settings: Settings) -> None:
    async with review_office(settings, TIMES) as office:
        order, _ = await submitted(office)
        await _pass(office, 7, servers=3)
        assert await types_of(office, order) == [
            "review.opened",
            "review.reminded",
            "review.escalated",
        ]
        # The next on the list gets the whole wait.
        current = await last_round(office, order)
        assert current["escalate_at"] == office.clock.now() + timedelta(hours=2)
        assert current["remind_at"] is None


async def test_nobody_is_told_in_quiet_hours_and_the_expiry_does_not_wait(
    settings: Settings,
) -> None:
    quiet = {"start": "18:00", "end": "09:00", "timezone": "Europe/Berlin"}
    # The evening before the clocks go forward.
    clock = FakeClock(datetime(2026, 3, 28, 16, 30, tzinfo=UTC))
    times = {**TIMES, "quiet_hours": quiet}
    async with review_office(settings, times, clock=clock) as office:
        order, opened = await submitted(office)
        morning = datetime(2026, 3, 29, 7, 0, tzinfo=UTC)
        assert (opened["remind_at"], opened["escalate_at"]) == (None, None)
        assert opened["expires_at"] == clock.now() + timedelta(hours=12)
        _, round_ = await submitted(office, {"expire_after_s": 12 * HOUR_S})
        assert round_["expires_at"] < morning
        await _pass(office, 12)
        assert await types_of(office, order) == ["review.opened", "review.expired"]
    times |= {"expire_after_s": 72 * HOUR_S}
    clock = FakeClock(datetime(2026, 3, 28, 16, 30, tzinfo=UTC))
    async with open_office(settings, clock=clock, review=times) as office:
        order, opened = await submitted(office)
        assert opened["remind_at"] == opened["escalate_at"] == morning
        await _pass(office, 14)
        assert await types_of(office, order) == ["review.opened"]
        await _pass(office, 0.5)
        assert await types_of(office, order) == [
            "review.opened",
            "review.reminded",
            "review.escalated",
        ]
        # What was due by day while no server ran waits as well once one runs in the evening.
        office.clock.advance(8 * HOUR_S)
        order, opened = await submitted(office, {"remind_after_s": [600]})
        assert opened["remind_at"] == opened["opened_at"] + timedelta(seconds=600)
        await _pass(office, 2)
        assert await types_of(office, order) == ["review.opened"]
        await _pass(office, 14)
        assert "review.reminded" in await types_of(office, order)


async def test_a_snooze_is_quiet_until_its_end_and_moves_no_expiry(settings: Settings) -> None:
    async with review_office(settings, TIMES) as office:
        order, opened = await submitted(office)
        review = opened["id"]
        for until, said in (
            ("tomorrow", "offset"),
            ("2026-03-01T13:00:00", "offset"),
            ("2026-03-01T09:00:00Z", "ahead"),
            ("2026-03-01T21:00:00Z", "expires"),
        ):
            error = await office.refuse("anna", "snooze_review", review=review, until=until)
            assert error["code"] == "invalid_argument" and said in error["message"], until
        snoozed = await office.call(
            "anna", "snooze_review", review=review, until="2026-03-01T14:00:00+01:00"
        )
        assert snoozed["snoozed_until"] == snoozed["remind_at"] == snoozed["escalate_at"]
        assert snoozed["version"] == opened["version"] + 1
        await _pass(office, 3.9)
        assert await types_of(office, order) == ["review.opened", "review.snoozed"]
        await _pass(office, 0.1)
        assert (await types_of(office, order))[2:] == ["review.reminded", "review.escalated"]
        assert (await last_round(office, order))["snoozed_until"] is None
        await _pass(office, 8)
        assert (await last_round(office, order))["state"] == "expired"
        error = await office.refuse(
            "anna", "snooze_review", review=review, until="2026-03-02T09:00:00Z"
        )
        assert error["code"] == "invalid_state"
        await office.assert_consistent()


async def test_who_takes_a_review_over_has_a_whole_wait_before_the_next_is_asked(
    settings: Settings,
) -> None:
    async with review_office(settings, TIMES) as office:
        order, opened = await submitted(office)
        await _pass(office, 1.5)
        taken = await office.call(
            "anna", "take_over_review", review=opened["id"], reason="I know the code"
        )
        assert taken["assigned_to"] == "anna"
        await _pass(office, 1)
        assert "review.escalated" not in await types_of(office, order)
        await _pass(office, 1)
        assert (await last_round(office, order))["assigned_to"] == "ben"
        assert await office.vote("anna", order, opened["packet_sha256"]) == "completed"
        error = await office.refuse(
            "anna", "take_over_review", review=opened["id"], reason="Once more"
        )
        assert error["code"] == "invalid_state"
        assert (
            await office.code("anna", "take_over_review", review="RV-NONE", reason="Which")
            == "not_found"
        )
        await office.assert_consistent()


async def test_without_a_list_in_the_settings_the_persons_list_is_asked(
    settings: Settings,
) -> None:
    async with review_office(settings, {**TIMES, "escalate_to": []}) as office:
        for place, person in ((2, "anna"), (1, "carl")):
            await office.call("admin", "set_person", name=person, escalation=place)
        await office.call("admin", "set_person", name="ben")
        order, _ = await submitted(office)
        for _ in range(5):
            await _pass(office, 2)
        escalated = await office.events(f"work_order/{order}", "review.escalated")
        assert [event["data"]["to"] for event in escalated] == ["carl", "anna"]


async def test_a_call_that_waits_for_approval_reminds_and_expires_as_well(
    settings: Settings,
) -> None:
    plugin = LifecyclePlugin()
    async with review_office(settings, TIMES, plugin=plugin) as office:
        order = await office.create(
            contract={"constraints": ["ASK write_note"], "lease_ttl_s": 24 * HOUR_S}
        )
        await office.claim("w1", order)
        asked = await office.refuse("w1", "write_note", text="One")
        await _pass(office, 1)
        await office.call(
            "anna", "take_over_review", review=asked["review_id"], reason="I look into it"
        )
        await _pass(office, 2, servers=3)
        error = await office.refuse(
            "w1", "take_over_review", review=asked["review_id"], reason="It is mine"
        )
        assert error["rule"] == "role:worker"
        await _pass(office, 21)
        assert await types_of(office, order) == [
            "review.reminded",
            "review.taken_over",
            "review.reminded",
            "review.escalated",
        ]
        [expired] = await office.events(f"work_order/{order}", "approval.expired")
        assert expired["data"]["review_id"] == asked["review_id"]
        await office.assert_consistent()


async def test_a_digest_falls_due_once_a_day_in_the_settings_time_zone(
    settings: Settings,
) -> None:
    times = {"digest_at": "09:00", "timezone": "Europe/Berlin"}
    # 08:30 in Berlin.
    clock = FakeClock(datetime(2026, 3, 27, 7, 30, tzinfo=UTC))
    async with review_office(settings, times, clock=clock) as office:
        for person in ("anna", "ben", "carl"):
            await office.call("admin", "set_person", name=person, is_active=person != "ben")
        for _ in range(24):
            await _pass(office, 3, servers=3)
        due = await office.events("reviews")
        # The clocks went forward on the 29th.
        assert [(event["data"]["date"], event["at"].hour) for event in due] == [
            ("2026-03-27", 10),
            ("2026-03-28", 10),
            ("2026-03-29", 7),
            ("2026-03-30", 7),
        ]
        assert due[0]["data"]["persons"] == ["anna", "carl"]
        assert {event["type"] for event in due} == {"review.digest_due"}
