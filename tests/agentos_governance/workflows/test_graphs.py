"""Issue 3: parents, children and dependencies: who waits for whom, and that nobody waits for ever."""

from __future__ import annotations

import asyncio

import pytest

from agentos import Settings
from tests.agentos_governance.lifecycle import CONTRACT, open_office
from tests.agentos_governance.workflows.driving import SAGA, UNREVIEWED, order_of, show, start

pytestmark = pytest.mark.anyio


async def test_a_parent_is_submitted_only_once_its_children_have_ended(settings: Settings) -> None:
    async with open_office(settings) as office:
        parent = await office.create("Parent")
        child = await office.create("Child", parent=parent)
        await office.claim("w1", parent)
        refused = await office.refuse(
            "w1", "submit_work_order", work_order=parent, summary="All of it"
        )
        assert refused["code"] == "invalid_state" and child in refused["message"]
        await office.complete(child, who="w2")
        packet = (await office.submit("w1", parent))["packet_sha256"]
        # What is in review takes no more children, so none is open when it completes.
        late = {"title": "Late", "objective": "Late", "contract": dict(UNREVIEWED)}
        assert (
            await office.code("planner", "create_work_order", **late, parent=parent)
            == "invalid_state"
        )
        assert await office.vote("reviewer", parent, packet) == "completed"


async def test_who_cancels_a_parent_cancels_everything_open_below_it(settings: Settings) -> None:
    async with open_office(settings) as office:
        top = await office.create("Top")
        middle = await office.create("Middle", parent=top)
        done = await office.create("Done", parent=middle)
        bottom = await office.create("Bottom", parent=middle)
        beside = await office.create("Beside")
        await office.complete(done)
        await office.claim("w1", bottom)
        await office.call("planner", "cancel_work_order", work_order=top, reason="Not wanted")
        states = {order: await office.state(order) for order in (top, middle, bottom, done, beside)}
        assert states == {
            top: "cancelled",
            middle: "cancelled",
            bottom: "cancelled",
            done: "completed",
            beside: "ready",
        }
        assert await office.code("w1", "renew_lease", work_order=bottom) == "lease_lost"
        await office.assert_consistent()


async def test_a_rejected_parent_takes_its_open_children_along(settings: Settings) -> None:
    async with open_office(settings) as office:
        parent = await office.create("Parent")
        await office.claim("w1", parent)
        packet = (await office.submit("w1", parent))["packet_sha256"]
        assert await office.vote("reviewer", parent, packet, "request_changes") == "suspended"
        child = await office.create("Child", parent=parent)
        await office.call("planner", "cancel_work_order", work_order=child, reason="Not needed")
        await office.claim("w1", parent)
        packet = (await office.submit("w1", parent))["packet_sha256"]
        assert await office.vote("reviewer", parent, packet, "reject") == "failed"
        await office.assert_consistent()


async def test_no_order_can_be_made_that_waits_for_itself(settings: Settings) -> None:
    async with open_office(settings) as office:
        top = await office.create("Top")
        middle = await office.create("Middle", parent=top)
        waits_for_top = await office.create("Waits", depends_on=[top])
        child_of_waiting = await office.create("Part of waits", parent=waits_for_top)
        order = {"title": "A", "objective": "B", "contract": dict(CONTRACT)}
        for dependency in (middle, top, waits_for_top):
            refused = await office.refuse(
                "planner", "create_work_order", **order, parent=middle, depends_on=[dependency]
            )
            assert refused["code"] == "invalid_argument"
            assert "for ever" in refused["message"]
        # What is below something that waits for `top` does not wait itself.
        for dependency in (child_of_waiting, await office.create("Beside")):
            await office.call(
                "planner", "create_work_order", **order, parent=middle, depends_on=[dependency]
            )


