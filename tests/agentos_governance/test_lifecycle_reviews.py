"""Reviews: nobody approves their own work, and nobody approves what is not there any more."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from agentos import Role, Settings
from agentos_governance.evidence.packet_verification import verify_packet
from tests.agentos_governance.lifecycle import Office, open_office, sample_repository

pytestmark = pytest.mark.anyio


async def _submitted(
    office: Office, review: dict[str, Any] | None = None, *, who: str = "w1", **order: Any
) -> tuple[str, str]:
    """A work order in review and its packet's digest."""
    made = await office.create(contract={"review": review or {}}, **order)
    await office.claim(who, made)
    answer = await office.submit(who, made)
    assert answer["state"] == "in_review", answer
    return made, answer["packet_sha256"]


async def _refusal(office: Office, who: str, order: str, packet: str, **more: Any) -> Any:
    vote = {"packet_sha256": packet, "verdict": "approve", "reason": "I looked", **more}
    error = await office.refuse(who, "review_work_order", work_order=order, **vote)
    return error.get("rule", error["code"])


async def test_nobody_approves_their_own_work_under_any_name(settings: Settings) -> None:
    async with open_office(settings) as office:
        await office.join("anna works", Role.WORKER, person="anna")
        await office.join("anna reviews", Role.REVIEWER, person="anna")
        await office.join("anna administers", Role.ADMIN, person="anna")
        await office.join("a second token", Role.REVIEWER, worker="anna works")
        await office.join("named as the person", Role.REVIEWER, worker="anna")
        await office.join("a bot of anna", Role.BOT, person="anna")
        await office.join("ben", Role.REVIEWER, person="ben")
        order = await office.create()
        await office.claim("anna works", order)
        await office.call("anna works", "stand_down", work_order=order, reason="Lunch")
        await office.claim("w2", order)
        office.clock.advance(61)
        await office.claim("ben", order)
        packet = (await office.submit("ben", order))["packet_sha256"]
        await office.join("w2 reviews", Role.REVIEWER, worker="w2")
        for who in (
            "anna reviews",
            "anna administers",
            "a second token",
            "named as the person",
            "ben",
            "w2 reviews",
        ):
            for verdict in ("approve", "reject", "request_changes"):
                rule = await _refusal(office, who, order, packet, verdict=verdict)
                assert rule == "four_eyes", (who, verdict)
        assert await _refusal(office, "a bot of anna", order, packet) == "role:bot"
        for who, role in (("w3", "worker"), ("planner", "planner")):
            assert await _refusal(office, who, order, packet) == f"role:{role}"
        assert await office.vote("reviewer", order, packet) == "completed"
        await office.assert_consistent()


async def test_a_vote_counts_for_the_packet_that_was_looked_at_only(
    settings: Settings, tmp_path: Path
) -> None:
    async with open_office(settings) as office:
        order, packet = await _submitted(office, repo=sample_repository(tmp_path))
        assert await _refusal(office, "reviewer", order, "0" * 64) == "conflict"
        assert await _refusal(office, "reviewer", order, "short") == "invalid_argument"
        workspace = settings.home / "worktrees" / order
        (workspace / "src" / "late.py").write_text("after submission\n", "utf-8")
        assert await _refusal(office, "reviewer", order, packet) == "conflict"
        # What cannot be approved any more can still be sent back.
        state = await office.vote("reviewer", order, packet, "request_changes", findings=["late"])
        assert state == "suspended"
        claim = await office.claim("w2", order)
        resume = json.loads(claim["resume_packet"]["packet"])
        assert resume["findings"] == ["late"]
        assert resume["reviews"][0]["reviewer"] == "reviewer"
        assert claim["work_order"]["findings"] == ["late"]
        second = (await office.submit("w2", order))["packet_sha256"]
        assert second != packet
        assert await _refusal(office, "reviewer", order, packet) == "conflict"
        seen = await office.call("reviewer", "get_resume_packet", work_order=order)
        assert await office.vote("reviewer", order, seen["sha256"]) == "completed"
        verification = verify_packet(settings.home / "evidence" / order)
        assert verification.ok, verification.problems
        await office.assert_consistent()


