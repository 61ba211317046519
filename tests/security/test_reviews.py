"""Nobody approves their own work, nor work that they did not look at (docs/security.md)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agentos import Role, ToolResult
from tests.agentos_governance.lifecycle import CONTRACT, Office
from tests.security.catalogue import attempt
from tests.security.scene import begin_review

pytestmark = pytest.mark.anyio

# What an admin may well type for a person who is known as `alice` already.
SPELLINGS = (
    "Alice",
    "ALICE",
    " alice ",
    "\uff41lice",
    "\u24d0lice",
    "al\u034fice",
    "alice\ufe0f",
    "alice\U000e0100",
    "\u3164alice",
    "alice\u115f",
    "\u2800alice",
    "\u0430lice",
    "ali\u0441e",
    "al\u0456c\u0435",
    "\u03b1lice",
    "al\u0131ce",
    "\U0001d41alice",
)


async def _vote(office: Office, who: str, order: str, packet: str, **more: Any) -> ToolResult:
    vote = {"verdict": "approve", "reason": "I looked", **more}
    return await office.dispatch(
        who, "review_work_order", {"work_order": order, "packet_sha256": packet, **vote}
    )


def _rule(result: ToolResult) -> str | None:
    return result.structured["error"].get("rule") if result.is_error else None


@attempt("reviews")
async def test_a_person_is_not_another_one_under_another_spelling(office: Office) -> None:
    await office.join("alice works", Role.WORKER, person="alice")
    order, packet = await begin_review(office, who="alice works", review={"quorum": 20})
    through = []
    for number, person in enumerate(SPELLINGS):
        who = f"spelling {number}"
        await office.join(who, Role.REVIEWER, person=person)
        if _rule(await _vote(office, who, order, packet)) != "four_eyes":
            through.append(ascii(person))
    assert through == []


@attempt("reviews")
async def test_a_worker_whose_token_names_no_person_is_still_the_person_of_its_other_token(
    office: Office,
) -> None:
    await office.join("bare", Role.WORKER, worker="zed-works")
    order, packet = await begin_review(office, who="bare")
    await office.join("bound", Role.WORKER, worker="zed-works", person="zed")
    await office.join("zed-reviews", Role.REVIEWER, person="zed")
    await office.join("zed-too", Role.REVIEWER, worker="zed-r")
    await office.join("zed-bound", Role.REVIEWER, worker="zed-r", person="Zed")
    for who in ("zed-reviews", "zed-too", "zed-bound"):
        assert _rule(await _vote(office, who, order, packet)) == "four_eyes", who


@attempt("reviews")
async def test_a_person_that_was_renamed_stays_the_one_who_worked(office: Office) -> None:
    await office.join("y-works", Role.WORKER, person="Yara Old")
    order, packet = await begin_review(office, who="y-works")
    await office.join("y-works-again", Role.WORKER, worker="y-works", person="Yara New")
    await office.join("y-reviews", Role.REVIEWER, person="Yara New")
    assert _rule(await _vote(office, "y-reviews", order, packet)) == "four_eyes"


@attempt("reviews")
async def test_one_who_shared_a_worker_s_name_does_not_review_what_was_done_under_it(
    office: Office,
) -> None:
    await office.join("pair-a", Role.WORKER, worker="pair", person="Ann")
    await office.join("pair-b", Role.WORKER, worker="pair", person="Bob")
    order = await office.create()
    await office.claim("pair-a", order)
    evidence = {"kind": "note", "claim": "Bob did it", "content": "x"}
    await office.call("pair-b", "record_evidence", work_order=order, **evidence)
    packet = (await office.submit("pair-a", order))["packet_sha256"]
    await office.join("bob-reviews", Role.REVIEWER, person="Bob")
    assert _rule(await _vote(office, "bob-reviews", order, packet)) == "four_eyes"


@attempt("reviews")
async def test_who_delegates_does_not_approve_what_they_had_done(office: Office) -> None:
    await office.join("pat-works", Role.WORKER, person="Pat")
    await office.join("pat-reviews", Role.REVIEWER, person="Pat")
    child = parent = await office.create()
    await office.claim("pat-works", parent)
    for _ in range(2):
        made = await office.call(
            "pat-works" if child == parent else "w2",
            "create_work_order",
            title="C",
            objective="O",
            contract={"cost_budget_usd": "0.1", "lease_ttl_s": 60, "allowed_tools": ["*"]},
            parent=child,
        )
        child = made["id"]
        await office.claim("w2", child)
    packet = (await office.submit("w2", child))["packet_sha256"]
    assert _rule(await _vote(office, "pat-reviews", child, packet)) == "four_eyes"
    assert await office.vote("reviewer", child, packet) == "completed"


@attempt("reviews")
async def test_a_quorum_is_not_made_of_one_name_with_and_without_its_person(
    office: Office,
) -> None:
    await office.join("q-bare", Role.REVIEWER, worker="quentin")
    await office.join("q-bound", Role.REVIEWER, worker="quentin", person="Q. Person")
    await office.join("q-other", Role.REVIEWER, worker="q-other", person="Q. Person")
    order, packet = await begin_review(office, review={"quorum": 2})
    for who in ("q-bare", "q-bound", "q-other", "q-bare"):
        assert await office.vote(who, order, packet) == "in_review", who
    assert await office.vote("reviewer", order, packet) == "completed"


@attempt("reviews")
async def test_a_quorum_is_not_made_of_votes_at_once_by_one_person(office: Office) -> None:
    for number in range(4):
        await office.join(f"many-{number}", Role.REVIEWER, person="One Only")
    order, packet = await begin_review(office, review={"quorum": 2})
    votes = [_vote(office, f"many-{number}", order, packet) for number in range(4)]
    await asyncio.gather(*votes)
    assert await office.state(order) == "in_review"


@attempt("reviews")
async def test_who_planned_the_work_does_not_approve_it_as_another_identity(
    office: Office,
) -> None:
    """Separation of duties: planner and reviewer of one work order are two persons."""
    await office.join("pia plans", Role.PLANNER, person="Pia")
    await office.join("pia amends", Role.PLANNER, worker="pia-2", person="pia")
    await office.join("pia reviews", Role.REVIEWER, person="PIA")
    await office.join("pia rules", Role.ADMIN, person="pia")
    for planner, amender in (("pia plans", None), ("planner", "pia amends")):
        created = await office.call(
            planner, "create_work_order", title="T", objective="O", contract=CONTRACT
        )
        order = created["id"]
        if amender is not None:
            contract = {**CONTRACT, "forbidden_actions": ["deploy_*"]}
            amended = {"work_order": order, "contract": contract, "reason": "More"}
            await office.call(amender, "amend_contract", **amended)
        await office.claim("w1", order)
        packet = (await office.submit("w1", order))["packet_sha256"]
        for second in ("pia reviews", "pia rules"):
            assert _rule(await _vote(office, second, order, packet)) == "four_eyes", second
        assert not (await _vote(office, "reviewer", order, packet)).is_error


@attempt("reviews")
async def test_a_bot_s_vote_is_not_a_person_s(office: Office) -> None:
    await office.join("bot", Role.BOT)
    await office.join("bot-of-nobody", Role.REVIEWER)
    order, packet = await begin_review(office, review={"by": "human"})
    for who in ("bot", "bot-of-nobody"):
        for claim in ({}, {"is_human": True}, {"person": "somebody"}):
            assert (await _vote(office, who, order, packet, **claim)).is_error
    assert await office.state(order) == "in_review"


@attempt("reviews")
async def test_workers_and_planners_do_not_vote_whatever_they_are_called(office: Office) -> None:
    order, packet = await begin_review(office)
    await office.join("reviewer-like", Role.WORKER, worker="reviewer")
    for who in ("w1", "w2", "planner", "reviewer-like"):
        assert (await _vote(office, who, order, packet)).is_error
    assert await office.state(order) == "in_review"


@attempt("reviews")
async def test_a_vote_for_a_packet_does_not_count_for_what_comes_after_it(office: Office) -> None:
    await office.join("second", Role.REVIEWER, person="second")
    order, first = await begin_review(office, review={"quorum": 2})
    assert await office.vote("reviewer", order, first) == "in_review"
    assert await office.vote("second", order, first, "request_changes") == "suspended"
    await office.claim("w1", order)
    evidence = {"kind": "note", "claim": "New", "content": "other"}
    await office.call("w1", "record_evidence", work_order=order, **evidence)
    then = (await office.submit("w1", order))["packet_sha256"]
    assert (await _vote(office, "second", order, first)).error_code == "conflict"
    assert await office.vote("second", order, then) == "in_review", "the old vote is gone"


@attempt("reviews")
async def test_digests_of_other_things_are_no_packet(office: Office) -> None:
    order, packet = await begin_review(office)
    other, other_packet = await begin_review(office)
    for digest in ("0" * 64, other_packet, packet[:-1] + ("0" if packet[-1] != "0" else "1")):
        assert (await _vote(office, "reviewer", order, digest)).error_code == "conflict"
    for digest in ("", packet.upper(), packet + "0", f" {packet}", "%", packet[:16]):
        result = await _vote(office, "reviewer", order, digest)
        assert result.error_code == "invalid_argument"
    assert await office.state(order) == "in_review"
    assert await office.state(other) == "in_review"


@attempt("reviews")
async def test_a_vote_before_submission_and_after_the_end_is_none(office: Office) -> None:
    order = await office.create()
    assert (await _vote(office, "reviewer", order, "0" * 64)).is_error
    await office.claim("w1", order)
    resume = (await office.call("w1", "get_resume_packet", work_order=order))["sha256"]
    assert (await _vote(office, "reviewer", order, resume)).is_error
    packet = (await office.submit("w1", order))["packet_sha256"]
    assert await office.vote("reviewer", order, packet, "reject") == "failed"
    assert (await _vote(office, "reviewer", order, packet)).is_error
    assert await office.state(order) == "failed"


@attempt("reviews")
async def test_a_contract_is_not_eased_while_it_is_reviewed(office: Office) -> None:
    order, packet = await begin_review(office, review={"quorum": 2, "by": "human"})
    eased = {"cost_budget_usd": "1.00", "review": {"required": False}}
    for who in ("planner", "admin"):
        result = await office.dispatch(
            who, "amend_contract", {"work_order": order, "contract": eased, "reason": "Quick"}
        )
        assert result.is_error
    await office.join("one-person", Role.REVIEWER, person="one-person")
    assert await office.vote("one-person", order, packet) == "in_review"


@attempt("reviews")
async def test_a_work_order_that_was_eased_by_its_planner_still_needs_the_old_review(
    office: Office,
) -> None:
    order = await office.create(contract={"review": {"quorum": 2, "by": "human"}})
    for review in ({"required": False}, {"quorum": 1, "by": "human"}, {"quorum": 2}):
        contract = {"cost_budget_usd": "1.00", "allowed_tools": ["*"], "review": review}
        result = await office.dispatch(
            "planner",
            "amend_contract",
            {"work_order": order, "contract": contract, "reason": "Quick"},
        )
        assert result.is_error, review
