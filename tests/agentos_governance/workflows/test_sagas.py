"""Issue 3: the definitions that ship, from start to end, and what failure undoes."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos import Settings
from tests.agentos_governance.lifecycle import CONTRACT, open_office, sample_repository
from tests.agentos_governance.repositories import git
from tests.agentos_governance.workflows.driving import (
    UNREVIEWED,
    do,
    order_of,
    show,
    signal,
    start,
    walk,
)
from tests.agentos_governance.workflows.plugin import WorkflowPlugin

pytestmark = pytest.mark.anyio


async def test_a_planner_an_executor_and_a_validator_complete_a_job(settings: Settings) -> None:
    async with open_office(settings) as office:
        begun = await start(office)
        assert (begun["status"], begun["state"]) == ("running", "plan")
        workflow = begun["id"]
        assert await office.state(workflow) == "blocked"
        waiting = await office.create("After", depends_on=[workflow])
        ended = await walk(office, workflow, ["plan", "execute", "validate"])
        assert (ended["status"], ended["state"]) == ("completed", "done")
        assert [o["state"] for o in ended["work_orders"]] == ["plan", "execute", "validate"]
        assert {o["order_state"] for o in ended["work_orders"]} == {"completed"}
        assert await office.state(workflow) == "completed"
        assert await office.state(waiting) == "ready"
        assert "[>] done" in ended["text"] and "class done now" in ended["mermaid"]
        await office.assert_consistent()


async def test_a_validator_sends_work_back_and_the_executor_hears_why(settings: Settings) -> None:
    async with open_office(settings) as office:
        workflow = (await start(office))["id"]
        details = await walk(office, workflow, ["plan", "execute"])
        validation = order_of(details, "validate")
        await office.claim("w2", validation)
        sent_back = await signal(office, "w2", validation, "rework")
        assert sent_back["state"] == "execute"
        assert await office.state(validation) == "cancelled"
        again = await office.call("w1", "get_work_order", work_order=order_of(sent_back, "execute"))
        assert "Because rework" in again["objective"]
        ended = await walk(office, workflow, ["execute", "validate"])
        assert ended["status"] == "completed"
        assert [o["visit"] for o in ended["work_orders"]] == [1, 1, 1, 2, 2]


async def test_what_keeps_failing_is_rolled_back_after_its_last_visit(settings: Settings) -> None:
    async with open_office(settings) as office:
        workflow = (await start(office))["id"]
        details = await walk(office, workflow, ["plan", "execute"])
        for _ in range(2):
            await signal(office, "planner", workflow, "rework")
            details = await walk(office, workflow, ["execute"])
        refused = await office.refuse(
            "planner", "signal_workflow", work_order=workflow, signal="rework", reason="Again"
        )
        assert refused["code"] == "invalid_state"
        await office.call(
            "planner",
            "cancel_work_order",
            work_order=order_of(details, "validate"),
            reason="Hopeless",
        )
        ended = await show(office, workflow)
        assert (ended["status"], ended["reason"]) == ("rolled_back", "Hopeless")
        assert await office.state(workflow) == "failed"
        await office.assert_consistent()


async def test_a_failure_removes_worktrees_and_branches_newest_first(
    settings: Settings, tmp_path: Path
) -> None:
    repo = sample_repository(tmp_path)
    async with open_office(settings) as office:
        workflow = (await start(office, repo=str(repo)))["id"]
        details = await walk(office, workflow, ["plan", "execute"])
        await signal(office, "planner", workflow, "rework")
        details = await show(office, workflow)
        second = order_of(details, "execute")
        worktree = Path((await office.claim("w1", second))["workspace"]["path"])
        (worktree / "src" / "new.py").write_text("half done\n", "utf-8")
        assert f"agentos/{second}" in git(repo, "branch", "--list")
        cancelled = await signal(office, "planner", workflow, "cancel")
        assert cancelled["status"] == "compensating"
        ended = await show(office, workflow)
        assert ended["status"] == "rolled_back"
        taken = [e["data"] for e in ended["history"] if e["type"] == "workflow.step_taken"]
        assert [(t["action"], t["work_order"] == second) for t in taken] == [
            ("remove_worktree_branch", True),
            ("remove_worktree_branch", False),
        ]
        assert str(worktree) not in git(repo, "worktree", "list")
        branches = git(repo, "branch", "--list", "agentos/*")
        executed = [o["work_order"] for o in ended["work_orders"] if o["state"] == "execute"]
        assert not any(order in branches for order in executed)
        assert await office.state(second) == "cancelled"
        await office.assert_consistent()


MIGRATION = ["analyse", "plan", "review_plan", "execute", "validate", "canary", "promote"]


async def test_a_migration_goes_through_all_its_states(settings: Settings) -> None:
    async with open_office(settings) as office:
        begun = await start(office, "migration")
        assert begun["state"] == "prepare/analyse"
        ended = await walk(office, begun["id"], MIGRATION)
        assert (ended["status"], ended["state"]) == ("completed", "promoted")
        assert [o["state"] for o in ended["work_orders"]] == MIGRATION
        await office.assert_consistent()


async def test_a_guard_decides_whether_a_migration_has_a_canary(settings: Settings) -> None:
    async with open_office(settings) as office:
        begun = await start(office, "migration", inputs={"skip_canary": True})
        details = await walk(office, begun["id"], MIGRATION[:5])
        assert details["state"] == "promote"


async def test_a_plan_is_revised_until_its_reviewer_is_content(settings: Settings) -> None:
    async with open_office(settings) as office:
        workflow = (await start(office, "migration"))["id"]
        details = await walk(office, workflow, ["analyse", "plan"])
        review = order_of(details, "review_plan")
        await office.claim("w2", review)
        assert (await signal(office, "w2", review, "revise"))["state"] == "prepare/plan"
        details = await walk(office, workflow, ["plan", "review_plan"])
        assert details["state"] == "change/execute"


async def test_a_failed_promotion_is_taken_back_by_work_orders_in_reverse(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        workflow = (await start(office, "migration"))["id"]
        details = await walk(office, workflow, MIGRATION[:6])
        promotion = order_of(details, "promote")
        await office.claim("w2", promotion)
        await office.call(
            "planner", "cancel_work_order", work_order=promotion, reason="Errors went up"
        )
        for state in ("promote", "canary"):
            details = await show(office, workflow)
            assert details["status"] == "compensating"
            undoing = details["work_orders"][-1]
            assert (undoing["purpose"], undoing["state"]) == ("compensation", state)
            await do(office, undoing["work_order"], who="w2")
        ended = await show(office, workflow)
        assert (ended["status"], ended["reason"]) == ("rolled_back", "Errors went up")
        assert await office.state(workflow) == "failed"
        await office.assert_consistent()


async def test_a_compensation_that_fails_waits_for_a_person(settings: Settings) -> None:
    async with open_office(settings) as office:
        workflow = (await start(office, "migration"))["id"]
        details = await walk(office, workflow, MIGRATION[:6])
        await signal(office, "planner", workflow, "cancel")
        for _ in range(2):
            details = await show(office, workflow)
            undoing = details["work_orders"][-1]["work_order"]
            await office.call(
                "planner", "cancel_work_order", work_order=undoing, reason="Nobody can"
            )
            details = await show(office, workflow)
            assert details["status"] == "compensation_failed"
            assert details["needs"].startswith("a person")
            await signal(office, "planner", workflow, "retry")
        listed = await office.call("planner", "list_workflows", status="compensation_failed")
        assert listed["workflows"] == []
        undoing = (await show(office, workflow))["work_orders"][-1]["work_order"]
        await office.call("planner", "cancel_work_order", work_order=undoing, reason="Nobody can")
        await show(office, workflow)
        listed = await office.call("planner", "list_workflows", status="compensation_failed")
        assert [each["id"] for each in listed["workflows"]] == [workflow]
        assert await office.state(workflow) == "blocked"
        skip = {"work_order": workflow, "signal": "skip", "reason": "Done by hand"}
        assert await office.code("planner", "signal_workflow", **skip) == "call_refused"
        await office.call("admin", "signal_workflow", **skip)
        details = await show(office, workflow)
        await do(office, details["work_orders"][-1]["work_order"])
        assert (await show(office, workflow))["status"] == "rolled_back"
        await office.assert_consistent()


async def test_a_rejected_review_of_a_state_rolls_the_workflow_back(settings: Settings) -> None:
    async with open_office(settings) as office:
        begun = await start(office, contract=CONTRACT)
        order = order_of(begun, "plan")
        await office.claim("w1", order)
        plan = {"kind": "plan", "claim": "So it goes", "content": "1. Do it"}
        await office.call("w1", "record_evidence", work_order=order, **plan)
        packet = (await office.submit("w1", order))["packet_sha256"]
        assert await office.vote("reviewer", order, packet, "reject") == "failed"
        ended = await show(office, begun["id"])
        assert (ended["status"], ended["reason"]) == ("rolled_back", "I looked")


async def test_a_contract_that_a_state_would_exceed_is_refused_at_the_start(
    settings: Settings,
) -> None:
    definition = {
        "name": "greedy",
        "description": "Wants more than it gets",
        "initial": "work",
        "states": [
            {
                "name": "work",
                "effects": False,
                "order": {
                    "title": "{title}",
                    "objective": "{objective}",
                    "role": "worker",
                    "contract": {"allowed_tools": ["*"], "lease_ttl_s": 600},
                },
                "transitions": [{"on": "completed", "to": "done"}],
            },
            {"name": "done", "kind": "final", "outcome": "completed"},
            {"name": "undone", "kind": "final", "outcome": "rolled_back"},
        ],
    }
    async with open_office(settings, plugin=WorkflowPlugin([definition])) as office:
        refused = await office.refuse(
            "planner",
            "start_workflow",
            definition="greedy",
            title="A",
            objective="B",
            contract=dict(UNREVIEWED),
        )
        assert refused["code"] == "invalid_argument"
        assert "lease_ttl_s" in refused["message"]
        assert not await office.events(type="work_order.created")
