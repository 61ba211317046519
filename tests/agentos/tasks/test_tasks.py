"""Calls as tasks, within processes that live: results, questions, cancellation, limits, time."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from agentos import (
    Answer,
    CallRequest,
    Kernel,
    NotFoundError,
    Principal,
    Role,
    Settings,
    open_kernel,
)
from agentos.testing import FakeClock
from tests.agentos.plugin_factory import call_tool, records_of
from tests.agentos.tasks.calls import LOCAL, answered, asks, begin, give, reaches, request
from tests.agentos.tasks.meeting import Meeting
from tests.agentos.tasks.plugin import COUNT_WORK, tasks_plugin

pytestmark = pytest.mark.anyio

EVENTS = "select type from kernel.event where stream = 'task/' || $1 order by position"


async def _events(kernel: Kernel, id: str) -> list[str]:
    return [row["type"] for row in await kernel.database.fetch(EVENTS, id)]


async def _worked(kernel: Kernel, name: str) -> int:
    return int(await kernel.database.fetch_value(COUNT_WORK, name))


@pytest.mark.usefixtures("late")
async def test_a_call_that_ends_in_time_is_answered_at_once(
    kernel: Kernel, meeting: Meeting
) -> None:
    await meeting.release("short")
    result = await answered(kernel, "look", port=meeting.port, name="short")
    assert result.structured["name"] == "short"
    assert await kernel.database.fetch_value("select count(*) from kernel.task") == 0


async def test_a_call_becomes_a_task_when_it_takes_long(kernel: Kernel, meeting: Meeting) -> None:
    task = await begin(kernel, "look", port=meeting.port, name="long")
    assert task.status == "working"
    await meeting.release("long")
    ended = await reaches(kernel, task.id)
    assert ended.result is not None
    assert ended.result.structured["name"] == "long"
    assert await records_of(kernel, ended.result.call_id) == [
        "call.allowed",
        "task.created",
        "call.finished",
    ]
    assert await _events(kernel, task.id) == ["task.created"]


async def test_a_tool_that_is_never_a_task_is_waited_for(kernel: Kernel, meeting: Meeting) -> None:
    calling = asyncio.ensure_future(
        answered(kernel, "look_now", port=meeting.port, name="waited for")
    )
    await meeting.arrived("waited for")
    await asyncio.wait([calling], timeout=kernel.settings.task_after_s * 3)
    assert not calling.done()
    await meeting.release("waited for")
    assert (await calling).structured["name"] == "waited for"


@pytest.mark.parametrize("tool", ["fail", "only_as_task"])
async def test_a_task_answers_what_the_call_itself_answers(kernel: Kernel, tool: str) -> None:
    arguments = {"name": "it"} if tool == "fail" else {}
    directly = await call_tool(kernel, tool, arguments)
    task = await begin(kernel, tool, **arguments)
    result = (await reaches(kernel, task.id, "completed")).result
    assert result is not None
    assert (result.structured, result.text, result.is_error) == (
        directly.structured,
        directly.text,
        directly.is_error,
    )


async def test_what_is_refused_before_it_begins_is_no_task(kernel: Kernel) -> None:
    result = await answered(kernel, "do_work", port="not a port", name="x")
    assert result.error_code == "invalid_argument"
    assert await kernel.database.fetch_value("select count(*) from kernel.task") == 0


async def test_a_task_is_stored_in_the_transaction_that_admits_its_call(
    kernel: Kernel, meeting: Meeting
) -> None:
    task = await begin(kernel, "do_work", port=meeting.port, name="x")
    row = await kernel.database.fetch_row(
        "select t.xmin = e.xmin as is_one from kernel.task t join kernel.event e"
        " on e.data ->> 'task' = t.id where t.id = $1",
        task.id,
    )
    assert row is not None
    await meeting.arrived("x")
    await meeting.release("x")
    result = (await reaches(kernel, task.id, "completed")).result
    assert result is not None
    kept = await kernel.database.fetch_row(
        "select t.xmin = e.xmin as is_one from kernel.task t, kernel.event e"
        " where t.id = $1 and e.type = 'call.finished' and e.data ->> 'call' = $2",
        task.id,
        result.call_id,
    )
    assert kept is not None
    assert kept["is_one"]


async def test_nobody_else_sees_answers_or_cancels_a_task(kernel: Kernel, meeting: Meeting) -> None:
    task = await begin(kernel, "look_long", port=meeting.port, name="mine")
    others = [
        Principal("other", Role.WORKER),
        Principal("local", Role.ADMIN),
        Principal("local", Role.WORKER, person="somebody"),
    ]
    for who in others:
        for attempt in (
            kernel.tasks.get(who, task.id),
            kernel.tasks.cancel(who, task.id),
            kernel.tasks.answer(who, task.id, {"who": Answer()}),
        ):
            with pytest.raises(NotFoundError, match="has no task"):
                await attempt
    assert (await kernel.tasks.get(LOCAL, task.id)).status == "working"
    await kernel.tasks.cancel(LOCAL, task.id)


@pytest.mark.parametrize("where", ["here", "elsewhere"])
@pytest.mark.parametrize("tool", ["do_work", "work_first"])
async def test_a_cancelled_task_stops_its_body_and_leaves_nothing(
    kernel: Kernel, other: Kernel, meeting: Meeting, where: str, tool: str
) -> None:
    task = await begin(kernel, tool, port=meeting.port, name="x")
    await meeting.arrived("x")
    await (kernel if where == "here" else other).tasks.cancel(LOCAL, task.id)
    assert (await other.tasks.get(LOCAL, task.id)).status == "cancelled"
    await meeting.left("x")
    await kernel.tasks.cancel(LOCAL, task.id)
    assert (await kernel.tasks.get(LOCAL, task.id)).status == "cancelled"
    assert await _worked(kernel, "x") == 0
    assert await _events(kernel, task.id) == ["task.created", "task.ended"]


async def test_a_task_that_ended_stays_as_it_is_when_it_is_cancelled(kernel: Kernel) -> None:
    task = await begin(kernel, "only_as_task")
    await reaches(kernel, task.id, "completed")
    await kernel.tasks.cancel(LOCAL, task.id)
    assert (await kernel.tasks.get(LOCAL, task.id)).result is not None


async def test_what_another_process_has_taken_over_is_not_written_twice(
    kernel: Kernel, meeting: Meeting
) -> None:
    task = await begin(kernel, "work_first", port=meeting.port, name="x")
    await meeting.arrived("x")
    async with kernel.database.connection() as connection:
        await connection.execute(
            "update kernel.task set owner = 'another', lease_expires_at = now() + interval '1 h'"
        )
    await meeting.release("x")
    await meeting.left("x")
    if task.id in kernel.tasks._runs:
        # A renewal may have found out first, and cancelled the run.
        await asyncio.wait([kernel.tasks._runs[task.id][1]])
    assert await _worked(kernel, "x") == 0
    assert (await kernel.tasks.get(LOCAL, task.id)).status == "working"


async def test_a_task_asks_its_client_wherever_that_answers(kernel: Kernel, other: Kernel) -> None:
    task = await begin(kernel, "ask_twice", name="x")
    first = await reaches(other, task.id, "input_required")
    assert list(first.questions) == ["who"]
    await other.tasks.answer(LOCAL, task.id, {"unknown": Answer()})
    await give(other, first, name="Ann")
    await other.tasks.answer(LOCAL, task.id, {"who": Answer(content={"name": "late"})})
    second = await asks(other, task.id, "who-2")
    # Longer than the time limit of the tool, which counts no waiting.
    await asyncio.sleep(1.1)
    await give(kernel, second, name="Bob")
    ended = await reaches(other, task.id, "completed")
    assert ended.result is not None
    assert ended.result.structured["name"] == "x Ann Bob"
    assert await _worked(kernel, "x Ann Bob") == 1


async def test_a_task_that_asks_what_its_client_cannot_answer_fails(kernel: Kernel) -> None:
    task = await begin(kernel, "ask_for_folders")
    failure = (await reaches(kernel, task.id, "failed")).failure
    assert failure is not None
    assert failure.capability == "roots"


async def test_a_principal_has_so_many_open_tasks_and_no_more(
    settings: Settings, meeting: Meeting
) -> None:
    limited = settings.model_copy(update={"open_task_limit": 2})
    async with open_kernel(limited, extra_plugins={"tasks": tasks_plugin()}) as kernel:
        many = [kernel.tasks.call(_looking(meeting, "look_long"), frozenset()) for _ in range(5)]
        outcomes = await asyncio.gather(*many)
        refused = [each for each in outcomes if not hasattr(each, "ttl_ms")]
        assert [each.error_code for each in refused] == ["limit_exceeded"] * 3
        assert "2 open tasks" in refused[0].text
        # What only becomes one by taking long is waited for.
        late = _looking(meeting, "look", "late")
        calling = asyncio.ensure_future(kernel.tasks.call(late, frozenset()))
        await meeting.arrived("late")
        await asyncio.wait([calling], timeout=settings.task_after_s * 3)
        assert not calling.done()
        await meeting.release("late")
        assert not hasattr(await calling, "ttl_ms")


def _looking(meeting: Meeting, tool: str, name: str = "x") -> CallRequest:
    return request(tool, port=meeting.port, name=name)


@pytest.mark.usefixtures("late")
async def test_a_client_that_goes_away_before_it_knows_of_a_task_has_cancelled(
    kernel: Kernel, meeting: Meeting
) -> None:
    calling = asyncio.ensure_future(begin(kernel, "look", port=meeting.port, name="x"))
    await meeting.arrived("x")
    calling.cancel()
    await meeting.left("x")
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert await kernel.database.fetch_value("select count(*) from kernel.task") == 0


async def test_progress_of_a_task_is_its_message(kernel: Kernel, meeting: Meeting) -> None:
    task = await begin(kernel, "look_long", port=meeting.port, name="x")
    async with asyncio.timeout(60):
        while (await kernel.tasks.get(LOCAL, task.id)).message != "1 of 2: looking":
            await kernel.database.fetch_value("select pg_sleep(0.05)")
    await meeting.release("x")
    assert (await reaches(kernel, task.id, "completed")).message is None


async def test_a_task_lives_as_long_as_it_said(settings: Settings, meeting: Meeting) -> None:
    clock = FakeClock()
    async with open_kernel(
        settings, clock=clock, extra_plugins={"tasks": tasks_plugin()}
    ) as kernel:
        done = await begin(kernel, "only_as_task")
        await reaches(kernel, done.id, "completed")
        endless = await begin(kernel, "look_long", port=meeting.port, name="endless")
        await meeting.arrived("endless")
        clock.advance(timedelta(seconds=settings.task_ttl_s - 1))
        await kernel.tasks.sweep()
        assert (await kernel.tasks.get(LOCAL, done.id)).result is not None
        clock.advance(timedelta(seconds=2))
        await kernel.tasks.sweep()
        with pytest.raises(NotFoundError):
            await kernel.tasks.get(LOCAL, done.id)
        async with asyncio.timeout(60):
            # A lease that is renewed in this moment keeps its row from the sweep.
            while (failure := (await kernel.tasks.get(LOCAL, endless.id)).failure) is None:
                await kernel.tasks.sweep()
        assert "time to live" in failure.message
        await meeting.left("endless")
        await kernel.tasks.sweep()
        with pytest.raises(NotFoundError):
            await kernel.tasks.get(LOCAL, endless.id)
