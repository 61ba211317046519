"""When background work gives way to calls."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest

from agentos_memory.activity import Activity

pytestmark = pytest.mark.anyio

FOR_EVER_S = 60.0


def _now_s() -> float:
    return asyncio.get_running_loop().time()


async def test_a_process_that_nobody_has_asked_is_quiet() -> None:
    begun = _now_s()
    await Activity().quiet(FOR_EVER_S, at_most_s=FOR_EVER_S)
    assert _now_s() - begun < FOR_EVER_S / 2


async def test_work_waits_for_the_last_of_overlapping_calls_and_a_while_longer() -> None:
    activity = Activity()
    first, second = ExitStack(), ExitStack()
    first.enter_context(activity.answering())
    second.enter_context(activity.answering())
    waiting = asyncio.create_task(activity.quiet(0.05, at_most_s=FOR_EVER_S))
    first.close()
    done, _ = await asyncio.wait([waiting], timeout=0.2)
    assert not done
    second.close()
    ended = _now_s()
    await waiting
    assert _now_s() - ended >= 0.05


async def test_work_is_done_on_a_busy_server_too() -> None:
    activity = Activity()
    with activity.answering():
        begun = _now_s()
        await activity.quiet(FOR_EVER_S, at_most_s=0.1)
        assert 0.1 <= _now_s() - begun < FOR_EVER_S / 2
