"""Issue 3: servers killed between any two steps of a workflow, and reactors that race."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from agentos import InvalidStateError, Settings, UnavailableError
from agentos_governance.workflows.checkpoint import Checkpoint
from agentos_governance.workflows.reactor import advance, advance_due
from agentos_governance.workflows.store import load
from tests.agentos_governance.lifecycle import Office, open_office
from tests.agentos_governance.workflows.chaos_plugin import STATES, chaos_plugin, definition
from tests.agentos_governance.workflows.driving import do, order_of, show, signal, start
from tests.agentos_governance.workflows.plugin import WorkflowPlugin

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]


def kill_everywhere(
    settings: Settings, office: Office, workflow: str, folder: Path, stride: int
) -> list[str]:
    """Advance an instance in processes that die one point later each; where each of them died."""
    job = {
        "home": str(settings.home),
        "database_url": settings.database_url,
        "at": office.clock.now().isoformat(),
        "tokens": office.tokens,
        "workflow": workflow,
        "folder": str(folder),
        "stride": stride,
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.agentos_governance.workflows.crash_process"],
        cwd=ROOT,
        input=json.dumps(job),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=300,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith(("point ", "through "))]
    assert lines.pop() == "through 0"
    return lines


async def assert_once(office: Office, workflow: str, states: tuple[str, ...]) -> None:
    """Every order was made once, every step recorded once, every inside action done once."""
    events = await office.events(f"workflow/{workflow}")
    made = [e["data"]["state"] for e in events if e["type"] == "workflow.order_created"]
    assert made == list(states)
    steps = [e["data"]["step"] for e in events if e["type"] == "workflow.step_taken"]
    assert len(steps) == len(set(steps))
    checkpoints = [e["data"]["checkpoint"]["n_transitions"] for e in events]
    assert checkpoints == sorted(checkpoints)


@pytest.mark.parametrize(
    "stride", [4, pytest.param(1, marks=pytest.mark.nightly)], ids=["some", "all"]
)
async def test_a_server_killed_between_any_two_steps_is_continued_and_nothing_is_done_twice(
    settings: Settings, tmp_path: Path, stride: int
) -> None:
    async with open_office(settings, plugin=chaos_plugin(tmp_path)) as office:
        workflow = (await start(office, "chaos"))["id"]
        await do(office, order_of(await show(office, workflow), "one"))
        await show(office, workflow)
        second = order_of(await show(office, workflow), "two")
        await office.claim("w1", second)
    # The last call of the order is made by a process that dies before its reactor does anything.
    points = await asyncio.to_thread(kill_everywhere, settings, office, workflow, tmp_path, stride)
    assert len(points) >= 16 // stride, points
    async with open_office(
        settings, clock=office.clock, tokens=office.tokens, plugin=chaos_plugin(tmp_path)
    ) as office:
        await advance_due(office.kernel)
        details = await show(office, workflow)
        assert details["state"] == "three"
        await assert_once(office, workflow, STATES[:3])
        inside = [e["data"]["text"] for e in await office.events("things")]
        assert inside == ["one", "two"]
        lines = (tmp_path / "deployed").read_text().split()
        assert set(lines[1::2]) == {"one", "two"}
        await office.assert_consistent()


async def test_many_reactors_at_once_take_each_step_once(
    settings: Settings, tmp_path: Path
) -> None:
    plugins = [WorkflowPlugin([definition()]) for _ in range(3)]
    async with (
        open_office(settings, plugin=plugins[0]) as office,
        open_office(
            settings, clock=office.clock, tokens=office.tokens, plugin=plugins[1]
        ) as second,
        open_office(settings, clock=office.clock, tokens=office.tokens, plugin=plugins[2]) as third,
    ):
        workflow = (await start(office, "chaos"))["id"]
        for state in STATES:
            await do(office, order_of(await show(office, workflow), state))
            await asyncio.gather(
                *[advance(each.kernel, workflow) for each in (office, second, third) * 2]
            )
        assert (await show(office, workflow))["status"] == "completed"
        await assert_once(office, workflow, STATES)
        taken = [t for plugin in plugins for t in plugin.taken]
        assert sorted(taken) == sorted((a, s) for a in ("book", "deploy") for s in STATES)


async def test_the_sweeper_moves_what_no_event_moved(settings: Settings, tmp_path: Path) -> None:
    plugin = WorkflowPlugin([definition()])
    async with open_office(settings, plugin=plugin) as office:
        workflow = (await start(office, "chaos"))["id"]
        plugin.failures.append(UnavailableError("not now"))
        with capture_logs() as logs:
            await do(office, order_of(await show(office, workflow), "one"))
            async with asyncio.timeout(60):
                while plugin.failures:
                    await advance(office.kernel, workflow)
        assert any(log["event"] == "workflow_step_put_off" for log in logs)
        async with asyncio.timeout(60):
            while (await load(office.kernel.database, workflow)).work_order is None:
                await advance_due(office.kernel)
        assert plugin.taken.count(("deploy", "one")) == 1


async def test_a_failed_action_rolls_back_what_was_done_in_reverse(settings: Settings) -> None:
    plugin = WorkflowPlugin([definition()])
    async with open_office(settings, plugin=plugin) as office:
        workflow = (await start(office, "chaos"))["id"]
        await do(office, order_of(await show(office, workflow), "one"))
        await show(office, workflow)
        plugin.failures.append(RuntimeError("the target is down"))
        with capture_logs():
            await do(office, order_of(await show(office, workflow), "two"))
            ended = await show(office, workflow)
        assert ended["status"] == "rolled_back"
        assert "the target is down" in ended["reason"]
        # `deploy two` never happened, so three things are taken back.
        assert plugin.taken == [
            ("book", "one"),
            ("deploy", "one"),
            ("book", "two"),
            ("unbook", "two"),
            ("unbook", "one"),
            ("unbook", "one"),
        ]
        await office.assert_consistent()


async def test_an_action_that_fails_inside_the_transaction_leaves_nothing_of_itself(
    settings: Settings,
) -> None:
    plugin = WorkflowPlugin([definition()])
    async with open_office(settings, plugin=plugin) as office:
        workflow = (await start(office, "chaos"))["id"]
        plugin.inside_failures.append(InvalidStateError("fully booked"))
        await do(office, order_of(await show(office, workflow), "one"))
        ended = await show(office, workflow)
        assert (ended["status"], ended["state"]) == ("rolled_back", "undone")
        assert not await office.events("things")
        assert plugin.taken == []


async def test_the_checkpoint_of_the_last_event_is_the_state(settings: Settings) -> None:
    plugin = WorkflowPlugin([definition()])
    async with open_office(settings, plugin=plugin) as office:
        workflow = (await start(office, "chaos"))["id"]
        await do(office, order_of(await show(office, workflow), "one"))
        await show(office, workflow)
        for event in await office.events(f"workflow/{workflow}"):
            checkpoint = Checkpoint.model_validate(event["data"]["checkpoint"])
            assert checkpoint.sha256 == event["data"]["checkpoint_sha256"]
        assert checkpoint == await load(office.kernel.database, workflow)


async def test_an_instance_keeps_the_version_it_began_with(settings: Settings) -> None:
    document = definition()
    async with open_office(settings, plugin=WorkflowPlugin([document])) as office:
        old = await start(office, "chaos")
    changed = definition()
    for state, following in (("one", "three"), ("three", "two"), ("two", "four")):
        changed["states"][STATES.index(state)]["transitions"][0]["to"] = following
    async with open_office(
        settings, clock=office.clock, tokens=office.tokens, plugin=WorkflowPlugin([changed])
    ) as office:
        new = await start(office, "chaos")
        assert new["version"] != old["version"]
        for begun, following in ((old, "two"), (new, "three")):
            await do(office, order_of(begun, "one"))
            assert (await show(office, begun["id"]))["state"] == following
        used = (await office.call("planner", "list_workflow_definitions"))["used"]
        assert [u["n_open"] for u in used if u["name"] == "chaos"] == [1, 1]
        await office.assert_consistent()


async def test_a_signal_waits_until_a_step_outside_is_recorded(settings: Settings) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def hold(context: Any) -> None:
        entered.set()
        await leave.wait()

    plugin = WorkflowPlugin([definition()], before=hold)
    async with open_office(settings, plugin=plugin) as office:
        workflow = (await start(office, "chaos"))["id"]
        await do(
            office,
            order_of(await office.call("planner", "get_workflow", work_order=workflow), "one"),
        )
        async with asyncio.timeout(60):
            await entered.wait()
        cancel = {"work_order": workflow, "signal": "cancel", "reason": "Changed my mind"}
        assert await office.code("planner", "signal_workflow", **cancel) == "conflict"
        leave.set()
        await show(office, workflow)
        await signal(office, "planner", workflow, "cancel")
        assert (await show(office, workflow))["status"] == "rolled_back"
