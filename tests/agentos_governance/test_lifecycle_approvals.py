"""Calls that a person must approve: asked once, decided by another person, used once."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from agentos import (
    Authorizer,
    ConfigurationError,
    Role,
    Settings,
    Tool,
    ToolCall,
    Verdict,
    hookimpl,
)
from agentos_governance.approvals.asking import MAX_PENDING, MAX_SHOWN_BYTES, ask
from agentos_governance.approvals.deciding import end_overdue_approvals
from agentos_governance.approvals.lifetime import parse_lifetime
from agentos_governance.authority.enforcement import held_order
from tests.agentos_governance.lifecycle import CONTRACT, Office, open_office
from tests.agentos_governance.lifecycle_plugin import LifecyclePlugin

LIFETIME_S = 24 * 3600
"""By default."""

pytestmark = pytest.mark.anyio

NOTE = {"text": "x"}


class AskingPlugin(LifecyclePlugin):
    """Wants every note approved, as a policy with `ASK` does."""

    def __init__(self, policy_hash: str = "p1") -> None:
        super().__init__()
        self.policy_hash = policy_hash
        self.is_locked = False

    @hookimpl
    def wrap_tool_call(self, tool: Tool) -> Authorizer | None:
        return Authorizer(self._decide) if tool.name == "write_note" else None

    async def _decide(self, call: ToolCall) -> Verdict:
        held = held_order(call)
        verdict = await ask(
            call,
            "policy:notes",
            "notes are read by customers",
            mandate=held.mandate if held is not None else None,
            policy_hash=self.policy_hash,
            determining=[{"rule": "notes", "values": {"tool": "write_note"}}],
        )
        return Verdict.deny("locked", "notes are locked") if self.is_locked else verdict


async def _ask(office: Office, who: str = "w1", **arguments: Any) -> dict[str, Any]:
    """The error of a call that needs an approval."""
    error = await office.refuse(who, "write_note", **{**NOTE, **arguments})
    assert error["code"] == "approval_required", error
    return error


async def _decide(
    office: Office, review_id: str, verdict: str = "approve", who: str = "reviewer"
) -> Any:
    return await office.call(
        who, "decide_review", review_id=review_id, verdict=verdict, reason="I looked"
    )


async def test_an_approved_call_runs_once_and_is_asked_for_again(settings: Settings) -> None:
    plugin = AskingPlugin()
    async with open_office(settings, plugin=plugin) as office:
        order = await office.create()
        version = (await office.claim("w1", order))["work_order"]["contract_version"]
        error = await _ask(office)
        assert (error["rule"], error["contract_version"]) == ("policy:notes", version)
        review_id = error["review_id"]
        assert review_id.startswith("RV-")
        assert (await _ask(office))["review_id"] == review_id  # not another one
        shown = await office.call("reviewer", "get_review", review_id=review_id)
        assert (shown["state"], shown["tool"], shown["arguments"]) == (
            "pending",
            "write_note",
            NOTE,
        )
        assert shown["contracts"] == [{"work_order": order, "contract_version": version}]
        assert shown["determining"] == [{"rule": "notes", "values": {"tool": "write_note"}}]
        decided = await _decide(office, review_id)
        assert (decided["state"], decided["decided_by"]) == ("approved", "reviewer")
        assert plugin.probe.bodies == []
        await office.call("w1", "write_note", **NOTE)
        assert plugin.probe.bodies == ["write_note"]
        used = await office.call("w1", "get_review", review_id=review_id)
        [allowed] = [
            event["data"]
            for event in await office.events(f"work_order/{order}", "call.allowed")
            if event["data"]["tool"] == "write_note"
        ]
        assert (used["state"], used["used_by_call"]) == ("used", allowed["call"])
        assert f"approval:{review_id}" in [rule["rule"] for rule in allowed["rules"]]
        assert (await _ask(office))["review_id"] != review_id
        assert plugin.probe.bodies == ["write_note"]
        await office.assert_consistent()


async def test_an_approval_is_used_once_however_many_ask_at_once_and_where(
    settings: Settings,
) -> None:
    plugins = [AskingPlugin(), AskingPlugin()]
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(open_office(settings, plugin=plugins[0]))
        second = await stack.enter_async_context(
            open_office(settings, plugin=plugins[1], clock=first.clock, tokens=first.tokens)
        )
        await first.claim("w1", await first.create())
        for round in range(1, 4):
            offices = [first, second] * 8
            errors = await asyncio.gather(*(_ask(office) for office in offices))
            [review_id] = {error["review_id"] for error in errors}
            await _decide(first, review_id)
            results = await asyncio.gather(*(o.dispatch("w1", "write_note", NOTE) for o in offices))
            assert [result.is_error for result in results].count(False) == 1
            ran = [body for plugin in plugins for body in plugin.probe.bodies]
            assert len(ran) == round
            # The others came before the use, and are told so, or after it, and have asked anew.
            told = [result.structured["error"] for result in results if result.is_error]
            assert {error["code"] for error in told} == {"approval_required"}
            again = {(await _ask(office))["review_id"] for office in (first, second)}
            assert len(again) == 1 and review_id not in again
            assert {error["review_id"] for error in told} <= again | {review_id}
        assert len(await first.events(type="approval.used")) == 3
        await first.assert_consistent()


async def test_another_call_contract_policy_or_worker_asks_anew(settings: Settings) -> None:
    plugin = AskingPlugin()
    async with open_office(settings, plugin=plugin) as office:
        order = await office.create()
        await office.claim("w1", order)
        review_id = (await _ask(office))["review_id"]
        await _decide(office, review_id)
        assert (await _ask(office, text="y"))["review_id"] != review_id
        plugin.policy_hash = "p2"
        assert (await _ask(office))["review_id"] != review_id
        plugin.policy_hash = "p1"
        await office.call("w1", "stand_down", work_order=order, reason="To another")
        await office.claim("w2", order)
        assert (await _ask(office, "w2"))["review_id"] != review_id
        await office.call("w2", "stand_down", work_order=order, reason="And back")
        await office.call(
            "planner",
            "amend_contract",
            work_order=order,
            contract={**CONTRACT, "cost_budget_usd": "0.5"},
            reason="Less",
        )
        # An amendment ends what was approved before it, and what waited.
        states = await office.call("reviewer", "list_reviews", work_order=order)
        assert {view["state"] for view in states["approvals"]} == {"cancelled"}
        await office.claim("w1", order)
        assert (await _ask(office))["review_id"] != review_id
        assert plugin.probe.bodies == []
        await office.assert_consistent()


async def test_a_contract_above_that_changed_asks_anew(settings: Settings) -> None:
    plugin = AskingPlugin()
    async with open_office(settings, plugin=plugin) as office:
        parent = await office.create()
        await office.claim("w1", await office.create(parent=parent))
        review_id = (await _ask(office))["review_id"]
        await _decide(office, review_id)
        await office.call(
            "planner",
            "amend_contract",
            work_order=parent,
            contract={**CONTRACT, "cost_budget_usd": "0.5"},
            reason="Less",
        )
        assert (await _ask(office))["review_id"] != review_id
        assert plugin.probe.bodies == []


async def test_a_rejection_answers_the_same_question_and_says_who_and_why(
    settings: Settings,
) -> None:
    plugin = AskingPlugin()
    async with open_office(settings, plugin=plugin) as office:
        await office.claim("w1", await office.create(contract={"lease_ttl_s": 86_400}))
        review_id = (await _ask(office))["review_id"]
        assert (await _decide(office, review_id, "reject"))["state"] == "rejected"
        error = await office.refuse("w1", "write_note", **NOTE)
        assert error["code"] == "call_refused"
        assert f"{review_id} was rejected by reviewer: I looked" in error["message"]
        office.clock.advance(LIFETIME_S - 10)
        assert await office.code("w1", "write_note", **NOTE) == "call_refused"
        office.clock.advance(11)
        assert (await _ask(office))["review_id"] != review_id
        assert plugin.probe.bodies == []


async def test_nobody_approves_their_own_call_nor_by_another_identity_of_the_same_person(
    settings: Settings,
) -> None:
    async with open_office(settings, plugin=AskingPlugin()) as office:
        await office.join("anna works", Role.WORKER, person="Anna Meier")
        await office.join("bert works", Role.WORKER, person="Bert")
        await office.join("anna reviews", Role.REVIEWER, person="anna  MEIER")
        await office.join("bert reviews", Role.REVIEWER, person="Bert")
        await office.join("w1 reviews", Role.REVIEWER, worker="w1")
        await office.join("the bot", Role.BOT)
        order = await office.create()
        await office.claim("bert works", order)
        await office.call("bert works", "stand_down", work_order=order, reason="Next")
        await office.claim("anna works", order)
        review_id = (await _ask(office, "anna works"))["review_id"]
        arguments = {"review_id": review_id, "verdict": "approve", "reason": "I looked"}
        for who in ("anna reviews", "bert reviews"):
            assert (await office.refuse(who, "decide_review", **arguments))["rule"] == "four_eyes"
        for who in ("anna works", "w2", "planner", "the bot"):
            assert (await office.refuse(who, "decide_review", **arguments))["code"] == (
                "call_refused"
            )
        assert (await _decide(office, review_id))["state"] == "approved"
        # Without a person, the name is the person.
        await office.claim("w1", await office.create())
        own = (await _ask(office, "w1"))["review_id"]
        error = await office.refuse(
            "w1 reviews", "decide_review", review_id=own, verdict="reject", reason="I looked"
        )
        assert error["rule"] == "four_eyes"


async def test_where_a_person_must_review_a_persona_decides_nothing(settings: Settings) -> None:
    async with open_office(settings, plugin=AskingPlugin()) as office:
        await office.join("carla", Role.REVIEWER, person="Carla")
        review = {"required": True, "quorum": 1, "by": "human"}
        await office.claim("w1", await office.create(contract={"review": review}))
        review_id = (await _ask(office))["review_id"]
        error = await office.refuse(
            "reviewer", "decide_review", review_id=review_id, verdict="approve", reason="Fine"
        )
        assert error["rule"] == "review.by"
        assert (await _decide(office, review_id, who="carla"))["decided_person"] == "Carla"


async def test_ten_clicks_are_one_decision_and_a_late_other_one_is_told_what_was_decided(
    settings: Settings,
) -> None:
    async with open_office(settings, plugin=AskingPlugin()) as office:
        await office.join("carla", Role.REVIEWER, person="Carla")
        await office.claim("w1", await office.create())
        review_id = (await _ask(office))["review_id"]
        clicks = await asyncio.gather(*(_decide(office, review_id) for _ in range(10)))
        assert {click["state"] for click in clicks} == {"approved"}
        assert len(await office.events(type="approval.approved")) == 1
        for who, verdict in (("carla", "approve"), ("carla", "reject"), ("reviewer", "reject")):
            error = await office.refuse(
                who, "decide_review", review_id=review_id, verdict=verdict, reason="I looked"
            )
            assert (error["code"], "approved by reviewer" in error["message"]) == (
                "invalid_state",
                True,
            )


@pytest.mark.parametrize("is_approved", [False, True])
async def test_what_is_not_decided_or_used_in_time_expires_and_is_asked_anew(
    settings: Settings, is_approved: bool
) -> None:
    plugin = AskingPlugin()
    async with open_office(settings, plugin=plugin) as office:
        await office.claim("w1", await office.create(contract={"lease_ttl_s": 86_400}))
        review_id = (await _ask(office))["review_id"]
        if is_approved:
            office.clock.advance(LIFETIME_S - 1)
            await _decide(office, review_id)
            await office.call("w1", "read_note")  # keeps the lease
        office.clock.advance(LIFETIME_S - 1)
        assert await end_overdue_approvals(office.kernel) == 0
        await office.call("w1", "read_note")
        office.clock.advance(1)
        # By the clock, before anybody sweeps.
        assert (await office.call("w1", "get_review", review_id=review_id))["state"] == "expired"
        if not is_approved:
            error = await office.refuse(
                "reviewer",
                "decide_review",
                review_id=review_id,
                verdict="approve",
                reason="I looked",
            )
            assert error["code"] == "invalid_state"
        assert (await _ask(office))["review_id"] != review_id
        [expired] = await office.events(type="approval.expired")
        assert expired["data"]["review_id"] == review_id
        assert "write_note" not in plugin.probe.bodies
        await office.assert_consistent()


async def test_how_long_an_approval_lives_is_a_setting(settings: Settings) -> None:
    """Issue 3: the question waits as long, and the approval then holds as long; no longer."""
    changes: dict[str, Any] = {"governance": {"approval_ttl": "10m"}}
    contract = {"lease_ttl_s": 3600}
    async with open_office(settings, plugin=AskingPlugin(), **changes) as office:
        await office.claim("w1", await office.create(contract=contract))
        first = (await _ask(office))["review_id"]
        office.clock.advance(599)
        assert (await _ask(office))["review_id"] == first
        await _decide(office, first)
        office.clock.advance(599)
        await office.call("w1", "write_note", **NOTE)
        second = (await _ask(office))["review_id"]
        office.clock.advance(601)
        third = (await _ask(office))["review_id"]
        assert third not in (first, second)
        await _decide(office, third)
        office.clock.advance(601)
        assert (await _ask(office))["review_id"] not in (first, second, third)


@pytest.mark.parametrize("ttl", ["59s", "31d", "0h", "-1h", "1.5h", "1w", "", 3600, True, None])
def test_a_lifetime_that_cannot_be_meant_stops_the_start(ttl: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"governance\.approval_ttl"):
        parse_lifetime({"approval_ttl": ttl})
    with pytest.raises(ConfigurationError, match=r"governance\.approval_tl"):
        parse_lifetime({"approval_tl": "1h"})


def test_the_bounds_of_a_lifetime_are_a_minute_and_thirty_days() -> None:
    lives = [parse_lifetime({"approval_ttl": ttl}).seconds for ttl in ("60s", "1m", "720h", "30d")]
    assert lives == [60, 60, 2_592_000, 2_592_000]
    assert parse_lifetime({}).seconds == LIFETIME_S


async def test_the_sweeper_ends_what_nobody_asks_about_again(settings: Settings) -> None:
    async with open_office(settings, plugin=AskingPlugin()) as office:
        orders = [await office.create(), await office.create()]
        reviews = []
        for who, order in zip(("w1", "w2"), orders, strict=True):
            await office.claim(who, order)
            reviews.append((await _ask(office, who))["review_id"])
        await office.call("planner", "cancel_work_order", work_order=orders[0], reason="Enough")
        error = await office.refuse(
            "reviewer", "decide_review", review_id=reviews[0], verdict="approve", reason="Late"
        )
        assert "cancelled" in error["message"]
        await end_overdue_approvals(office.kernel)
        assert len(await office.events(type="approval.cancelled")) == 1
        await office.expire(LIFETIME_S)
        states = [
            (await office.call("admin", "get_review", review_id=review))["state"]
            for review in reviews
        ]
        assert states == ["cancelled", "expired"]
        assert len(await office.events(type="approval.expired")) == 1
        await office.assert_consistent()


async def test_approvals_are_listed_pending_first_page_by_page_and_each_worker_sees_its_own(
    settings: Settings,
) -> None:
    async with open_office(settings, plugin=AskingPlugin()) as office:
        await office.claim("w1", await office.create(contract={"lease_ttl_s": 3_600}))
        await office.claim("w2", await office.create(contract={"lease_ttl_s": 3_600}))
        ids = []
        for number in range(6):
            office.clock.advance(1)
            who = "w2" if number == 5 else "w1"
            ids.append((await _ask(office, who, text=str(number)))["review_id"])
        await _decide(office, ids[4])
        expected = [ids[5], ids[3], ids[2], ids[1], ids[0], ids[4]]
        found: list[str] = []
        cursor: dict[str, Any] = {}
        while True:
            page = await office.call("reviewer", "list_reviews", limit=2, **cursor)
            found += [view["review_id"] for view in page["approvals"]]
            if not page["truncated"]:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert found == expected
        own = await office.call("w2", "list_reviews")
        assert [view["review_id"] for view in own["approvals"]] == [ids[5]]
        assert await office.code("w2", "get_review", review_id=ids[0]) == "not_found"
        assert await office.code("reviewer", "get_review", review_id="RV-NONE") == "not_found"
        pending = await office.call("reviewer", "list_reviews", state="approved")
        assert [view["review_id"] for view in pending["approvals"]] == [ids[4]]
        for wrong in ("x", "open|yesterday|RV-1", "open|2026-03-01T00:00:00|RV-1"):
            assert await office.code("admin", "list_reviews", cursor=wrong) == "invalid_argument"


async def test_secrets_are_not_shown_to_whoever_approves_and_still_bind(
    settings: Settings,
) -> None:
    plugin = AskingPlugin()
    async with open_office(settings, plugin=plugin) as office:
        await office.claim("w1", await office.create())
        first = {"text": "password=hunter22 one"}
        review_id = (await _ask(office, **first))["review_id"]
        shown = await office.call("reviewer", "get_review", review_id=review_id)
        assert "hunter22" not in str(shown) and "[redacted]" in shown["arguments"]["text"]
        await _decide(office, review_id)
        assert (await _ask(office, text="password=hunter23 one"))["review_id"] != review_id
        await office.call("w1", "write_note", **first)


async def test_questions_have_limits(settings: Settings) -> None:
    async with open_office(settings, plugin=AskingPlugin()) as office:
        await office.claim("w1", await office.create())
        too_long = await office.refuse("w1", "write_note", text="x" * MAX_SHOWN_BYTES)
        assert (too_long["code"], "be shown" in too_long["message"]) == ("call_refused", True)
        for number in range(MAX_PENDING):
            await _ask(office, text=str(number))
        error = await office.refuse("w1", "write_note", text="one more")
        assert (error["code"], str(MAX_PENDING) in error["message"]) == ("call_refused", True)


async def test_a_call_under_no_work_order_is_asked_for_as_well(settings: Settings) -> None:
    plugin = AskingPlugin()
    async with open_office(settings, plugin=plugin) as office:
        await office.join("carla", Role.ADMIN, person="Carla")
        review_id = (await _ask(office, "carla"))["review_id"]
        error = await office.refuse(
            "carla", "decide_review", review_id=review_id, verdict="approve", reason="Mine"
        )
        assert error["rule"] == "four_eyes"
        await _decide(office, review_id)
        await office.call("carla", "write_note", **NOTE)
        assert plugin.probe.bodies == ["write_note"]
        assert len(await office.events("approvals/carla")) == 3
        await office.assert_consistent()


async def test_a_call_that_is_refused_after_all_has_not_used_its_approval(
    settings: Settings,
) -> None:
    plugin = AskingPlugin()
    async with open_office(settings, plugin=plugin) as office:
        await office.claim("w1", await office.create())
        review_id = (await _ask(office))["review_id"]
        await _decide(office, review_id)
        plugin.is_locked = True
        assert (await office.refuse("w1", "write_note", **NOTE))["rule"] == "locked"
        plugin.is_locked = False
        await office.call("w1", "write_note", **NOTE)
        assert len(await office.events(type="approval.used")) == 1