async def test_two_children_made_at_once_cannot_close_a_circle_together(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        for _ in range(5):
            left, right = await office.create("Left"), await office.create("Right")
            order = {"title": "A", "objective": "B", "contract": dict(CONTRACT)}
            results = await asyncio.gather(
                office.dispatch(
                    "planner",
                    "create_work_order",
                    {**order, "parent": left, "depends_on": [right]},
                ),
                office.dispatch(
                    "planner",
                    "create_work_order",
                    {**order, "parent": right, "depends_on": [left]},
                ),
            )
            assert sorted(result.is_error for result in results) == [False, True]
            assert {r.error_code for r in results if r.is_error} == {"invalid_argument"}


async def test_a_root_can_neither_be_claimed_nor_cancelled_by_itself(settings: Settings) -> None:
    async with open_office(settings) as office:
        workflow = (await start(office))["id"]
        assert await office.code("w1", "claim_work_order", work_order=workflow) == "invalid_state"
        assert await office.code("w1", "claim_work_order", role="workflow") == "not_found"
        cancel = {"work_order": workflow, "reason": "Enough of it"}
        refused = await office.refuse("planner", "cancel_work_order", **cancel)
        assert "signal_workflow" in refused["remedy"]


async def test_a_signal_comes_only_from_whom_the_state_names(settings: Settings) -> None:
    async with open_office(settings) as office:
        begun = await start(office)
        order = order_of(begun, "plan")
        await office.claim("w1", order)
        rework = {"work_order": order, "signal": "rework", "reason": "Not good"}
        assert await office.code("w2", "signal_workflow", **rework) == "call_refused"
        # It holds the order, and this state takes no such signal.
        assert await office.code("w1", "signal_workflow", **rework) == "invalid_state"
        for name in ("cancel", "retry", "skip"):
            command = {**rework, "signal": name}
            assert await office.code("w1", "signal_workflow", **command) == "call_refused"
        assert await office.code("admin", "signal_workflow", **{**rework, "signal": "retry"}) == (
            "invalid_state"
        )
        assert (await show(office, begun["id"]))["state"] == "plan"


async def test_inputs_and_names_that_a_definition_does_not_have_are_refused(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        arguments = {"title": "A", "objective": "B", "contract": dict(UNREVIEWED)}
        for changes, code in (
            ({"definition": "nothing"}, "not_found"),
            ({"definition": SAGA, "inputs": {"x": 1}}, "invalid_argument"),
            ({"definition": "migration", "inputs": {"skip_canary": "yes"}}, "invalid_argument"),
        ):
            given = {**arguments, **changes}
            assert await office.code("planner", "start_workflow", **given) == code
        assert await office.code("w1", "start_workflow", definition=SAGA, **arguments) == (
            "call_refused"
        )
        for tool in ("get_workflow", "signal_workflow"):
            given = {"work_order": "WO-NONE"}
            if tool == "signal_workflow":
                given |= {"signal": "cancel", "reason": "No such"}
            assert await office.code("planner", tool, **given) == "not_found"


async def test_lists_of_workflows_page_through_all_of_them(settings: Settings) -> None:
    async with open_office(settings) as office:
        made = {(await start(office))["id"] for _ in range(5)}
        found: list[str] = []
        cursor = None
        while True:
            page = await office.call("w1", "list_workflows", limit=2, cursor=cursor)
            found += [each["id"] for each in page["workflows"]]
            cursor = page["next_cursor"]
            if not page["truncated"]:
                break
        assert len(found) == 5 and set(found) == made
        assert await office.code("w1", "list_workflows", cursor="x") == "invalid_argument"


async def test_a_restarted_worker_that_asks_for_work_does_not_keep_its_forgotten_order(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        order = await office.create()
        await office.claim("w1", order)
        for _ in range(2):
            office.clock.advance(25)
            # Nothing else is ready, and asking is no sign of life of the order's worker.
            assert await office.code("w1", "claim_work_order") == "not_found"
        office.clock.advance(11)
        assert (await office.call("w1", "claim_work_order"))["lease"]["epoch"] == 2
