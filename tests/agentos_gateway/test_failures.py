"""A server that dies, hangs, floods or lies costs the calls it has, and nobody else."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from agentos import Kernel, Settings
from agentos_gateway.connection import Connection
from agentos_gateway.gateway import Gateway
from tests.agentos_gateway.stage import (
    Foreign,
    approved,
    call,
    gateway_kernel,
    text_of,
    tool_named,
    until,
)

pytestmark = pytest.mark.anyio

ADD = tool_named(
    "add",
    inputSchema={
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
        "additionalProperties": False,
    },
    outputSchema={
        "type": "object",
        "properties": {"sum": {"type": "integer"}},
        "required": ["sum"],
    },
)


def connection_of(kernel: Kernel) -> Connection:
    return kernel.service(Gateway).connections["other"]


async def test_a_server_that_dies_in_a_call_is_told_of_and_started_again(
    settings: Settings, foreign: Foreign
) -> None:
    foreign.says(tool_named("crash"), tool_named("pid"))
    async with gateway_kernel(settings, {"other": foreign.settings()}) as kernel:
        await approved(kernel)
        first = text_of(await call(kernel, "other__pid"))
        dead = await call(kernel, "other__crash")
        assert dead.error_code == "unavailable"
        assert "exit code 3" in dead.text and "fatal: out of luck" in dead.text
        assert "ghp_abcdefghij" not in dead.text
        assert text_of(await call(kernel, "other__pid")) != first


async def test_a_server_killed_in_the_middle_of_calls_is_one_failure(
    settings: Settings, foreign: Foreign, tmp_path: Path
) -> None:
    foreign.says(tool_named("hang"), tool_named("pid"))
    async with gateway_kernel(settings, {"other": foreign.settings(max_failures=2)}) as kernel:
        await approved(kernel)
        pid = int(text_of(await call(kernel, "other__pid")))
        marks = [tmp_path / f"mark{n}" for n in range(4)]
        calls = [
            asyncio.create_task(call(kernel, "other__hang", {"mark": str(mark)})) for mark in marks
        ]
        await until(lambda: all(mark.exists() for mark in marks))
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(60):
            results = await asyncio.gather(*calls)
        assert {result.error_code for result in results} == {"unavailable"}
        assert all("SIGKILL" in result.text for result in results)
        assert state_of(connection_of(kernel)) == "closed"
        assert text_of(await call(kernel, "other__pid")) != str(pid)


async def test_a_server_killed_while_nobody_calls_costs_nobody_anything(
    settings: Settings, foreign: Foreign
) -> None:
    foreign.says(tool_named("pid"))
    async with gateway_kernel(settings, {"other": foreign.settings()}) as kernel:
        await approved(kernel)
        pid = int(text_of(await call(kernel, "other__pid")))
        os.kill(pid, signal.SIGKILL)
        await until(lambda: not connection_of(kernel).is_open)
        assert text_of(await call(kernel, "other__pid")) != str(pid)


async def test_a_call_without_an_answer_ends_in_time_and_is_cancelled_there(
    settings: Settings, foreign: Foreign, tmp_path: Path
) -> None:
    foreign.says(tool_named("hang"), tool_named("pid"))
    hasty = foreign.settings(tools={"hang": {"timeout_s": 0.5}}, max_failures=100)
    async with gateway_kernel(settings, {"other": hasty}) as kernel:
        await approved(kernel)
        pid = text_of(await call(kernel, "other__pid"))
        mark = tmp_path / "mark"
        async with asyncio.timeout(60):
            # One that is over before a slow server has begun it leaves no mark there.
            while not mark.exists():
                late = await call(kernel, "other__hang", {"mark": str(mark)})
                assert late.error_code == "unavailable" and "within 0.5 s" in late.text
        await until(lambda: mark.exists() and mark.read_text() == "cancelled")
        # One slow call is no reason to end those of others.
        assert text_of(await call(kernel, "other__pid")) == pid


async def test_a_server_that_hangs_is_left_alone_and_killed_then_tried_again(
    settings: Settings, foreign: Foreign
) -> None:
    foreign.says(tool_named("pid"), tool_named("echo"))
    # Only what is to take too long has little time.
    hasty = {"echo": {"timeout_s": 0.5}}
    patient = {"max_failures": 2, "retry_after_s": 600, "check_every_s": 600}
    servers = {"other": foreign.settings(tools=hasty, **patient)}
    async with gateway_kernel(settings, servers) as kernel:
        await approved(kernel)
        pid = int(text_of(await call(kernel, "other__pid")))
        os.kill(pid, signal.SIGSTOP)
        for _ in range(2):
            assert (await call(kernel, "other__echo")).error_code == "unavailable"
        connection = connection_of(kernel)
        assert state_of(connection) == "open"
        refused = await call(kernel, "other__pid")
        assert "failed 2 times in a row" in refused.text and "try again in" in refused.text
        connection.breaker._time_s = lambda: time.monotonic() + 600
        assert state_of(connection) == "half_open"
        assert text_of(await call(kernel, "other__pid")) != str(pid)
        assert state_of(connection) == "closed"
        await until(lambda: not is_alive(pid))


async def test_what_does_not_start_says_why(settings: Settings, foreign: Foreign) -> None:
    servers = {
        "absent": {"command": "/nowhere/server"},
        "silent": {"command": "sleep", "args": ["60"], "start_timeout_s": 0.5},
        "broken": {"command": "sh", "args": ["-c", "echo no licence >&2; exit 7"]},
        "chatty": {"command": "sh", "args": ["-c", "echo hello; exit 0"]},
    }
    async with gateway_kernel(settings, servers) as kernel:
        said = {}
        for name in servers:
            result = await call(kernel, "inspect_gateway_server", {"server": name})
            said[name] = result.structured["error"]
        assert "No such file" in said["absent"]
        assert "did not start within 0.5 s" in said["silent"]
        assert "exit code 7" in said["broken"] and "no licence" in said["broken"]
        assert said["chatty"] is not None


async def test_an_answer_that_is_too_large_is_refused(settings: Settings, foreign: Foreign) -> None:
    foreign.says(tool_named("huge"), tool_named("pid"))
    servers = {"other": foreign.settings(max_result_bytes=10_000)}
    async with gateway_kernel(settings, servers) as kernel:
        await approved(kernel)
        pid = text_of(await call(kernel, "other__pid"))
        assert (await call(kernel, "other__huge", {"bytes": 20_000})).error_code == "limit_exceeded"
        assert len(text_of(await call(kernel, "other__huge", {"bytes": 5_000}))) == 5_000
        assert text_of(await call(kernel, "other__pid")) == pid


@pytest.mark.nightly
async def test_a_message_beyond_all_bounds_ends_the_connection(
    settings: Settings, foreign: Foreign
) -> None:
    foreign.says(tool_named("huge"), tool_named("pid"))
    async with gateway_kernel(settings, {"other": foreign.settings()}) as kernel:
        await approved(kernel)
        flooded = await call(kernel, "other__huge", {"bytes": 40 * 1024 * 1024})
        assert flooded.error_code == "unavailable" and "more than" in flooded.text
        assert text_of(await call(kernel, "other__pid"))


async def test_an_error_of_the_server_is_passed_on_and_is_no_failure(
    settings: Settings, foreign: Foreign
) -> None:
    foreign.says(tool_named("fail"), ADD, ADD | {"name": "lie"})
    async with gateway_kernel(settings, {"other": foreign.settings(max_failures=1)}) as kernel:
        await approved(kernel)
        for _ in range(3):
            failed = await call(kernel, "other__fail")
            assert failed.error_code == "foreign_error"
            assert failed.structured["error"]["message"] == "other: the disk is full"
        result = await call(kernel, "other__add", {"a": 2, "b": 3})
        assert result.structured["structured"] == {"sum": 5}
        lied = await call(kernel, "other__lie", {"a": 2, "b": 3})
        assert "breaks its own output schema" in lied.text
        for wrong in ({"a": "2", "b": 3}, {"a": 2}, {"a": 2, "b": 3, "c": 4}):
            assert (await call(kernel, "other__add", wrong)).error_code == "invalid_argument"


async def test_an_idle_server_is_ended_with_its_children(
    settings: Settings, foreign: Foreign
) -> None:
    foreign.says(tool_named("child"), tool_named("pid"))
    async with gateway_kernel(settings, {"other": foreign.settings(idle_s=0.3)}) as kernel:
        await approved(kernel)
        child = int(text_of(await call(kernel, "other__child")))
        pid = int(text_of(await call(kernel, "other__pid")))
        await until(lambda: not is_alive(pid) and not is_alive(child))
        assert text_of(await call(kernel, "other__pid")) != str(pid)


async def test_a_server_ends_with_the_one_that_started_it(
    settings: Settings, foreign: Foreign
) -> None:
    foreign.says(tool_named("child"), tool_named("pid"))
    async with gateway_kernel(settings, {"other": foreign.settings()}) as kernel:
        await approved(kernel)
        child = int(text_of(await call(kernel, "other__child")))
        pid = int(text_of(await call(kernel, "other__pid")))
    assert not is_alive(pid)
    # It is killed by now, and gone once the machine gets to it.
    await until(lambda: not is_alive(child))


async def test_a_cancelled_call_is_cancelled_there_too(
    settings: Settings, foreign: Foreign, tmp_path: Path
) -> None:
    foreign.says(tool_named("hang"), tool_named("pid"))
    async with gateway_kernel(settings, {"other": foreign.settings()}) as kernel:
        await approved(kernel)
        mark = tmp_path / "mark"
        running = asyncio.create_task(call(kernel, "other__hang", {"mark": str(mark)}))
        await until(mark.exists)
        running.cancel()
        await asyncio.wait([running])
        await until(lambda: mark.exists() and mark.read_text() == "cancelled")
        assert text_of(await call(kernel, "other__pid"))


async def test_figures_say_how_servers_are(settings: Settings, foreign: Foreign) -> None:
    foreign.says(tool_named("crash"), tool_named("pid"))
    servers = {"other": foreign.settings(max_failures=1, retry_after_s=60)}
    async with gateway_kernel(settings, servers) as kernel:
        await approved(kernel)
        await call(kernel, "other__pid")
        assert 'agentos_gateway_connections{server="other"} 1.0' in await figures(kernel)
        await call(kernel, "other__crash")
        text = await figures(kernel)
        assert 'agentos_gateway_breaker_state{server="other"} 2.0' in text
        assert 'agentos_gateway_failures_total{server="other"} 1.0' in text
        assert 'agentos_gateway_connections{server="other"} 0.0' in text


def state_of(connection: Connection) -> str:
    return connection.breaker.state


async def figures(kernel: Kernel) -> str:
    return (await kernel.metrics.scrape()).decode()


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and that nobody has asked about does not."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
