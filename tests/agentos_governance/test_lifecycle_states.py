"""States of a work order: every transition, every refusal of one, dependencies, lists."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agentos import Role, Settings
from tests.agentos_governance.lifecycle import Office, open_office, sample_repository

pytestmark = pytest.mark.anyio

NO_REVIEW = {"review": {"required": False}}
STATES = (
    "blocked",
    "ready",
    "active",
    "suspended",
    "in_review",
    "completed",
    "failed",
    "cancelled",
)


async def _make(office: Office, state: str) -> str:
    """A new work order brought to a state; w1 worked on it, if anybody did."""
    if state == "blocked":
        return await office.create(depends_on=[await office.create("first")])
    order = await office.create()
    if state == "cancelled":
        await office.call("planner", "cancel_work_order", work_order=order, reason="Enough")
    if state in ("ready", "cancelled"):
        return order
    await office.claim("w1", order)
    if state == "suspended":
        await office.call("w1", "stand_down", work_order=order, reason="Tired")
    if state in ("active", "suspended"):
        return order
    packet = (await office.submit("w1", order))["packet_sha256"]
    verdicts = {"completed": "approve", "failed": "reject"}
    if state in verdicts:
        await office.vote("reviewer", order, packet, verdicts[state])
    return order


# Which error each tool answers in each state; None where the transition exists.
TRANSITIONS: dict[str, dict[str, str | None]] = {
    "claim": {
        "blocked": "invalid_state",
        "ready": None,
        "active": "conflict",
        "suspended": None,
        "in_review": "invalid_state",
        "completed": "invalid_state",
        "failed": "invalid_state",
        "cancelled": "invalid_state",
    },
    "holder's tools": {**dict.fromkeys(STATES, "lease_lost"), "active": None},
    # Whoever submitted may submit something better until somebody decides.
    "submitting": {**dict.fromkeys(STATES, "lease_lost"), "active": None, "in_review": None},
    "vote on another packet": {**dict.fromkeys(STATES, "invalid_state"), "in_review": "conflict"},
    "cancel": dict.fromkeys(STATES) | dict.fromkeys(STATES[5:], "invalid_state"),
    "usage": dict.fromkeys(STATES) | dict.fromkeys(STATES[5:], "invalid_state"),
}


async def test_only_the_transitions_of_a_state_are_possible(settings: Settings) -> None:
    async with open_office(settings) as office:
        for what, errors in TRANSITIONS.items():
            for state, expected in errors.items():
                order = await _make(office, state)
                assert await office.state(order) == state
                for who, tool, arguments in _attempts(what, order):
                    result = await office.dispatch(who, tool, arguments)
                    assert result.error_code == expected, (state, tool, result.text)
                if expected is not None:
                    assert await office.state(order) == state
        await office.assert_consistent()


def _attempts(what: str, order: str) -> list[tuple[str, str, dict[str, Any]]]:
    named: dict[str, Any] = {"work_order": order}
    usage = {"phase": "p", "role": "r", "model": "m", "action": "a", "request_id": "r"}
    figures = {"input_tokens": 1, "output_tokens": 1, "cost_usd": "0.01"}
    evidence = {"kind": "note", "claim": "It is so", "content": "x"}
    packet = {"packet_sha256": "0" * 64, "verdict": "reject", "reason": "Not good"}
    return {
        "claim": [("w2", "claim_work_order", named)],
        "holder's tools": [
            ("w1", "renew_lease", named),
            ("w1", "record_usage", {**named, **usage, **figures}),
        ],
        "submitting": [
            ("w1", "record_evidence", {**named, **evidence}),
            ("w1", "submit_work_order", {**named, "summary": "It is done"}),
        ],
        "vote on another packet": [("reviewer", "review_work_order", {**named, **packet})],
        "cancel": [("planner", "cancel_work_order", {**named, "reason": "Enough"})],
        "usage": [("planner", "record_usage", {**named, **usage, **figures})],
    }[what]


async def test_an_unknown_work_order_is_not_found_by_any_tool(settings: Settings) -> None:
    async with open_office(settings) as office:
        for tool, arguments in (
            ("get_work_order", {}),
            ("claim_work_order", {}),
            ("get_resume_packet", {}),
            ("cancel_work_order", {"reason": "Enough"}),
            ("get_work_report", {}),
        ):
            code = await office.code("admin", tool, work_order="WO-NONE", **arguments)
            assert code == "not_found", tool
        contract = {"allowed_tools": ["*"]}
        for wrong in ({"depends_on": ["WO-NONE"]}, {"parent": "WO-NONE"}):
            order = {"title": "x", "objective": "x", "contract": contract, **wrong}
            assert await office.code("planner", "create_work_order", **order) == "not_found"


async def test_a_diamond_opens_level_by_level(settings: Settings) -> None:
    async with open_office(settings) as office:
        top = await office.create("top", contract=NO_REVIEW)
        sides = [
            await office.create(side, contract=NO_REVIEW, depends_on=[top])
            for side in ("left", "right")
        ]
        bottom = await office.create("bottom", contract=NO_REVIEW, depends_on=sides)
        shown = await office.call("planner", "get_work_order", work_order=bottom)
        assert shown["depends_on"] == sorted(sides)
        states = []
        for order in (top, *sides):
            await office.claim("w1", order)
            assert (await office.submit("w1", order))["state"] == "completed"
            states.append([await office.state(each) for each in (*sides, bottom)])
        assert states == [
            ["ready", "ready", "blocked"],
            ["completed", "ready", "blocked"],
            ["completed", "completed", "ready"],
        ]
        assert await office.state(await office.create(depends_on=[top, *sides])) == "ready"


async def test_dependencies_that_complete_at_once_make_the_dependent_ready_exactly_once(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        for number in range(4):
            first = [await office.create(f"{number}.{n}", contract=NO_REVIEW) for n in range(5)]
            after = [await office.create("after", depends_on=first) for _ in range(2)]
            for n, order in enumerate(first):
                await office.join(f"x{number}.{n}", Role.WORKER)
                await office.claim(f"x{number}.{n}", order)
            await asyncio.gather(
                *(office.submit(f"x{number}.{n}", order) for n, order in enumerate(first))
            )
            for order in after:
                assert await office.state(order) == "ready"
                ready = await office.events(f"work_order/{order}", "work_order.ready")
                assert len(ready) == 1
        await office.assert_consistent()


async def test_an_order_created_while_its_dependency_completes_is_never_left_blocked(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        for _ in range(6):
            first = await office.create("first", contract=NO_REVIEW)
            await office.claim("w1", first)
            after, _ = await asyncio.gather(
                office.create("after", depends_on=[first]), office.submit("w1", first)
            )
            assert await office.state(after) == "ready"


async def test_a_dependency_that_never_completes_keeps_its_dependents_blocked(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        for end in ("failed", "cancelled"):
            first = await _make(office, "ready")
            after = await office.create("after", depends_on=[first])
            if end == "cancelled":
                await office.call("planner", "cancel_work_order", work_order=first, reason="Enough")
            else:
                await office.claim("w1", first)
                packet = (await office.submit("w1", first))["packet_sha256"]
                assert await office.vote("reviewer", first, packet, "reject") == "failed"
            assert await office.state(after) == "blocked"
            order = {"title": "x", "objective": "x", "contract": {}, "depends_on": [first]}
            assert await office.code("planner", "create_work_order", **order) == "invalid_state"
            await office.call("planner", "cancel_work_order", work_order=after, reason="Follows")
        await office.assert_consistent()


async def test_lists_filter_and_page_without_gaps_or_repeats(settings: Settings) -> None:
    async with open_office(settings) as office:
        made = []
        for number in range(23):
            made.append(
                await office.create(
                    f"Order {number}",
                    priority=number % 3,
                    role=("worker", "analyst")[number % 2],
                    phase=("change", "test")[number % 2],
                )
            )
            if number % 4 == 0:
                office.clock.advance(1)
        listed: list[str] = []
        cursor: str | None = None
        while True:
            page = await office.call("w1", "list_work_orders", limit=5, cursor=cursor)
            listed += [item["id"] for item in page["work_orders"]]
            assert page["truncated"] is (page["next_cursor"] is not None)
            assert len(page["work_orders"]) <= 5
            if len(listed) == 5:
                await office.create("new and last in order", priority=-1)
                await office.claim("w1", listed[0])
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert len(listed) == len(set(listed)) == 24
        assert set(made) <= set(listed)
        for filters, count in (
            ({"role": "analyst"}, 11),
            ({"phase": "change", "role": "worker"}, 12),
            ({"phase": "change", "role": "analyst"}, 0),
            ({"state": "active"}, 1),
            ({"state": "ready", "ready_only": True}, 23),
            ({"ready_only": True}, 23),
        ):
            page = await office.call("w1", "list_work_orders", **filters)
            assert len(page["work_orders"]) == count, filters


async def test_a_cursor_that_no_page_returned_is_an_invalid_argument(settings: Settings) -> None:
    at = "2026-03-01T09:00:00"
    async with open_office(settings) as office:
        for cursor in ("", "x", "1|2", f"99999999999|{at}Z|WO", f"1|{at}|WO", "||", "0|x|y"):
            assert await office.code("w1", "list_work_orders", cursor=cursor) == "invalid_argument"
        for limit in (0, 201, -1):
            assert await office.code("w1", "list_work_orders", limit=limit) == "invalid_argument"


async def test_a_contract_with_a_secret_and_a_folder_that_is_not_git_are_refused(
    settings: Settings, tmp_path: Path
) -> None:
    async with open_office(settings) as office:
        order: dict[str, Any] = {"title": "x", "objective": "x", "contract": {}}
        secret = {"forbidden_actions": ["export API_KEY=abcdefgh*"]}
        wrong: list[dict[str, Any]] = [
            {"contract": secret},
            {"contract": {"unknown": 1}},
            {"repo": str(tmp_path)},
            {"repo": "relative"},
        ]
        for change in wrong:
            error = await office.refuse("planner", "create_work_order", **{**order, **change})
            assert error["code"] == "invalid_argument", change
        (tmp_path / "within").mkdir()
        repo = sample_repository(tmp_path)
        made = await office.call(
            "planner", "create_work_order", **{**order, "repo": str(repo / "src")}
        )
        assert made["repo"] == str(repo)
