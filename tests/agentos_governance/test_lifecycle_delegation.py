"""Work below work: who may create it, within what, and how every contract above still binds."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from agentos import Settings
from agentos_governance.authority.delegation import MAX_DELEGATED_CHILDREN
from agentos_governance.authority.mandate import MAX_ANCESTORS
from tests.agentos_governance.lifecycle import CONTRACT, Office, open_office, sample_repository
from tests.agentos_governance.lifecycle_plugin import LifecyclePlugin

pytestmark = pytest.mark.anyio


async def _delegate(
    office: Office, who: str, parent: str, contract: dict[str, Any] | None = None, **arguments: Any
) -> dict[str, Any]:
    """What creating a child answers, refused or not."""
    result = await office.dispatch(
        who,
        "create_work_order",
        {
            "title": "Part",
            "objective": "Do a part",
            "contract": {**CONTRACT, **(contract or {})},
            "parent": parent,
            **arguments,
        },
    )
    return dict(result.structured)


async def test_a_worker_creates_children_of_what_it_holds_and_nothing_else(
    settings: Settings,
) -> None:
    async with open_office(settings, plugin=LifecyclePlugin()) as office:
        held, foreign = await office.create("held"), await office.create("foreign")
        without = await _delegate(office, "w1", held)
        assert without["error"]["rule"] == "role:worker"
        await office.claim("w1", held)
        await office.claim("w2", foreign)
        child = await _delegate(office, "w1", held)
        assert (child["parent"], child["created_by"], child["state"]) == (held, "w1", "ready")
        for parent in (foreign, "WO-NONE", child["id"]):
            assert (await _delegate(office, "w1", parent))["error"]["rule"] == "role:worker"
        alone = await office.refuse(
            "w1", "create_work_order", title="x", objective="x", contract={}
        )
        assert alone["rule"] == "role:worker"
        # With two held orders the parent says which one is meant.
        await office.claim("w1", child["id"])
        grandchild = await _delegate(office, "w1", child["id"])
        assert grandchild["parent"] == child["id"]
        await office.call("w1", "stand_down", work_order=held, reason="Enough")
        assert "error" in await _delegate(office, "w1", held)
        await office.assert_consistent()


async def test_a_contract_must_allow_its_worker_to_delegate(settings: Settings) -> None:
    async with open_office(settings, plugin=LifecyclePlugin()) as office:
        for contract, rule in (
            ({"allowed_tools": ["read_note"]}, "allowed_tools"),
            ({"forbidden_actions": ["create_work_order"]}, "forbidden_actions[0]"),
        ):
            order = await office.create(contract=contract)
            await office.claim("w1", order)
            error = (await _delegate(office, "w1", order, contract))["error"]
            assert (error["code"], error["rule"]) == ("call_refused", rule)
            await office.call("w1", "stand_down", work_order=order, reason="Next")


async def test_a_child_that_exceeds_its_parent_is_refused_by_field_whoever_creates_it(
    settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    repo, other = sample_repository(tmp_path), sample_repository(tmp_path / "other")
    async with open_office(settings) as office:
        parent = await office.create(repo=repo)
        await office.claim("w1", parent)
        cases: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
            ("allowed_roots", {"allowed_roots": ["src/", "docs/"]}, {}),
            ("cost_budget_usd", {"cost_budget_usd": "1.01"}, {}),
            ("lease_ttl_s", {"lease_ttl_s": 61}, {}),
            ("review", {"review": {"required": False}}, {}),
            ("repo", {}, {"repo": str(other)}),
        ]
        for field, contract, arguments in cases:
            for who in ("planner", "admin", "w1"):
                error = (await _delegate(office, who, parent, contract, **arguments))["error"]
                assert error["rule"] == f"parent.{field}", error
                assert parent in error["message"]
        error = (await _delegate(office, "w1", parent, {"allowed_roots": ["docs/"]}))["error"]
        assert error["message"] == (
            f"contract.allowed_roots of a child may not exceed that of {parent}: [docs/] is not "
            "within [src/]: 'docs/' includes 'docs/x'"
        )
        # What only delegation forbids: going first, and a repository where the parent has none.
        assert (await _delegate(office, "w1", parent, priority=1))["error"]["rule"] == (
            "parent.priority"
        )
        assert "id" in await _delegate(office, "planner", parent, priority=1, repo=str(repo))
        bare = await office.create()
        assert "id" in await _delegate(office, "planner", bare, repo=str(repo))
        await office.claim("w2", bare)
        error = (await _delegate(office, "w2", bare, repo=str(repo)))["error"]
        assert error["rule"] == "parent.repo"


async def test_a_grandchild_is_held_within_every_contract_above_it(settings: Settings) -> None:
    async with open_office(settings) as office:
        top = await office.create(contract={"allowed_tools": ["read_*"]})
        child = await office.create(contract={"allowed_tools": ["read_note"]}, parent=top)
        error = (await _delegate(office, "planner", child, {"allowed_tools": ["write_note"]}))[
            "error"
        ]
        assert (error["rule"], child in error["message"]) == ("parent.allowed_tools", True)


async def test_a_call_needs_every_contract_above_and_names_the_one_that_refused(
    settings: Settings,
) -> None:
    async with open_office(settings, plugin=LifecyclePlugin()) as office:
        parent = await office.create(contract={"forbidden_actions": ["edit_*"]})
        child = await office.create(parent=parent)
        version = (await office.call("w1", "get_work_order", work_order=parent))["contract_version"]
        own = (await office.claim("w1", child))["work_order"]["contract_version"]
        await office.call("w1", "write_note", text="x")
        error = await office.refuse("w1", "edit_file", path="src/a.py")
        assert (error["rule"], error["contract_version"]) == ("forbidden_actions[0]", version)
        assert error["message"].startswith(f"{parent}, above {child}: ")
        action = {"tool": "edit_file", "paths": ["src/a.py"]}
        verdict = await office.call("w1", "check_action", action=action)
        assert (verdict["verdict"], verdict["contract_version"]) == ("deny", version)
        [allowed] = [
            event["data"]["rules"]
            for event in await office.events(f"work_order/{child}", "call.allowed")
            if event["data"]["tool"] == "write_note"
        ]
        assert {rule["contract_version"] for rule in allowed if rule["contract_version"]} == {own}


async def test_a_parent_s_wall_clock_time_is_its_children_s_too(settings: Settings) -> None:
    async with open_office(settings, plugin=LifecyclePlugin()) as office:
        contract = {"wall_clock_s": 100, "lease_ttl_s": 50}
        parent = await office.create(contract=contract)
        await office.claim("w1", parent)
        child = (await _delegate(office, "w1", parent, contract))["id"]
        office.clock.advance(60)
        await office.claim("w2", child)
        await office.call("w2", "read_note")
        office.clock.advance(41)
        error = await office.refuse("w2", "read_note")
        assert (error["rule"], parent in error["message"]) == ("wall_clock_s", True)


async def test_an_amended_parent_binds_its_children_at_once(settings: Settings) -> None:
    plugin = LifecyclePlugin()
    async with open_office(settings, plugin=plugin) as office:
        parent = await office.create()
        child = await office.create(parent=parent)
        await office.claim("w1", child)
        await office.call("w1", "write_note", text="before")
        # A call that is under way when the parent is amended may not write any more.
        late = asyncio.create_task(
            office.dispatch("w1", "write_note", {"text": "late", "wait": True})
        )
        await plugin.probe.wait_for_body()
        await office.call(
            "planner",
            "amend_contract",
            work_order=parent,
            contract={**CONTRACT, "allowed_tools": ["read_note"]},
            reason="No more writing",
        )
        plugin.probe.let_go()
        refused = (await late).structured["error"]
        assert (refused["code"], refused["rule"]) == ("call_refused", "mandate")
        error = await office.refuse("w1", "write_note", text="after")
        assert (error["rule"], parent in error["message"]) == ("allowed_tools", True)
        await office.call("w1", "read_note")
        notes = await office.events("notes")
        assert [event["data"]["text"] for event in notes] == ["before"]


async def test_a_work_order_under_an_ended_parent_does_nothing_but_stand_down(
    settings: Settings,
) -> None:
    """Cancelling takes open children along; a parent that ended otherwise leaves none open."""
    async with open_office(settings, plugin=LifecyclePlugin()) as office:
        parent = await office.create()
        child = await office.create(parent=parent)
        await office.claim("w1", child)
        # As a crash or a hand on the database might leave it: only the parent has ended.
        async with office.kernel.database.connection() as connection:
            await connection.execute(
                "update governance.work_order set state = 'cancelled' where id = $1", parent
            )
        error = await office.refuse("w1", "read_note")
        assert (error["rule"], "cancelled" in error["message"]) == ("mandate", True)
        action = {"tool": "Edit", "paths": ["src/a"]}
        assert (await office.call("w1", "check_action", action=action))["rule"] == "mandate"
        await office.call("w1", "stand_down", work_order=child, reason="The parent is gone")


async def test_a_line_of_work_orders_has_a_greatest_depth(settings: Settings) -> None:
    async with open_office(settings, plugin=LifecyclePlugin()) as office:
        order = await office.create()
        for _ in range(MAX_ANCESTORS):
            order = await office.create(parent=order)
        error = (await _delegate(office, "planner", order))["error"]
        assert error["code"] == "limit_exceeded"
        await office.claim("w1", order)
        await office.call("w1", "write_note", text="deep")


async def test_a_worker_makes_so_many_children_and_no_more_however_many_at_once(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        parent = await office.create()
        await office.claim("w1", parent)
        for _ in range(MAX_DELEGATED_CHILDREN - 2):
            await office.create(parent=parent)
        answers = await asyncio.gather(*(_delegate(office, "w1", parent) for _ in range(6)))
        codes = sorted(answer.get("error", {}).get("code", "made") for answer in answers)
        assert codes == ["limit_exceeded"] * 4 + ["made"] * 2
        await office.create(parent=parent)  # a planner is not delegating


async def test_nobody_becomes_their_own_ancestor(settings: Settings) -> None:
    async with open_office(settings) as office:
        parent = await office.create()
        child = await office.create(parent=parent)
        async with office.kernel.database.connection() as connection:
            for order, above in ((parent, child), (child, None), (parent, parent)):
                with pytest.raises(asyncpg.IntegrityConstraintViolationError):
                    await connection.execute(
                        "update governance.work_order set parent = $2 where id = $1", order, above
                    )


async def test_a_lost_lease_is_said_also_where_the_call_names_no_work_order(
    settings: Settings,
) -> None:
    async with open_office(settings, plugin=LifecyclePlugin()) as office:
        order = await office.create()
        await office.claim("w1", order)
        assert await office.expire() == 1
        assert await office.code("w1", "write_note", text="x") == "lease_lost"
        await office.claim("w2", order)
        assert await office.code("w1", "write_note", text="x") == "lease_lost"
        # Whoever gave the work back has lost nothing.
        await office.call("w2", "stand_down", work_order=order, reason="Enough")
        assert (await office.refuse("w2", "write_note", text="x"))["rule"] == "role:worker"
