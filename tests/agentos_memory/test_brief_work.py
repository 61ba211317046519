"""Short work stays in the event loop, long work never does: ranking must not delay other calls."""

from __future__ import annotations

import threading

import pytest

from agentos_memory.brief_work import BriefWork

pytestmark = pytest.mark.anyio


async def test_the_first_run_is_in_a_thread_and_brief_ones_follow_in_the_loop() -> None:
    work = BriefWork(max_in_loop_s=60)
    ran_in = [await work.run(threading.get_ident) for _ in range(3)]
    here = threading.get_ident()
    assert [each == here for each in ran_in] == [False, True, True]


async def test_long_work_is_always_in_a_thread() -> None:
    work = BriefWork(max_in_loop_s=0)
    ran_in = {await work.run(threading.get_ident) for _ in range(3)}
    assert threading.get_ident() not in ran_in


class Stopwatch:
    """Work that takes as long as it is told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def takes(self, seconds: float) -> int:
        self.now_s += seconds
        return threading.get_ident()


async def test_a_much_too_long_run_sends_the_next_ones_to_a_thread_until_they_are_brief_again() -> (
    None
):
    watch = Stopwatch()
    work = BriefWork(max_in_loop_s=0.05, clock=watch)
    here = threading.get_ident()
    await work.run(watch.takes, 0.001)
    assert await work.run(watch.takes, 0.001) == here
    assert await work.run(watch.takes, 1.0) == here
    ran_in = [await work.run(watch.takes, 0.001) for _ in range(12)]
    first_in_loop = ran_in.index(here)
    assert first_in_loop > 2
    assert set(ran_in[first_in_loop:]) == {here}


async def test_a_run_that_takes_somewhat_longer_leaves_the_brief_ones_in_the_loop() -> None:
    watch = Stopwatch()
    work = BriefWork(max_in_loop_s=0.05, clock=watch)
    await work.run(watch.takes, 0.001)
    ran_in = {await work.run(watch.takes, seconds) for seconds in (0.001, 0.1, 0.001) * 8}
    assert ran_in == {threading.get_ident()}


async def test_work_that_has_grown_long_moves_to_a_thread() -> None:
    watch = Stopwatch()
    work = BriefWork(max_in_loop_s=0.05, clock=watch)
    here = threading.get_ident()
    for _ in range(9):
        await work.run(watch.takes, 0.001)
    ran_in = [await work.run(watch.takes, 0.1) for _ in range(12)]
    assert here not in ran_in[5:]


async def test_what_the_work_raises_reaches_the_caller_from_both_places() -> None:
    def fails() -> None:
        raise ValueError("broken")

    for limit_s in (0, 60):
        work = BriefWork(max_in_loop_s=limit_s)
        for _ in range(2):
            with pytest.raises(ValueError, match="broken"):
                await work.run(fails)
