"""A time limit that costs nothing until something waits.

Most hooks answer without waiting. `asyncio.timeout` would arm and disarm a timer for each of them,
at the price of the rest of the isolation; so the first step is taken without one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Generator
from types import coroutine
from typing import Any, TypeVar

from agentos.calls import ToolCall, ToolResult
from agentos.middleware import CallNext

T = TypeVar("T")


class WaitedTooLongError(Exception):
    """The limit was reached; what waited was cancelled."""


class Passage:
    """The `call_next` that a middleware gets: what lies beyond it is not the middleware's time."""

    __slots__ = ("_call_next", "_limit_s", "beyond_s", "deadline", "error", "is_inside")

    def __init__(self, call_next: CallNext, limit_s: float) -> None:
        self._call_next = call_next
        self._limit_s = limit_s
        self.is_inside = False
        self.beyond_s = 0.0
        self.deadline: asyncio.Timeout | None = None
        self.error: BaseException | None = None
        """What came from beyond, which is no failure of the middleware's."""

    async def __call__(self, call: ToolCall) -> ToolResult:
        entered = time.perf_counter()
        self.is_inside = True
        if self.deadline is not None:
            self.deadline.reschedule(None)
        try:
            return await self._call_next(call)
        except BaseException as error:
            self.error = error
            raise
        finally:
            self.is_inside = False
            self.beyond_s += time.perf_counter() - entered
            if self.deadline is not None:
                self.deadline.reschedule(asyncio.get_running_loop().time() + self._limit_s)


async def bounded(work: Awaitable[T], limit_s: float, passage: Passage | None = None) -> T:
    """What `work` gives; WaitedTooLongError where it waits for longer than `limit_s`.

    What waits beyond `passage` is not limited.
    """
    steps = work.__await__()
    try:
        waits_for = next(steps)
    except StopIteration as done:
        result: T = done.value
        return result
    is_beyond = passage is not None and passage.is_inside
    try:
        async with asyncio.timeout(None if is_beyond else limit_s) as deadline:
            if passage is not None:
                passage.deadline = deadline
            return await resumed(steps, waits_for)
    except TimeoutError as error:
        if not deadline.expired():
            raise
        raise WaitedTooLongError from error


@coroutine
def resumed(steps: Generator[Any, Any, T], waits_for: Any) -> Generator[Any, Any, T]:
    """The rest of an awaitable that has told what it waits for."""
    while True:
        try:
            yield waits_for
        except BaseException as error:  # a cancellation: it is for the one who waits
            try:
                waits_for = steps.throw(error)
            except StopIteration as done:
                result: T = done.value
                return result
        else:
            return (yield from steps)
