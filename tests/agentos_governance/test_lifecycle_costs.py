"""Money: exact, booked once, never over budget, held while a call runs and settled after it."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest

from agentos import Settings, ToolResult
from agentos_governance.contracts.model import usd_text
from agentos_governance.sweeper import sweep
from tests.agentos_governance.lifecycle import Office, open_office
from tests.agentos_governance.lifecycle_plugin import LifecyclePlugin

pytestmark = pytest.mark.anyio


async def _money(office: Office, order: str) -> tuple[str, str]:
    cost = (await office.call("planner", "get_work_order", work_order=order))["cost"]
    return cost["spent_usd"], cost["held_usd"]


async def test_sums_are_exact(settings: Settings) -> None:
    async with open_office(settings) as office:
        order = await office.create(contract={"cost_budget_usd": "0.3"})
        await office.claim("w1", order)
        for number, usd in enumerate(("0.1", "0.2")):
            assert not (await office.usage("w1", order, f"r{number}", cost_usd=usd)).is_error
        assert await _money(office, order) == ("0.3", "0")
        over = await office.usage("w1", order, "r2", cost_usd="0.0000000001")
        error = over.structured["error"]
        assert (error["code"], error["rule"]) == ("budget_exceeded", "cost_budget_usd")
        assert "0.3 spent" in error["message"]
        free = await office.usage("w1", order, "r3", cost_usd="0")
        assert free.structured["spent_usd"] == "0.3"
        for wrong in ("-1", "1e3", "NaN", "0.00000000001", "", "1,5", "99999999999"):
            result = await office.usage("w1", order, "r4", cost_usd=wrong)
            assert result.error_code == "invalid_argument", wrong
        report = await office.call("planner", "get_work_report", work_order=order)
        assert report["cost"]["summary"] == "0.3 of 0.3 USD (100.0 %) in 3 model requests."
        refusals = report["why_allowed"]["facts"]["refusals"]
        assert [item["rule"] for item in refusals] == ["cost_budget_usd"]
        assert report["why_allowed"]["facts"]["calls_refused"] == 1
        await office.assert_consistent()


async def test_fifty_bookings_at_once_never_exceed_the_budget(settings: Settings) -> None:
    async with open_office(settings) as office:
        order = await office.create(contract={"cost_budget_usd": "1.00"})
        await office.claim("w1", order)
        results = await asyncio.gather(
            *(
                office.usage(("w1", "planner", "reviewer")[n % 3], order, f"r{n}", cost_usd="0.03")
                for n in range(50)
            )
        )
        codes = [result.error_code for result in results]
        assert (codes.count(None), codes.count("budget_exceeded")) == (33, 17)
        assert await _money(office, order) == ("0.99", "0")
        await office.assert_consistent()


async def test_a_request_is_booked_once_whatever_is_repeated(settings: Settings) -> None:
    async with open_office(settings) as office:
        order = await office.create()
        await office.claim("w1", order)
        results = await asyncio.gather(*(office.usage("w1", order, "same") for _ in range(8)))
        assert {result.error_code for result in results} == {None}
        assert len({result.structured["entry"]["recorded_at"] for result in results}) == 1
        for change in (
            {"cost_usd": "0.2"},
            {"input_tokens": 11},
            {"cached_input_tokens": 1},
            {"model": "other"},
            {"phase": "other"},
        ):
            again = await office.usage("w1", order, "same", **change)
            assert again.error_code == "conflict", change
        assert await _money(office, order) == ("0.1", "0")
        priced = {"cost_usd": None, "model": "claude-sonnet-4-5", "input_tokens": 1000}
        first = await office.usage("w1", order, "priced", **priced)
        assert first.structured["entry"]["usd"] == "0.003075"
        repeated = await office.usage("w1", order, "priced", **priced)
        assert repeated.structured["entry"] == first.structured["entry"]
        secret = await office.usage("w1", order, "sk-" + "a" * 30)
        assert secret.error_code == "invalid_argument"
        await office.assert_consistent()


async def test_a_token_budget_is_a_limit_too(settings: Settings) -> None:
    async with open_office(settings) as office:
        order = await office.create(contract={"token_budget": 100})
        await office.claim("w1", order)
        booked = [
            await office.usage(
                "w1", order, f"r{n}", input_tokens=20, output_tokens=10, cost_usd="0"
            )
            for n in range(4)
        ]
        assert [result.error_code for result in booked] == [None, None, None, "budget_exceeded"]
        assert booked[3].structured["error"]["rule"] == "token_budget"
        repeated = await office.usage(
            "w1", order, "r0", input_tokens=20, output_tokens=10, cost_usd="0"
        )
        assert not repeated.is_error


async def test_the_cost_report_is_what_python_computes_from_the_entries(
    settings: Settings,
) -> None:
    dimensions = ("work_order", "phase", "role", "model", "action")
    async with open_office(settings) as office:
        orders = [await office.create(f"Order {n}") for n in range(2)]
        entries: list[dict[str, Any]] = []
        models = ("claude-opus-4-5", "claude-sonnet-4-5", "some-model")
        for number, (order, model, phase) in enumerate(
            itertools.product(orders, models, ("analyse", "change"))
        ):
            office.clock.advance(60)
            usage = {
                "phase": phase,
                "role": ("scout", "executor")[number % 2],
                "model": model,
                "action": ("read", "edit", "test")[number % 3],
                "input_tokens": 100 * number,
                "output_tokens": number,
                "cost_usd": str(Decimal("0.0123456789") * (number + 1)),
            }
            booked = await office.usage("planner", order, f"r{number}", **usage)
            assert not booked.is_error, booked.text
            entries.append(dict(booked.structured["entry"]))
        for size in (1, 2, 5):
            for group_by in itertools.combinations(dimensions, size):
                report = await office.call("w1", "get_cost_report", group_by=list(group_by))
                rows = {tuple(row[name] for name in group_by): row for row in report["rows"]}
                assert rows.keys() == _grouped(entries, group_by).keys()
                for key, (usd, tokens, count) in _grouped(entries, group_by).items():
                    row = rows[key]
                    assert Decimal(row["usd"]) == usd
                    assert row["input_tokens"] + row["output_tokens"] == tokens
                    assert row["n_calls"] == count
                spent = [Decimal(row["usd"]) for row in report["rows"]]
                assert spent == sorted(spent, reverse=True)
        total = sum(Decimal(entry["usd"]) for entry in entries)
        assert Decimal(report["total_usd"]) == total
        frontier = sum(Decimal(e["usd"]) for e in entries if e["model"].startswith("claude-"))
        share = report["frontier_share"]
        assert share == pytest.approx(float(frontier / total), abs=1e-6)
        middle = entries[4]["recorded_at"]
        for bounds, expected in (({"since": middle}, 8), ({"until": middle}, 4)):
            part = await office.call("w1", "get_cost_report", group_by=["phase"], **bounds)
            assert sum(row["n_calls"] for row in part["rows"]) == expected
        for wrong in ("yesterday", "2026-03-01T09:00:00", "0001-01-01T00:00:00+14:00"):
            code = await office.code("w1", "get_cost_report", group_by=["phase"], since=wrong)
            assert code == "invalid_argument", wrong


def _grouped(
    entries: list[dict[str, Any]], group_by: tuple[str, ...]
) -> dict[tuple[str, ...], tuple[Decimal, int, int]]:
    sums: dict[tuple[str, ...], tuple[Decimal, int, int]] = defaultdict(lambda: (Decimal(0), 0, 0))
    for entry in entries:
        key = tuple(entry[name] for name in group_by)
        usd, tokens, count = sums[key]
        more = entry["input_tokens"] + entry["output_tokens"]
        sums[key] = (usd + Decimal(entry["usd"]), tokens + more, count + 1)
    return sums


async def test_calls_at_once_hold_no_more_than_the_budget_and_settle_what_they_cost(
    settings: Settings,
) -> None:
    plugin = LifecyclePlugin()
    async with open_office(settings, plugin=plugin) as office:
        order = await office.create(contract={"cost_budget_usd": "1.00"})
        await office.claim("w1", order)
        asking = [
            asyncio.create_task(office.dispatch("w1", "ask_model", {"cost": "0.05", "wait": True}))
            for _ in range(6)
        ]
        await plugin.probe.wait_for_body(2)
        async with asyncio.timeout(60):
            refused, _ = await _first_done(asking, 4)
        assert {result.error_code for result in refused} == {"budget_exceeded"}
        assert await _money(office, order) == ("0", "0.8")
        over = await office.usage("w1", order, "r1", cost_usd="0.21")
        assert over.error_code == "budget_exceeded"
        plugin.probe.let_go()
        results = await asyncio.gather(*asking)
        assert [result.error_code for result in results].count(None) == 2
        assert await _money(office, order) == ("0.1", "0")
        rows = (await office.call("w1", "get_cost_report", group_by=["model", "action"]))["rows"]
        assert [(r["model"], r["action"], r["usd"], r["n_calls"]) for r in rows] == [
            ("a-model", "ask_model", "0.1", 2)
        ]
        report = await office.call("planner", "get_work_report", work_order=order)
        assert report["why_allowed"]["facts"]["calls_refused"] == 5
        await office.assert_consistent()


async def _first_done(
    tasks: list[asyncio.Task[ToolResult]], count: int
) -> tuple[list[ToolResult], int]:
    done: set[asyncio.Task[ToolResult]] = set()
    while len(done) < count:
        more, _ = await asyncio.wait(
            [task for task in tasks if task not in done], return_when=asyncio.FIRST_COMPLETED
        )
        done |= more
    return [task.result() for task in done], len(tasks) - len(done)


async def test_a_hold_is_settled_however_the_call_ends(settings: Settings) -> None:
    plugin = LifecyclePlugin()
    async with open_office(settings, plugin=plugin) as office:
        order = await office.create()
        await office.claim("w1", order)
        expected = Decimal(0)
        calls: list[tuple[str, dict[str, Any], str | None, str]] = [
            ("ask_model", {}, None, "0"),
            ("ask_model", {"cost": "0.01"}, None, "0.01"),
            ("ask_model", {"cost": "0.02", "fail": True}, "call_refused", "0.02"),
            ("ask_and_note", {"cost": "0.03"}, None, "0.03"),
            ("ask_and_note", {"cost": "0.04", "fail": True}, "call_refused", "0.04"),
            # A tool that breaks its promise is booked up to its ceiling.
            ("ask_and_note", {"cost": "7"}, None, "0.4"),
        ]
        for tool, arguments, code, usd in calls:
            result = await office.dispatch("w1", tool, arguments)
            assert result.error_code == code, result.text
            expected += Decimal(usd)
            assert await _money(office, order) == (usd_text(expected), "0"), tool
        assert len(await office.events(type="note.written")) == 2
        cancelled = asyncio.create_task(office.dispatch("w1", "ask_model", {"wait": True}))
        await plugin.probe.wait_for_body()
        assert (await _money(office, order))[1] == "0.4"
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        assert await _money(office, order) == (usd_text(expected), "0")
        # A planner holds no order: nothing is held for it.
        await office.call("planner", "ask_model", cost="0.4")
        assert await _money(office, order) == (usd_text(expected), "0")
        await office.assert_consistent()


async def test_money_spent_under_a_lost_lease_is_still_booked(settings: Settings) -> None:
    plugin = LifecyclePlugin()
    async with open_office(settings, plugin=plugin) as office:
        order = await office.create()
        await office.claim("w1", order)
        asking = asyncio.create_task(
            office.dispatch("w1", "ask_model", {"cost": "0.05", "wait": True})
        )
        await plugin.probe.wait_for_body()
        office.clock.advance(61)
        await office.claim("w2", order)
        await sweep(office.kernel)
        assert await _money(office, order) == ("0", "0")  # released: taken for dead
        plugin.probe.let_go()
        await asking
        assert await _money(office, order) == ("0.05", "0")
        await office.assert_consistent()
