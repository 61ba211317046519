"""Contracts after creation: new versions by the documented way, and by no other."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import orjson
import pytest

from agentos import Settings
from agentos.events.rebuild import rebuild_read_models
from tests.agentos_governance.lifecycle import CONTRACT, Office, open_office
from tests.agentos_governance.lifecycle_plugin import LifecyclePlugin

pytestmark = pytest.mark.anyio


async def _amend(office: Office, who: str, order: str, **contract: Any) -> dict[str, Any]:
    """What an amendment answers, refused or not."""
    result = await office.dispatch(
        who,
        "amend_contract",
        {"work_order": order, "contract": {**CONTRACT, **contract}, "reason": "As discussed"},
    )
    return dict(result.structured)


async def test_each_version_stays_readable_with_who_made_it_and_why(settings: Settings) -> None:
    async with open_office(settings, plugin=LifecyclePlugin()) as office:
        order = await office.create()
        first = (await office.claim("w1", order))["work_order"]["contract_version"]
        await office.call("w1", "write_note", text="under the first")
        await office.call("w1", "stand_down", work_order=order, reason="To be amended")
        amended = await _amend(office, "planner", order, cost_budget_usd="0.5")
        second = amended["contract_version"]
        assert second != first and amended["contract"]["cost_budget_usd"] == "0.5"
        assert amended["cost"]["budget_usd"] == "0.5"
        shown = [(v["number"], v["contract_version"]) for v in amended["contract_versions"]]
        assert shown == [(2, second), (1, first)]
        listed = await office.call("w2", "list_contract_versions", work_order=order)
        newest, oldest = listed["versions"]
        assert (newest["created_by"], newest["reason"]) == ("planner", "As discussed")
        assert oldest["contract"]["cost_budget_usd"] == "1"
        await office.claim("w2", order)
        await office.call("w2", "write_note", text="under the second")
        allowed = [
            {rule["contract_version"] for rule in event["data"]["rules"]} - {None}
            for event in await office.events(f"work_order/{order}", "call.allowed")
            if event["data"]["tool"] == "write_note"
        ]
        assert allowed == [{first}, {second}]
        packet = orjson.loads(
            (await office.call("w2", "get_resume_packet", work_order=order))["packet"]
        )
        assert packet["contract_version"] == second
        assert packet["contract"]["cost_budget_usd"] == "0.5"
        await office.assert_consistent()


async def test_the_report_and_the_packet_say_which_version_admitted_how_many_calls(
    settings: Settings,
) -> None:
    async with open_office(settings, plugin=LifecyclePlugin()) as office:
        order = await office.create()
        await office.claim("w1", order)
        for text in "ab":
            await office.call("w1", "write_note", text=text)
        await office.call("w1", "stand_down", work_order=order, reason="To be amended")
        await _amend(office, "planner", order, cost_budget_usd="0.5")
        await office.claim("w1", order)
        await office.call("w1", "write_note", text="c")
        await office.vote("reviewer", order, (await office.submit("w1", order))["packet_sha256"])
        report = await office.call("planner", "get_work_report", work_order=order)
        versions = report["why_allowed"]["facts"]["contract_versions"]
        assert [(v["number"], v["calls_allowed"]) for v in versions] == [(1, 2), (2, 1)]
        statement = orjson.loads(
            (office.kernel.settings.home / "evidence" / order / "statement.json").read_bytes()
        )
        recorded = statement["predicate"]["contract_versions"]
        assert [v["contract_version"] for v in recorded] == [v["version"] for v in versions[::-1]]


async def test_only_an_admin_widens_a_contract(settings: Settings) -> None:
    async with open_office(settings) as office:
        order = await office.create(contract={"forbidden_actions": ["Bash"]})
        keep = {"forbidden_actions": ["Bash"]}
        for field, contract in (
            ("allowed_roots", {**keep, "allowed_roots": ["."]}),
            ("cost_budget_usd", {**keep, "cost_budget_usd": "2"}),
            ("forbidden_actions", {}),
        ):
            refused = await _amend(office, "planner", order, **contract)
            assert refused["error"]["rule"] == f"amendment.{field}"
        assert "id" in await _amend(office, "admin", order, allowed_roots=["."])
        same = await _amend(office, "admin", order, allowed_roots=["."])
        assert same["error"]["code"] == "invalid_argument"
        secret = await _amend(office, "admin", order, forbidden_actions=["password=hunter22"])
        assert secret["error"]["code"] == "invalid_argument"
        await office.assert_consistent()


async def test_no_amendment_exceeds_a_parent_not_even_an_admin_s(settings: Settings) -> None:
    async with open_office(settings) as office:
        parent = await office.create(contract={"allowed_tools": ["read_*"]})
        child = await office.create(contract={"allowed_tools": ["read_note"]}, parent=parent)
        refused = await _amend(office, "admin", child, allowed_tools=["*"])
        assert refused["error"]["rule"] == "parent.allowed_tools"
        assert "id" in await _amend(office, "admin", child, allowed_tools=["read_x", "read_y"])


@pytest.mark.usefixtures("no_sweeper")
async def test_a_contract_is_not_edited_while_somebody_works_or_reviews(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        order = await office.create()
        await office.claim("w1", order)
        for who in ("planner", "admin"):
            refused = (await _amend(office, who, order, cost_budget_usd="0.5"))["error"]
            assert (refused["code"], "stand down" in refused["remedy"]) == ("invalid_state", True)
        # Nor while the lease has run out and nobody has noticed.
        office.clock.advance(61)
        assert "error" in await _amend(office, "admin", order, cost_budget_usd="0.5")
        await office.claim("w1", order)
        packet = (await office.submit("w1", order))["packet_sha256"]
        assert "error" in await _amend(office, "admin", order, cost_budget_usd="0.5")
        await office.vote("reviewer", order, packet)
        assert "error" in await _amend(office, "admin", order, cost_budget_usd="0.5")
        listed = await office.call("planner", "list_contract_versions", work_order=order)
        assert len(listed["versions"]) == 1


async def test_a_claim_and_an_amendment_at_once_leave_one_contract_in_force(
    settings: Settings,
) -> None:
    """Whoever is second sees the first: no worker acts under a contract that was replaced."""
    async with open_office(settings, plugin=LifecyclePlugin()) as office:
        for _ in range(8):
            order = await office.create()
            claimed, amended = await asyncio.gather(
                office.dispatch("w1", "claim_work_order", {"work_order": order}),
                _amend(office, "planner", order, allowed_tools=["read_note"]),
            )
            assert not claimed.is_error
            version = claimed.structured["work_order"]["contract_version"]
            now = (await office.call("w1", "get_work_order", work_order=order))["contract_version"]
            assert version == now
            note = await office.dispatch("w1", "write_note", {"text": "x"}, under=order)
            assert note.is_error == ("error" not in amended)
            await office.call("w1", "stand_down", work_order=order, reason="Next")


async def test_the_database_refuses_contracts_that_are_changed_behind_the_log(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        order = await office.create()
        statements = (
            "update governance.contract_version set contract = '{}' where work_order = $1",
            "update governance.contract_version set version = 'x' where work_order = $1",
            "update governance.work_order set contract = '{}' where id = $1",
            "update governance.work_order set contract_version = 'x' where id = $1",
        )
        async with office.kernel.database.connection() as connection:
            for statement in statements:
                with pytest.raises(asyncpg.RestrictViolationError):
                    await connection.execute(statement, order)
            # Even with a forged version: not while a worker holds the work order.
            await office.claim("w1", order)
            await connection.execute(
                "insert into governance.contract_version select work_order, 2, 'x',"
                " contract || '{\"network\": true}', 'forged', created_by, created_at"
                " from governance.contract_version where work_order = $1",
                order,
            )
            with pytest.raises(asyncpg.RestrictViolationError):
                await connection.execute(
                    "update governance.work_order w set contract = v.contract,"
                    " contract_version = v.version from governance.contract_version v"
                    " where w.id = $1 and v.work_order = w.id and v.number = 2",
                    order,
                )


async def test_versions_and_approvals_survive_a_rebuild_in_place(settings: Settings) -> None:
    async with open_office(settings) as office:
        order = await office.create()
        await _amend(office, "planner", order, cost_budget_usd="0.5")
        before = await office.call("planner", "get_work_order", work_order=order)
        kernel = office.kernel
        report = await rebuild_read_models(kernel.database, kernel.events, kernel.read_models)
        assert report.ok
        assert await office.call("planner", "get_work_order", work_order=order) == before
        assert "id" in await _amend(office, "planner", order, cost_budget_usd="0.4")
        await office.assert_consistent()


async def test_a_budget_below_what_is_spent_is_refused(settings: Settings) -> None:
    async with open_office(settings) as office:
        order = await office.create()
        await office.claim("w1", order)
        assert not (await office.usage("w1", order, "r1", cost_usd="0.4")).is_error
        await office.call("w1", "stand_down", work_order=order, reason="To be amended")
        child = await office.create(parent=order, contract={"cost_budget_usd": "0.5"})
        await office.claim("w2", child)
        assert not (await office.usage("w2", child, "r2", cost_usd="0.2")).is_error
        refused = await _amend(office, "planner", order, cost_budget_usd="0.59")
        assert refused["error"]["code"] == "invalid_state"
        assert "id" in await _amend(office, "planner", order, cost_budget_usd="0.6")
        await office.assert_consistent()
