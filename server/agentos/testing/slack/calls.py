"""The log of what the app asked of Slack, and waiting for something to happen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class ApiCall:
    """One call of the Web API; `error` is None where Slack did what it was asked."""

    method: str
    arguments: Mapping[str, Any]
    error: str | None
    at: datetime


class Happenings:
    """Wakes who waits, whenever something happened."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def tell(self) -> None:
        """Something happened."""
        self._next.set()
        self._next = asyncio.Event()

    async def wait_until(self, condition: Callable[[], object], timeout_s: float) -> None:
        """Return once the condition holds; TimeoutError where nothing makes it hold in time."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                await self._next.wait()