async def test_a_quorum_is_of_persons_not_of_tokens(settings: Settings) -> None:
    async with open_office(settings) as office:
        for token, person in (("anna 1", "anna"), ("anna 2", "anna"), ("ben", "ben")):
            await office.join(token, Role.REVIEWER, person=person)
        order, packet = await _submitted(office, {"quorum": 2})
        assert await office.vote("anna 1", order, packet) == "in_review"
        assert await office.vote("anna 2", order, packet) == "in_review"
        assert await office.vote("anna 1", order, packet) == "in_review"
        shown = await office.call("planner", "get_work_order", work_order=order)
        assert len(shown["votes"]) == 1
        assert await office.vote("ben", order, packet) == "completed"
        again, packet = await _submitted(office, {"quorum": 2})
        await office.vote("anna 1", again, packet)
        await office.vote("ben", again, packet, "request_changes")
        await office.claim("w2", again)
        packet = (await office.submit("w2", again))["packet_sha256"]
        # The earlier approval was of another packet.
        assert await office.vote("ben", again, packet) == "in_review"
        assert await office.vote("anna 2", again, packet) == "completed"
        await office.assert_consistent()


async def test_who_may_review_is_what_the_contract_says(settings: Settings) -> None:
    async with open_office(settings) as office:
        await office.join("anna", Role.REVIEWER, person="anna")
        order, packet = await _submitted(office, {"by": "human"})
        assert await _refusal(office, "reviewer", order, packet) == "review.by"
        assert await office.vote("anna", order, packet) == "completed"
        order, packet = await _submitted(office, {"by": "persona"})
        assert await office.vote("anna", order, packet) == "in_review"
        assert await office.vote("reviewer", order, packet) == "completed"
        order, packet = await _submitted(office)
        assert await office.vote("anna", order, packet, "reject") == "failed"
        assert await _refusal(office, "reviewer", order, packet) == "invalid_state"


async def test_work_without_review_completes_and_says_so(settings: Settings) -> None:
    async with open_office(settings) as office:
        order = await office.create(contract={"review": {"required": False}})
        await office.claim("w1", order)
        assert (await office.submit("w1", order))["state"] == "completed"
        [ended] = await office.events(f"work_order/{order}", "work_order.completed")
        assert ended["data"]["reason"] == "no review required"
        report = await office.call("planner", "get_work_report", work_order=order)
        assert report["reviewed_by"]["summary"] == "The contract requires no review."
        assert verify_packet(settings.home / "evidence" / order).ok


async def test_votes_at_once_end_the_work_once(settings: Settings) -> None:
    async with open_office(settings) as office:
        for number in range(8):
            await office.join(f"r{number}", Role.REVIEWER)
        after = []
        for verdicts in (["approve"] * 8, ["approve", "reject"] * 4):
            order, packet = await _submitted(office, {"quorum": 2})
            after.append(await office.create(depends_on=[order]))
            vote = {"work_order": order, "packet_sha256": packet, "reason": "I looked"}
            results = await asyncio.gather(
                *(
                    office.dispatch(f"r{n}", "review_work_order", {**vote, "verdict": verdict})
                    for n, verdict in enumerate(verdicts)
                )
            )
            codes = [result.error_code for result in results]
            assert codes.count(None) in (1, 2) and set(codes) <= {None, "invalid_state"}
            stream = f"work_order/{order}"
            ends = [
                *await office.events(stream, "work_order.completed"),
                *await office.events(stream, "work_order.failed"),
            ]
            assert len(ends) == 1
        assert len(await office.events(f"work_order/{after[0]}", "work_order.ready")) == 1
        await office.assert_consistent()
