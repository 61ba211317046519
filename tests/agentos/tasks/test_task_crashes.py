"""Issue 5: a task survives its process, every server and PostgreSQL, or says what is known of it."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import pytest
from structlog.testing import capture_logs

from agentos import (
    Kernel,
    Principal,
    Role,
    Settings,
    UnavailableError,
    open_kernel,
    verify_events,
)
from agentos.database.embedded import EmbeddedPostgres
from tests.agentos.plugin_factory import call_tool
from tests.agentos.tasks.calls import LOCAL, asks, begin, give, reaches
from tests.agentos.tasks.meeting import Meeting
from tests.agentos.tasks.plugin import COUNT_WORK, tasks_plugin

pytestmark = pytest.mark.anyio

REPOSITORY = Path(__file__).parents[3]
N_KILLED_AMID = 40
PARKED = "select is_parked from kernel.task where id = $1"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"task_lease_s": 1.0})


@asynccontextmanager
async def _process(
    settings: Settings, meeting: Meeting, *wanted: str, token: str = ""
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that makes the tasks that are wanted; killed where the block has not done so."""
    assert settings.database_url is not None
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.agentos.tasks.process", settings.database_url,
        str(settings.home), str(meeting.port), token, *wanted,
        cwd=REPOSITORY, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _parked(settings: Settings, id: str) -> None:
    """Until the body of a task waits for its client."""
    connection = await asyncpg.connect(settings.database_url)
    try:
        async with asyncio.timeout(60):
            while not await connection.fetchval(PARKED, id):
                await connection.execute("select pg_sleep(0.01)")
    finally:
        await connection.close()


async def _made(process: asyncio.subprocess.Process, n: int) -> dict[str, str]:
    """The ids of `n` tasks that the process made, by name."""
    assert process.stdout is not None
    async with asyncio.timeout(60):
        lines = [(await process.stdout.readline()).decode().split() for _ in range(n)]
    return {name: id for name, id in lines}


async def _rest(process: asyncio.subprocess.Process) -> dict[str, str]:
    """What a killed process had still said."""
    assert process.stdout is not None
    lines = [line.split() for line in (await process.stdout.read()).decode().splitlines()]
    return {line[0]: line[1] for line in lines if len(line) == 2}


@asynccontextmanager
async def _opened(settings: Settings, *, takes_up: bool = True) -> AsyncIterator[Kernel]:
    plugins = {"tasks": tasks_plugin()}
    async with open_kernel(settings, extra_plugins=plugins, publishes=takes_up) as kernel:
        yield kernel


async def _worked(kernel: Kernel, name: str) -> int:
    return int(await kernel.database.fetch_value(COUNT_WORK, name))


async def test_after_a_kill_what_can_be_repeated_goes_on_and_the_rest_says_what_is_known(
    settings: Settings, meeting: Meeting
) -> None:
    wanted = ("look_long:reads", "do_work:writes", "ask_twice:asks")
    async with _process(settings, meeting, *wanted) as process:
        ids = await _made(process, 3)
        await meeting.arrived("reads")
        await meeting.arrived("writes")
        await _parked(settings, ids["asks"])
        process.kill()
        await process.wait()
    async with _opened(settings) as kernel:
        await meeting.arrived("reads", 2)
        await meeting.release("reads")
        read = await reaches(kernel, ids["reads"], "completed")
        assert read.result is not None
        assert read.result.structured["name"] == "reads"

        lost = (await reaches(kernel, ids["writes"], "failed")).failure
        assert lost is not None
        assert lost.call is not None
        assert "may have done its work" in lost.message
        assert meeting.arrivals["writes"] == 1

        await give(kernel, await asks(kernel, ids["asks"], "who"), name="Ann")
        await give(kernel, await asks(kernel, ids["asks"], "who-2"), name="Bob")
        await reaches(kernel, ids["asks"], "completed")
        assert await _worked(kernel, "asks Ann Bob") == 1
        taken = "select count(*) from kernel.event where type = 'task.taken_up'"
        assert await kernel.database.fetch_value(taken) == 3
        assert (await verify_events(kernel.database)).ok


async def test_a_kill_at_any_moment_loses_no_answer_and_does_nothing_twice(
    settings: Settings, meeting: Meeting
) -> None:
    for caller in range(4):
        for number in range(1_000):
            await meeting.release(f"w{caller}-{number}")
    async with _process(settings, meeting) as process:
        ids = await _made(process, N_KILLED_AMID)
        process.kill()
        ids |= await _rest(process)
    async with _opened(settings) as kernel:
        for name, id in ids.items():
            task = await reaches(kernel, id, "completed", "failed")
            assert await _worked(kernel, name) == (1 if task.status == "completed" else 0), task
        assert sum(1 for _ in ids) >= N_KILLED_AMID


@pytest.mark.parametrize("is_revoked", [False, True])
async def test_a_task_goes_on_for_as_long_as_its_callers_token_is_good(
    settings: Settings, meeting: Meeting, is_revoked: bool
) -> None:
    # Nobody takes it up before the token is revoked, however slow its process is.
    async with _opened(settings, takes_up=False) as kernel:
        now = kernel.clock.now()
        issued = await kernel.tokens.create("ann", Role.WORKER, now=now)
        async with _process(settings, meeting, "ask_twice:x", token=issued.secret) as process:
            ids = await _made(process, 1)
            who = Principal("ann", Role.WORKER)
            await asks(kernel, ids["x"], "who", who)
            if is_revoked:
                await kernel.tokens.revoke(issued.id, now=now)
    async with _opened(settings) as kernel:
        # Whoever takes it up asks first who calls.
        task = await reaches(kernel, ids["x"], "failed", "input_required", who=who)
        taken = "select count(*) from kernel.event where type = 'task.taken_up'"
        async with asyncio.timeout(60):
            while not await kernel.database.fetch_value(taken):
                await kernel.database.fetch_value("select pg_sleep(0.05)")
        if is_revoked:
            failure = (await reaches(kernel, ids["x"], "failed", who=who)).failure
            assert failure is not None
            assert failure.code == "unauthenticated"
        else:
            assert task.status == "input_required"


