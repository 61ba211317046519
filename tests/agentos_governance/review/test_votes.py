"""Issue 6: one vote a person however often it arrives, persons and roles as the contract says."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from agentos import CallRequest, Credentials, Role, Settings
from tests.agentos_governance.lifecycle import Office
from tests.agentos_governance.review.rounds import (
    last_round,
    open_another_round,
    resubmitted,
    review_office,
    submitted,
    types_of,
)

pytestmark = pytest.mark.anyio


def _vote(opened: Mapping[str, Any], verdict: str = "approve", **more: Any) -> dict[str, Any]:
    return {
        "work_order": opened["work_order"],
        "packet_sha256": opened["packet_sha256"],
        "verdict": verdict,
        "reason": "I looked at all of it",
        **more,
    }


async def _rule(office: Office, who: str, opened: Mapping[str, Any]) -> str:
    error = await office.refuse(who, "review_work_order", **_vote(opened))
    return str(error.get("rule", error["code"]))


async def test_ten_clicks_at_once_are_one_vote(settings: Settings) -> None:
    async with review_office(settings) as office:
        order, opened = await submitted(office, {"quorum": 2})
        for expected in ("in_review", "in_review"):
            results = await asyncio.gather(
                *(office.dispatch("anna", "review_work_order", _vote(opened)) for _ in range(10))
            )
            assert {result.structured["state"] for result in results} == {expected}
        assert len(await types_of(office, order, "work_order.reviewed")) == 1
        results = await asyncio.gather(
            *(office.dispatch("ben", "review_work_order", _vote(opened)) for _ in range(10))
        )
        # Whoever comes after the end is told what came of this very vote.
        assert {result.structured["state"] for result in results} == {"completed"}
        late = await office.call("anna", "review_work_order", **_vote(opened))
        assert (late["state"], late["outcome"]) == ("completed", "approved")
        assert await _rule(office, "carl", opened) == "invalid_state"
        other = await office.refuse("anna", "review_work_order", **_vote(opened, "reject"))
        assert f"{opened['id']} is approved by ben's laptop" in other["message"]
        assert len(await types_of(office, order, "work_order.reviewed")) == 2
        await office.assert_consistent()


async def test_who_says_something_else_before_the_end_changes_their_mind(
    settings: Settings,
) -> None:
    async with review_office(settings) as office:
        order, opened = await submitted(office, {"quorum": 2})
        before = opened["version"]
        await office.call("anna", "review_work_order", **_vote(opened))
        said = await office.call("anna", "review_work_order", **_vote(opened, reason="And again"))
        assert said["needs"] == "1 more of 2"
        assert [vote["reason"] for vote in said["votes"]] == ["And again"]
        assert (await last_round(office, order))["version"] == before + 2
        said = await office.call("anna", "review_work_order", **_vote(opened, "request_changes"))
        assert (said["state"], said["outcome"]) == ("suspended", "rejected")


async def test_only_the_contracts_reviewers_decide(settings: Settings) -> None:
    async with review_office(settings) as office:
        await office.call("admin", "set_person", name="carl", roles=["reviewer", "security"])
        _, opened = await submitted(office, {"reviewers": ["Anna", "role:security"], "quorum": 2})
        assert await _rule(office, "ben", opened) == "review.reviewers"
        assert await _rule(office, "reviewer", opened) == "review.reviewers"
        said = await office.call("anna", "review_work_order", **_vote(opened))
        assert said["needs"] == "1 more of 2 by Anna, role:security"
        await office.call("admin", "set_person", name="carl", roles=["reviewer"])
        assert await _rule(office, "carl", opened) == "review.reviewers"
        await office.call("admin", "set_person", name="carl", roles=["security"])
        said = await office.call("carl", "review_work_order", **_vote(opened))
        assert said["state"] == "completed"
        await office.assert_consistent()


async def test_roles_are_counted_in_persons_and_never_in_agents(settings: Settings) -> None:
    async with review_office(settings) as office:
        for person, roles in (("anna", ["security", "data"]), ("ben", ["data"])):
            await office.call("admin", "set_person", name=person, roles=roles)
        await office.join("an agent", Role.REVIEWER, worker="anna reads this")
        _, opened = await submitted(office, {"roles": {"security": 1, "data": 2}})
        said = await office.call("an agent", "review_work_order", **_vote(opened))
        assert (said["state"], said["needs"]) == ("in_review", "2 as data; 1 as security")
        said = await office.call("carl", "review_work_order", **_vote(opened))
        assert said["needs"] == "2 as data; 1 as security"
        said = await office.call("anna", "review_work_order", **_vote(opened))
        assert said["needs"] == "1 as data"
        said = await office.call("ben", "review_work_order", **_vote(opened))
        assert said["state"] == "completed"
        await office.assert_consistent()


async def test_the_sponsor_of_a_worker_never_approves_its_work(settings: Settings) -> None:
    async with review_office(settings) as office:
        await office.join("anna's agent", Role.WORKER, person="anna")
        _, opened = await submitted(office, {"quorum": 2}, who="anna's agent")
        assert await _rule(office, "anna", opened) == "four_eyes"
        error = await office.refuse(
            "anna", "take_over_review", review=opened["id"], reason="It is mine"
        )
        assert error["rule"] == "four_eyes"
        await office.call("ben", "review_work_order", **_vote(opened))
        # A token that makes carl another name of ben leaves one person.
        await office.join("ben too", Role.REVIEWER, worker="carl's laptop", person="ben")
        said = await office.call("carl", "review_work_order", **_vote(opened))
        assert (said["state"], said["needs"]) == ("in_review", "1 more of 2")


async def test_approving_against_a_blocking_finding_needs_a_reason_and_is_counted(
    settings: Settings,
) -> None:
    async with review_office(settings) as office:
        order, _ = await submitted(office, {"quorum": 2})
        opened = await open_another_round(office, order, n_blocking=1)
        for reason in (None, "too short", " " * 20):
            error = await office.refuse(
                "anna", "review_work_order", **_vote(opened, override_reason=reason)
            )
            assert error["code"] == "invalid_argument" and "1 blocking" in error["message"]
        said = await office.call(
            "anna", "review_work_order", **_vote(opened, override_reason="The key is a test key")
        )
        assert said["votes"][0]["override_reason"] == "The key is a test key"
        # Asking for changes needs no such reason.
        said = await office.call("ben", "review_work_order", **_vote(opened, "request_changes"))
        assert said["outcome"] == "rejected"
        plain = await resubmitted(office, order)
        said = await office.call(
            "ben", "review_work_order", **_vote(plain, override_reason="There is nothing to it")
        )
        assert said["votes"][0]["override_reason"] is None
        text = (await office.kernel.metrics.scrape()).decode()
        assert "agentos_review_overrides_total 1.0" in text
        assert 'agentos_reviews{outcome="rejected"} 1.0' in text
        assert 'agentos_open_reviews{kind="work"} 1.0' in text
        await office.assert_consistent()


async def test_what_a_model_says_under_a_persons_token_is_no_persons_word(
    settings: Settings,
) -> None:
    async with review_office(settings) as office:
        await office.call("admin", "set_person", name="anna", roles=["security"])
        for review, rule in (
            ({"by": "human"}, "review.by"),
            ({"reviewers": ["anna", "role:security"]}, "review.reviewers"),
            ({"roles": {"security": 1}}, None),
        ):
            _, opened = await submitted(office, review)
            for claims in ({"tool_use_id": "toolu_1"}, {"model": "some-model"}):
                result = await office.kernel.dispatch(
                    CallRequest(
                        "review_work_order",
                        _vote(opened),
                        Credentials(bearer_token=office.tokens["anna"]),
                        "test",
                        claims=claims,
                    )
                )
                if rule is not None:
                    assert result.structured["error"]["rule"] == rule
                else:
                    assert result.structured["needs"] == "1 as security"
            said = await office.call("anna", "review_work_order", **_vote(opened, reason="I do"))
            assert said["state"] == "completed"
        await office.assert_consistent()
