"""Pauses between attempts: each twice as long as the one before, with chance, up to a longest."""

from __future__ import annotations

import asyncio
import random


class Backoff:
    """The pauses of one row of attempts."""

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._next_s = first_s

    def reset(self) -> None:
        """Begin with the first pause again: an attempt succeeded."""
        self._next_s = self._first_s

    async def wait(self) -> None:
        """Sleep for the next pause."""
        # Half of it is chance, so that clients of a server that came back do not come together.
        pause_s = self._next_s * (0.5 + random.random() / 2)
        self._next_s = min(self._next_s * 2, self._longest_s)
        await asyncio.sleep(pause_s)
