"""Every part of a review is posted once in a channel, whoever dies on the way.

Required by the issue "Gatekeeper": two bots at once post a review once; any replica handles any click.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agentos import Role, Settings
from tests.agentos_governance.lifecycle import Office, open_office
from tests.agentos_governance.persons.acting import waiting_work

pytestmark = pytest.mark.anyio

CARD = {"channel": "slack", "part": "card"}
REF = "C1:1700000000.000100"


async def open_posts(office: Office) -> str:
    """A review to post, and two bots; the review's id."""
    await office.join("bot", Role.BOT)
    await office.join("bot 2", Role.BOT)
    review: str = (await waiting_work(office))["id"]
    return review


async def test_of_two_bots_at_once_one_posts_and_the_other_learns_where(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        review = await open_posts(office)
        claims = await asyncio.gather(
            *(office.call(f"bot{' 2' * (n % 2)}", "claim_post", review=review, **CARD)
              for n in range(8))
        )  # fmt: skip
        (mine,) = [each for each in claims if each["claimed"]]
        assert mine["attempt"] == 1 and mine["post"]["message_ref"] is None
        assert {each["claim"] for each in claims if not each["claimed"]} == {None}
        posted = await office.call(
            "bot", "record_post", claim=mine["claim"], message_ref=REF, version=1
        )
        assert posted["post"]["message_ref"] == REF
        later = await office.call("bot 2", "claim_post", review=review, **CARD)
        assert (later["claimed"], later["post"]["message_ref"]) == (False, REF)
        # An answer that was lost is asked for again.
        again = await office.call(
            "bot", "record_post", claim=mine["claim"], message_ref=REF, version=1
        )
        assert again == posted
        found = await office.call("bot 2", "get_post", review=review, **CARD)
        assert (found["message_ref"], found["version"]) == (REF, 1)


async def test_after_a_dead_bot_another_posts_and_the_dead_one_is_fenced_off(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        review = await open_posts(office)
        dead = await office.call("bot", "claim_post", review=review, lease_s=10, **CARD)
        assert not (await office.call("bot 2", "claim_post", review=review, **CARD))["claimed"]
        office.clock.advance(10)
        heir = await office.call("bot 2", "claim_post", review=review, **CARD)
        assert (heir["claimed"], heir["attempt"]) == (True, 2)
        late = {"claim": dead["claim"], "message_ref": "C1:1.1", "version": 1}
        assert await office.code("bot", "record_post", **late) == "conflict"
        await office.call("bot 2", "record_post", claim=heir["claim"], message_ref=REF, version=1)
        assert await office.code("bot", "record_post", **late) == "conflict"


async def test_a_late_claimant_whom_nobody_overtook_still_records(settings: Settings) -> None:
    async with open_office(settings) as office:
        review = await open_posts(office)
        slow = await office.call("bot", "claim_post", review=review, lease_s=1, **CARD)
        office.clock.advance(60)
        await office.call("bot", "record_post", claim=slow["claim"], message_ref=REF, version=3)
        assert not (await office.call("bot 2", "claim_post", review=review, **CARD))["claimed"]


async def test_a_posted_part_is_rendered_again_for_a_newer_version_by_one(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        review = await open_posts(office)
        named = {"review": review, **CARD}
        first = await office.call("bot", "claim_post", **named)
        await office.call("bot", "record_post", claim=first["claim"], message_ref=REF, version=2)
        for version, claimed in ((None, False), (1, False), (2, False), (3, True), (4, False)):
            answer = await office.call("bot", "claim_post", version=version, **named)
            assert answer["claimed"] is claimed, version
            if claimed:
                update = answer
        moved = {"claim": update["claim"], "message_ref": "C1:2.2", "version": 3}
        assert await office.code("bot", "record_post", **moved) == "conflict"
        # A slower bot that rendered something older never takes the version back.
        done = await office.call(
            "bot", "record_post", claim=update["claim"], message_ref=REF, version=1
        )
        assert done["post"]["version"] == 2


async def test_what_may_have_been_overwritten_is_looked_at_until_it_agreed_for_half_an_hour(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        named = await _unsure(office)
        assert await _unsettled(office) == [(named["review"], 60.0)]
        assert not (await office.call("bot 2", "claim_post", version=3, **named))["claimed"]
        # Something newer in between does not make it sure that nothing older comes after it.
        office.clock.advance(59)
        newer = await office.call("bot 2", "claim_post", version=4, **named)
        assert newer["is_look"] is False
        await office.call("bot 2", "record_post", claim=newer["claim"], message_ref=REF, version=4)
        assert not (await office.call("bot 2", "claim_post", version=4, **named))["claimed"]
        office.clock.advance(1)
        pauses = [await _look(office, named) for _ in range(5)]
        assert pauses == [120.0, 240.0, 480.0, 960.0, None]
        office.clock.advance(7 * 86_400)
        assert await _unsettled(office) == []
        assert not (await office.call("bot", "claim_post", version=4, **named))["claimed"]


async def test_a_channel_that_shows_something_older_again_and_again_is_given_up_in_the_end(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        named = await _unsure(office)
        office.clock.advance(60)
        pauses = [await _look(office, named, found_older=True) for _ in range(10)]
        assert pauses == [120.0, 240.0, 480.0, *([960.0] * 6), None]
        assert await _unsettled(office) == []


async def test_two_bots_look_once_between_them_and_a_dead_one_begins_anew(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        named = await _unsure(office)
        office.clock.advance(60)
        claims = await asyncio.gather(
            *(office.call(f"bot{' 2' * (n % 2)}", "claim_post", version=4, **named)
              for n in range(6))
        )  # fmt: skip
        (dead,) = [each for each in claims if each["claimed"]]
        assert (dead["is_look"], dead["is_unsure"]) == (True, False)
        assert await _unsettled(office) == []
        office.clock.advance(30)
        # What the dead one sent, if anything, may arrive late as well.
        assert await _unsettled(office) == [(named["review"], 0.0)]
        heir = await office.call("bot 2", "claim_post", version=4, **named)
        assert (heir["is_look"], heir["is_unsure"]) == (False, True)
        again = {"claim": heir["claim"], "message_ref": REF, "version": 4, "look_again_s": 60}
        await office.call("bot 2", "record_post", **again)
        office.clock.advance(60)
        assert [await _look(office, named) for _ in range(5)][-1] is None


async def _unsure(office: Office) -> dict[str, Any]:
    """A card that was recorded while an older update might still arrive; what names it."""
    named = {"review": await open_posts(office), **CARD}
    first = await office.call("bot", "claim_post", **named)
    unsure = {"claim": first["claim"], "message_ref": REF, "version": 3, "look_again_s": 60}
    await office.call("bot", "record_post", **unsure)
    return named


async def _look(
    office: Office, named: dict[str, Any], *, found_older: bool = False
) -> float | None:
    """Look at what is due and let time pass until the next look; how long that is."""
    assert await _unsettled(office) == [(named["review"], 0.0)]
    again = await office.call("bot 2", "claim_post", version=4, **named)
    assert (again["claimed"], again["is_look"], again["is_unsure"]) == (True, True, False)
    looked = {"claim": again["claim"], "message_ref": REF, "version": 4}
    await office.call("bot 2", "record_post", found_older=found_older, **looked)
    if not (unsettled := await _unsettled(office)):
        return None
    ((_, due_in_s),) = unsettled
    office.clock.advance(due_in_s)
    return due_in_s


async def test_who_follows_a_bot_that_died_over_an_update_is_told_that_it_may_still_arrive(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        named = {"review": await open_posts(office), **CARD}
        first = await office.call("bot", "claim_post", **named)
        assert first["is_unsure"] is False
        await office.call("bot", "record_post", claim=first["claim"], message_ref=REF, version=3)
        for version in (4, 5):
            office.clock.advance(30)
            dead = await office.call("bot", "claim_post", version=version, **named)
            assert dead["is_unsure"] is (version == 5)
        assert await _unsettled(office) == []
        office.clock.advance(30)
        assert await _unsettled(office) == [(named["review"], 0.0)]
        # Nothing is newer than what is recorded; but what is there, nobody knows.
        heir = await office.call("bot 2", "claim_post", version=3, **named)
        assert (heir["claimed"], heir["is_unsure"]) == (True, True)


async def _unsettled(office: Office) -> list[tuple[str, float]]:
    found = await office.call("bot", "list_unsettled_posts", channel="slack")
    return [(post["review"], post["due_in_s"]) for post in found["posts"]]


async def test_a_cursor_never_goes_back_nor_beyond_the_log(settings: Settings) -> None:
    async with open_office(settings) as office:
        await office.join("bot", Role.BOT)

        async def save(position: int) -> dict[str, Any]:
            return await office.call("bot", "save_cursor", channel="slack", position=position)

        first = await office.call("bot", "get_cursor", channel="slack")
        assert first["position"] == 0 < first["head"]
        assert (await save(5))["position"] == 5
        assert (await save(3))["position"] == 5
        assert (await office.call("bot", "get_cursor", channel="slack"))["position"] == 5
        assert (await office.call("bot", "get_cursor", channel="github"))["position"] == 0
        code = await office.code("bot", "save_cursor", channel="slack", position=10**9)
        assert code == "invalid_argument"


async def test_only_bots_and_admins_keep_posts_and_only_of_what_there_is(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        review = await open_posts(office)
        for who in ("w1", "reviewer", "planner"):
            assert await office.code(who, "claim_post", review=review, **CARD) == "call_refused"
            assert await office.code(who, "save_cursor", channel="slack", position=1) == (
                "call_refused"
            )
        assert await office.code("bot", "claim_post", review="RV-NOPE", **CARD) == "not_found"
        digest = {"channel": "slack", "part": "digest:2026-03-01:Ada"}
        assert await office.code("bot", "claim_post", review=review, **digest) == "invalid_argument"
        assert (await office.call("bot", "claim_post", review="digest", **digest))["claimed"]
        for part in ("card2", "findings:x", "reminder", "question:", "digest:today:Ada"):
            assert await office.code("bot", "claim_post", review=review, channel="slack",
                                     part=part) == "invalid_argument"  # fmt: skip
        for part in ("findings", "findings:2", "reminder:3", "escalation:1", "question:QU-1"):
            answer = await office.call(
                "bot", "claim_post", review=review, channel="slack", part=part
            )
            assert answer["claimed"]