async def test_a_server_that_is_told_to_stop_hands_its_tasks_over_however_often(
    settings: Settings, meeting: Meeting
) -> None:
    async with _opened(settings) as kernel:
        read = await begin(kernel, "look_long", port=meeting.port, name="reads")
        asked = await begin(kernel, "ask_twice", name="asks")
        await asks(kernel, asked.id, "who")
    for n in range(2, 7):
        async with _opened(settings) as kernel:
            await meeting.arrived("reads", n)
            await asks(kernel, asked.id, "who")
    async with _opened(settings) as kernel:
        await meeting.release("reads")
        await reaches(kernel, read.id, "completed")
        await give(kernel, await asks(kernel, asked.id, "who"), name="Ann")
        await give(kernel, await asks(kernel, asked.id, "who-2"), name="Bob")
        await reaches(kernel, asked.id, "completed")


async def test_what_cannot_be_handed_over_is_finished_before_a_server_stops(
    settings: Settings, meeting: Meeting
) -> None:
    async with _opened(settings) as kernel:
        task = await begin(kernel, "do_work", port=meeting.port, name="x")
        await meeting.arrived("x")
        releasing = asyncio.ensure_future(_release_when_closing(kernel, meeting, "x"))
    await releasing
    async with _opened(settings) as kernel:
        await reaches(kernel, task.id, "completed")
        assert await _worked(kernel, "x") == 1


async def _release_when_closing(kernel: Kernel, meeting: Meeting, name: str) -> None:
    async with asyncio.timeout(60):
        while (await call_tool(kernel, "only_as_task", {})).error_code != "unavailable":
            await kernel.database.fetch_value("select pg_sleep(0.01)")
    await meeting.release(name)


async def test_a_server_that_stops_says_what_it_could_not_finish(
    settings: Settings, meeting: Meeting, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What it may take to say so; a busy machine takes longer.
    monkeypatch.setattr("agentos.tasks.service.RETRY_S", 60.0)
    hasty = settings.model_copy(update={"shutdown_timeout_s": 0.2})
    with capture_logs():
        async with _opened(hasty) as kernel:
            task = await begin(kernel, "do_work", port=meeting.port, name="x")
            await meeting.arrived("x")
    await meeting.left("x")
    async with _opened(settings) as kernel:
        failure = (await kernel.tasks.get(LOCAL, task.id)).failure
        assert failure is not None
        assert "stopped while it ran" in failure.message


async def test_a_body_that_kills_its_processes_does_not_go_round_for_ever(
    settings: Settings, meeting: Meeting
) -> None:
    async with _process(settings, meeting, "look_long:x") as process:
        ids = await _made(process, 1)
        await meeting.arrived("x")
    for n in (2, 3):
        async with _process(settings, meeting, "ask_twice:other"):
            await meeting.arrived("x", n)
    async with _opened(settings) as kernel:
        failure = (await reaches(kernel, ids["x"], "failed")).failure
        assert failure is not None
        assert "3 server processes" in failure.message
        assert meeting.arrivals["x"] == 3


@pytest.fixture
def own_home() -> Iterator[Path]:
    """A data folder that PostgreSQL's account may enter, for a cluster that the test may kill."""
    home = Path(tempfile.mkdtemp(prefix="agentos-tasks-", dir="/tmp"))
    home.chmod(0o711)
    yield home
    shutil.rmtree(home)


async def _give_as_clients_do(kernel: Kernel, id: str, key: str, name: str) -> None:
    """Answer once it asks; again, where the connection was lost before that was stored."""
    task = await asks(kernel, id, key)
    async with asyncio.timeout(60):
        while key in task.questions:
            with suppress(UnavailableError):
                return await give(kernel, task, name=name)
            task = await kernel.tasks.get(LOCAL, id)


async def test_tasks_go_on_over_a_crash_of_postgresql(own_home: Path, meeting: Meeting) -> None:
    settings = Settings(
        home=own_home, plugins=(), worker="local", task_after_s=0.2, task_lease_s=1.0
    )
    with capture_logs():
        async with _opened(settings) as kernel:
            work = await begin(kernel, "do_work", port=meeting.port, name="x")
            asked = await begin(kernel, "ask_twice", name="asks")
            await asks(kernel, asked.id, "who")
            await meeting.arrived("x")
            pid = EmbeddedPostgres(own_home / "postgres").pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await meeting.release("x")
            await _give_as_clients_do(kernel, asked.id, "who", "Ann")
            await _give_as_clients_do(kernel, asked.id, "who-2", "Bob")
            await reaches(kernel, asked.id, "completed")
            ended = await reaches(kernel, work.id, "completed")
            assert ended.result is not None
            assert await _worked(kernel, "x") == (0 if ended.result.is_error else 1)
            assert meeting.arrivals["x"] == 1
