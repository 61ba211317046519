"""The bridge against a tracker that runs in a process of its own, and the real governance plugin."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest
from agentos_tracker import plugin
from agentos_tracker.plugin import tell_for_ever
from anyio import create_task_group

from agentos import ConfigurationError, Kernel, Role, Settings
from agentos.testing import Caller, assert_event, caller_as, check_plugin

pytestmark = pytest.mark.anyio

CLAIMED, CANCELLED = "work_order.claimed", "work_order.cancelled"


@pytest.fixture
def tracker() -> Iterator[str]:
    """The URL of a tracker."""
    server = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("tracker_server.py"))],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
    finally:
        server.terminate()
        server.communicate()


@pytest.fixture
def authority() -> None:
    """Nobody but governance decides."""


@pytest.fixture
def agentos_settings(tracker: str) -> Mapping[str, Any]:
    settings = {"url": tracker, "token": "s3cret"}
    return {"plugins": ("governance",), "plugin_settings": {"tracker": settings}}


@pytest.fixture
async def planner(kernel: Kernel) -> Caller:
    return await caller_as(kernel, Role.PLANNER)


async def log_of(tracker: str) -> dict[str, Any]:
    async with httpx2.AsyncClient() as client:
        answer: dict[str, Any] = (await client.get(f"{tracker}/log")).json()
        return answer


async def until(tracker: str, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while not is_so(log := await log_of(tracker)):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
        return log


async def test_a_ticket_becomes_a_work_order_once(kernel: Kernel, planner: Caller) -> None:
    first = await planner.ok("import_ticket", ticket="OPS-12")
    assert await planner.ok("import_ticket", ticket="OPS-12") == first
    order = await planner.ok("get_work_order", work_order=first["work_order"])
    assert order["title"] == "OPS-12: Login fails after a timeout"
    await assert_event(kernel, "tracker.linked", first, stream="tracker/OPS-12")


async def test_the_ticket_is_told_how_the_work_goes(
    kernel: Kernel, planner: Caller, tracker: str
) -> None:
    order = (await planner.ok("import_ticket", ticket="OPS-12"))["work_order"]
    worker = await caller_as(kernel, Role.WORKER)
    await worker.ok("claim_work_order", work_order=order)
    await planner.ok("cancel_work_order", work_order=order, reason="a duplicate")
    log = await until(tracker, lambda log: len(log["events"]) == 2)
    assert [each["event"] for each in log["events"]] == [CLAIMED, CANCELLED]
    assert {each["path"] for each in log["received"]} == {"/tickets/OPS-12/events"}


async def test_a_tracker_that_was_away_is_told_later_in_order_and_once(
    kernel: Kernel, planner: Caller, tracker: str
) -> None:
    async with httpx2.AsyncClient() as client:
        await client.post(f"{tracker}/fail/2")
    order = (await planner.ok("import_ticket", ticket="OPS-12"))["work_order"]
    await (await caller_as(kernel, Role.WORKER)).ok("claim_work_order", work_order=order)
    await planner.ok("cancel_work_order", work_order=order, reason="a duplicate")
    log = await until(tracker, lambda log: len(log["events"]) == 2)
    assert [each["event"] for each in log["events"]] == [CLAIMED, CANCELLED]
    keys = [each["key"] for each in log["received"]]
    # The later state waited behind the first, which two answers of 503 had kept back.
    assert len(keys) == 4 and len(set(keys)) == 2 and keys[:3] == [keys[0]] * 3


async def test_what_a_killed_process_was_telling_is_told_again(
    kernel: Kernel, planner: Caller, tracker: str
) -> None:
    order = (await planner.ok("import_ticket", ticket="OPS-12"))["work_order"]
    await planner.ok("cancel_work_order", work_order=order, reason="a duplicate")
    await until(tracker, lambda log: len(log["events"]) == 1)
    # The tracker knows of it before the cursor has moved, and that would undo what follows.
    async with asyncio.timeout(60):
        while not await kernel.database.fetch_value("select position from tracker.cursor"):
            await kernel.database.fetch_value("select pg_sleep(0.01)")
    # As after the death of a process between the tracker's answer and the cursor.
    await kernel.database.fetch("update tracker.cursor set position = 0")
    async with create_task_group() as group:
        group.start_soon(tell_for_ever, kernel, kernel.service(httpx2.AsyncClient))
        log = await until(tracker, lambda log: len(log["received"]) == 2)
        group.cancel_scope.cancel()
    assert len(log["events"]) == 1


async def test_a_ticket_that_was_deleted_keeps_no_other_waiting(
    kernel: Kernel, planner: Caller, tracker: str
) -> None:
    order = (await planner.ok("import_ticket", ticket="OPS-12"))["work_order"]
    async with httpx2.AsyncClient() as client:
        await client.post(f"{tracker}/forget/1")
    worker = await caller_as(kernel, Role.WORKER)
    await worker.ok("claim_work_order", work_order=order)
    await planner.ok("cancel_work_order", work_order=order, reason="a duplicate")
    log = await until(tracker, lambda log: len(log["events"]) == 1)
    assert [each["event"] for each in log["events"]] == [CANCELLED]


async def test_who_may_not_create_work_orders_may_not_import(kernel: Kernel) -> None:
    worker = await caller_as(kernel, Role.WORKER)
    error = await worker.refused("import_ticket", ticket="OPS-12")
    assert error["code"] == "call_refused"


async def test_a_ticket_that_is_not_there_makes_no_work_order(planner: Caller) -> None:
    assert (await planner.refused("import_ticket", ticket="OPS-13"))["code"] == "not_found"
    assert (await planner.refused("import_ticket", ticket="../12"))["code"] == "invalid_argument"
    assert (await planner.ok("list_work_orders"))["work_orders"] == []


async def test_a_tracker_that_cannot_be_reached_is_unavailable(
    kernel: Kernel, planner: Caller
) -> None:
    await kernel.service(httpx2.AsyncClient).aclose()
    kernel._services._by_kind[httpx2.AsyncClient] = httpx2.AsyncClient(
        base_url="http://127.0.0.1:1"
    )
    assert (await planner.refused("import_ticket", ticket="OPS-12"))["code"] == "unavailable"


def test_a_missing_setting_is_named() -> None:
    settings = Settings(plugin_settings={"tracker": {"url": "https://t.example"}})
    with pytest.raises(ConfigurationError, match=r"setting 'plugin_settings.tracker.token'"):
        settings.of_plugin("tracker", plugin.TrackerSettings)


def test_the_plugin_keeps_the_rules_of_plugins() -> None:
    assert check_plugin(plugin) == []
