"""What goes wrong on purpose: refusals, delays, lost answers, and calls held in mid-flight."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from agentos.testing.slack.arguments import Arguments


@dataclass(frozen=True)
class FailingAnswer:
    """An answer in place of the real one; the method is not run."""

    status: int
    error: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Hold:
    """Keeps calls of a method waiting, after they came in and before they are run.

    Released at the end of its block, or by `release()`. With `first` it keeps only so many, and
    those that come later overtake them; with `wanted` it keeps only calls with these arguments.
    """

    def __init__(self, holds: list[Hold], first: int | None, wanted: Mapping[str, str]) -> None:
        self._holds = holds
        self._first = first
        self._wanted = wanted
        self._arrived = 0
        self._changed = asyncio.Condition()
        self._is_released = asyncio.Event()

    async def arrived(self, n: int = 1, timeout_s: float = 60.0) -> None:
        """Return once so many calls wait."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(lambda: self._arrived >= n)

    def release(self) -> None:
        """Let them go on, and those that come later."""
        self._is_released.set()

    async def wait(self, arguments: Arguments) -> None:
        """For the Web API: wait as one of the held calls."""
        if any(arguments.text(name) != value for name, value in self._wanted.items()):
            return
        if self._first is not None and self._arrived >= self._first:
            return
        async with self._changed:
            self._arrived += 1
            self._changed.notify_all()
        await self._is_released.wait()

    async def __aenter__(self) -> Self:
        self._holds.append(self)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
        self._holds.remove(self)


class Faults:
    """The faults that wait for their call, per method, in the order they were asked for."""

    def __init__(self) -> None:
        self._answers: dict[str, deque[FailingAnswer]] = defaultdict(deque)
        self._delays: dict[str, deque[float]] = defaultdict(deque)
        self._lost: dict[str, int] = defaultdict(int)
        self._holds: dict[str, list[Hold]] = defaultdict(list)
        self.n_lost_acks = 0

    def refuse(self, method: str, answer: FailingAnswer, times: int) -> None:
        """The next calls get this answer."""
        self._answers[method].extend([answer] * times)

    def delay(self, method: str, seconds: float, times: int) -> None:
        """The next calls take longer."""
        self._delays[method].extend([seconds] * times)

    def lose(self, method: str, times: int) -> None:
        """The next calls are run, and their answers lost."""
        self._lost[method] += times

    def hold(self, method: str, first: int | None, wanted: Mapping[str, str]) -> Hold:
        """Something that keeps calls, or the first few, waiting while its block lasts."""
        return Hold(self._holds[method], first, wanted)

    async def wait(self, method: str, arguments: Arguments) -> None:
        """Take the time that a call was given."""
        if self._delays[method]:
            await asyncio.sleep(self._delays[method].popleft())
        for hold in list(self._holds[method]):
            await hold.wait(arguments)

    def next_answer(self, method: str) -> FailingAnswer | None:
        """The answer that this call gets in place of the real one."""
        return self._answers[method].popleft() if self._answers[method] else None

    def loses_answer(self, method: str) -> bool:
        """Whether this call's answer is lost."""
        if not self._lost[method]:
            return False
        self._lost[method] -= 1
        return True

    def loses_ack(self) -> bool:
        """Whether this acknowledgement is lost."""
        if not self.n_lost_acks:
            return False
        self.n_lost_acks -= 1
        return True
