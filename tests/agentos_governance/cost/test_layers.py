"""Layers of budgets as callers see them: refusals with figures, caps at run time, stops, estimates."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from agentos import ConfigurationError, Role, Settings
from agentos_governance.cost.limits import LimitTable, parse_limits
from agentos_governance.cost.price_versions import find_table, reprice
from agentos_governance.cost.prices import PriceTable
from tests.agentos_governance.cost.spender import SpenderPlugin
from tests.agentos_governance.lifecycle import UNLIMITED, Office, open_office

pytestmark = pytest.mark.anyio


async def _claimed(office: Office, who: str = "w1", **contract: Any) -> str:
    order = await office.create(contract={"cost_budget_usd": "5.00", **contract})
    await office.claim(who, order)
    return order


def test_the_defaults_are_those_of_the_field() -> None:
    table = LimitTable()
    limits = {
        layer: [(str(limit.cap_usd), limit.per_s) for limit in table.of_layer(layer)]
        for layer in ("process", "session", "person", "organisation")
    }
    assert limits == {
        "process": [("0.10", 60)],
        "session": [("1.00", None)],
        "person": [("1.00", 60)],
        "organisation": [("10.00", 60)],
    }


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"team": []}, "budgets.team"),
        ({"person": [{"cap_usd": 0.5}]}, "decimal string"),
        ({"person": [{"cap_usd": "1", "per_s": 0}]}, "budgets.person.0.per_s"),
        ({"person": [{"cap_usd": "1"}, {"cap_usd": "2"}]}, "two limits"),
        (
            {"person": [{"cap_usd": "1", "subject": "Anna"}, {"cap_usd": "2", "subject": "anna"}]},
            "two limits",
        ),
        ({"organisation": [{"cap_usd": "1", "subject": "us"}]}, "no subject"),
    ],
)
def test_limits_that_cannot_be_meant_stop_the_start(table: Mapping[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        parse_limits(table)


@pytest.mark.parametrize(
    ("layer", "limit", "rule", "n_fit"),
    [
        ("process", {"cap_usd": "0.12", "per_s": 60}, "process_budget", 4),
        ("session", {"cap_usd": "0.15"}, "session_budget", 6),
        ("person", {"cap_usd": "0.09", "per_s": 60}, "person_budget", 3),
        ("organisation", {"cap_usd": "0.11", "per_s": 60}, "organisation_budget", 4),
    ],
)
async def test_a_refusal_names_the_layer_its_figures_and_when_there_is_room(
    settings: Settings, layer: str, limit: dict[str, Any], rule: str, n_fit: int
) -> None:
    budgets = {**UNLIMITED, layer: [limit]}
    async with open_office(settings, plugin=SpenderPlugin(), budgets=budgets) as office:
        await _claimed(office, lease_ttl_s=3_600)
        for _ in range(n_fit):
            await office.call("w1", "buy", usd="0.02")
            office.clock.advance(5)
        error = await office.refuse("w1", "buy", usd="0.02")
        assert (error["code"], error["rule"]) == ("budget_exceeded", rule)
        spent = Decimal("0.02") * n_fit
        assert f"{spent.normalize()} spent and 0 held of {limit['cap_usd']}" in error["message"]
        if "per_s" not in limit:
            assert "retry_after_s" not in error
            return
        # The oldest money leaves the window 60 s after it was spent.
        assert error["retry_after_s"] == 60 - 5 * n_fit
        office.clock.advance(error["retry_after_s"] - 0.001)
        await office.refuse("w1", "buy", usd="0.02")
        office.clock.advance(0.001)
        await office.call("w1", "buy", usd="0.02")
        await office.assert_consistent()


async def test_every_layer_binds_at_once_and_two_tokens_of_one_person_share_theirs(
    settings: Settings,
) -> None:
    budgets = {
        "process": [{"cap_usd": "0.10", "per_s": 60}],
        "session": [{"cap_usd": "1.00"}],
        "person": [{"cap_usd": "0.14", "per_s": 60}],
        "organisation": [{"cap_usd": "0.20", "per_s": 60}],
    }
    async with open_office(settings, plugin=SpenderPlugin(), budgets=budgets) as office:
        for who, person in (("anna 1", "Anna"), ("anna 2", "ANNA"), ("ben", "Ben")):
            await office.join(who, Role.WORKER, person=person)
            await _claimed(office, who)
        await office.call("anna 1", "buy", usd="0.05")
        await office.call("anna 1", "buy", usd="0.05")
        assert (await office.refuse("anna 1", "buy", usd="0.01"))["rule"] == "process_budget"
        assert (await office.refuse("anna 2", "buy", usd="0.01"))["rule"] == "person_budget"
        await office.call("ben", "buy", usd="0.05")
        await office.call("ben", "buy", usd="0.01")
        error = await office.refuse("ben", "buy", usd="0.01")
        assert error["rule"] == "process_budget"
        # Outside a work order the other layers still count.
        error = await office.refuse("planner", "buy", usd="0.01")
        assert error["rule"] == "organisation_budget"
        office.clock.advance(60)
        await office.call("planner", "buy", usd="0.05")
        await office.assert_consistent()


async def test_reports_are_counted_everywhere_and_refused_by_order_and_where_asked(
    settings: Settings,
) -> None:
    budgets = {**UNLIMITED, "person": [{"cap_usd": "0.10", "per_s": 60}]}
    async with open_office(settings, plugin=SpenderPlugin(), budgets=budgets) as office:
        order = await _claimed(office)
        assert not (await office.usage("w1", order, "r1", cost_usd="0.30")).is_error
        error = await office.refuse("w1", "buy", usd="0.01")
        assert "0.3 spent" in error["message"] and error["rule"] == "person_budget"
        assert error["retry_after_s"] == 60
        await office.call(
            "admin",
            "set_budget",
            layer="person",
            cap_usd="0.40",
            per_s=60,
            reason="A test",
            on_report="refuse",
        )
        over = (await office.usage("w1", order, "r2", cost_usd="0.11")).structured["error"]
        assert (over["code"], over["rule"]) == ("budget_exceeded", "person_budget")
        assert not (await office.usage("w1", order, "r3", cost_usd="0.10")).is_error
        await office.assert_consistent()


async def test_a_tree_of_orders_spends_no_more_than_its_root(settings: Settings) -> None:
    async with open_office(settings, plugin=SpenderPlugin()) as office:
        root = await office.create("root", contract={"cost_budget_usd": "0.30"})
        child = await office.create("child", contract={"cost_budget_usd": "0.30"}, parent=root)
        await office.claim("w1", child)
        assert not (await office.usage("w1", child, "r1", cost_usd="0.20")).is_error
        await office.call("w1", "buy", usd="0.04")
        booked = await office.usage("planner", root, "r2", cost_usd="0.05")
        assert not booked.is_error, booked.text
        error = await office.refuse("w1", "buy", usd="0.05")
        assert f"budget of {root}" in error["message"]
        assert "0.29 spent and 0 held of 0.3 USD" in error["message"]
        over = await office.usage("planner", root, "r3", cost_usd="0.02")
        assert over.structured["error"]["rule"] == "cost_budget_usd"
        own = (await office.call("planner", "get_work_order", work_order=root))["cost"]
        assert own == {"spent_usd": "0.05", "held_usd": "0", "budget_usd": "0.3"}
        await office.assert_consistent()


async def test_caps_set_at_run_time_bind_in_every_process_and_are_events(
    settings: Settings,
) -> None:
    async with (
        open_office(settings, plugin=SpenderPlugin()) as office,
        open_office(
            settings, clock=office.clock, tokens=office.tokens, plugin=SpenderPlugin()
        ) as other,
    ):
        await _claimed(office)
        for who in ("w1", "reviewer", "planner"):
            code = await office.code(who, "set_budget", layer="person", cap_usd="9", reason="Mine")
            assert code == "call_refused", who
        cap = {"layer": "person", "subject": "W1", "reason": "Too dear"}
        await office.call("admin", "set_budget", **cap, cap_usd="0.01")
        error = await other.refuse("w1", "buy", usd="0.01")
        assert (error["rule"], "retry_after_s" in error) == ("person_budget", False)
        await office.call("admin", "set_budget", **cap, cap_usd=None)
        await other.call("w1", "buy", usd="0.01")
        await office.call("admin", "set_budget", **cap, reset=True)
        status = await other.call("w1", "get_budget_status")
        assert status["limits"] == []
        kinds = [event["type"] for event in await office.events("budget/limits")]
        assert kinds == ["budget.limit_set", "budget.limit_set", "budget.limit_reset"]
        await office.assert_consistent()


async def test_an_emergency_stop_refuses_at_once_everywhere_and_running_calls_settle(
    settings: Settings,
) -> None:
    plugin = SpenderPlugin()
    async with (
        open_office(settings, plugin=plugin) as office,
        open_office(
            settings, clock=office.clock, tokens=office.tokens, plugin=SpenderPlugin()
        ) as other,
    ):
        order = await _claimed(office)
        running = asyncio.create_task(office.dispatch("w1", "buy", {"usd": "0.03", "wait": True}))
        await plugin.meeting.wait_for(1)
        await other.call("reviewer", "stop_spending", reason="Prices exploded")
        for each in (office, other):
            error = await each.refuse("w1", "buy", usd="0.01")
            assert error["rule"] == "emergency_stop" and "Prices exploded" in error["message"]
            stopped = await each.usage("w1", order, "r1")
            assert stopped.structured["error"]["rule"] == "emergency_stop"
            await each.call("w1", "deploy")
        plugin.meeting.go.set()
        assert not (await running).is_error
        assert (await office.refuse("reviewer", "resume_spending", reason="Go on"))[
            "code"
        ] == "call_refused"
        await other.call("admin", "stop_spending", reason="All of it", all_calls=True)
        error = await office.refuse("w1", "deploy")
        assert error["rule"] == "emergency_stop"
        await office.call("w1", "get_work_order", work_order=order)
        await office.call("admin", "resume_spending", reason="Checked")
        await other.call("w1", "deploy")
        assert not (await other.usage("w1", order, "r1")).is_error
        assert await office.code("admin", "resume_spending", reason="Again") == "invalid_state"
        await office.assert_consistent()


async def test_the_ledger_keeps_the_price_table_by_which_an_entry_can_be_recomputed(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        order = await _claimed(office)
        figures = {"cost_usd": None, "model": "claude-sonnet-4-5", "input_tokens": 1_000}
        old = (await office.usage("w1", order, "r1", **figures)).structured["entry"]
        stated = (await office.usage("w1", order, "r2")).structured["entry"]
        assert stated["price_version"] is None
        database = office.kernel.database
        dearer = office.kernel.service(PriceTable).document()
        dearer["models"]["claude-sonnet-4-5"]["input"] = "4"
        dearer["effective_from"] = "2026-03-01"
        async with open_office(
            settings, clock=office.clock, tokens=office.tokens, plugin=SpenderPlugin(dearer)
        ) as later:
            new = (await later.usage("w1", order, "r3", **figures)).structured["entry"]
        assert (old["usd"], new["usd"]) == ("0.003075", "0.004075")
        assert old["price_version"].startswith("2025-11-01+")
        assert new["price_version"].startswith("2026-03-01+")
        entries = [entry async for entry in reprice(database)]
        assert [(e.request_id, e.ok) for e in entries] == [("r1", True), ("r3", True)]
        table = await find_table(database, old["price_version"])
        assert table == office.kernel.service(PriceTable)
        repeated = await office.usage("w1", order, "r3", **figures)
        assert repeated.structured["entry"] == new
        await office.assert_consistent()


async def test_an_estimate_is_a_range_that_says_on_what_it_is_based(settings: Settings) -> None:
    async with open_office(settings, plugin=SpenderPlugin()) as office:
        order = await _claimed(office)
        assert await office.code("w1", "estimate_cost", action="edit") == "not_found"
        priced = await office.call(
            "w1",
            "estimate_cost",
            action="edit",
            model="claude-sonnet-4-5",
            input_tokens=1_000_000,
            output_tokens=100_000,
            n_calls=2,
        )
        usd = (priced["low_usd"], priced["likely_usd"], priced["high_usd"])
        assert usd == ("3.6", "9", "9")
        assert "price table" in priced["basis"] and priced["price_version"]
        for number in range(1, 11):
            await office.usage(
                "w1", order, f"r{number}", cost_usd=f"0.{number:02}", input_tokens=number * 1_000
            )
        booked = await office.call("w1", "estimate_cost", action="edit")
        usd = (booked["low_usd"], booked["likely_usd"], booked["high_usd"])
        assert (usd, booked["n_entries"]) == (("0.01", "0.05", "0.09"), 10)
        assert "10 entries of this action" in booked["basis"]
        other = await office.call("w1", "estimate_cost", action="edit", model="claude-haiku-4-5")
        assert Decimal(other["likely_usd"]) == Decimal("0.005025")
        assert "other models" in other["basis"]
        tool = await office.call("w1", "estimate_cost", action="buy", n_calls=3)
        assert (tool["low_usd"], tool["high_usd"]) == ("0", "0.15")
