"""Whether somebody waits for an answer of this process, so that background work can give way.

Above: the plugin, which notes calls of its tools, and work that nobody waits for. Below: the clock
of the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Activity:
    """The calls of one process that are being answered; for use in one event loop."""

    def __init__(self) -> None:
        self._n_running = 0
        self._ended_s = float("-inf")
        self._idle = asyncio.Event()
        self._idle.set()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Somebody waits for what happens inside."""
        self._n_running += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._n_running -= 1
            self._ended_s = asyncio.get_running_loop().time()
            if not self._n_running:
                self._idle.set()

    async def quiet(self, seconds: float, *, at_most_s: float) -> None:
        """Return once nobody has waited for `seconds`, or after `at_most_s` all the same."""
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                while (missing_s := self._missing_s(seconds)) > 0:
                    await asyncio.sleep(missing_s)
                    await self._idle.wait()

    def _missing_s(self, seconds: float) -> float:
        """How long it has to stay quiet from now on."""
        if self._n_running:
            return seconds
        return self._ended_s + seconds - asyncio.get_running_loop().time()
