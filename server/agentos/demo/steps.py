"""The demo's claims: each is asserted when it is made, timed, shown and kept for the JSON."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from agentos.errors import AgentOSError


class StepFailedError(AgentOSError):
    """Something the demo claims did not hold."""


@dataclass(frozen=True, slots=True)
class Step:
    """One claim that held: who did what, and what came of it."""

    who: str
    what: str
    detail: str
    seconds: float


class Steps:
    """Collects steps and hands each to a listener as it happens."""

    def __init__(self, show: Callable[[Step], None]) -> None:
        self.done: list[Step] = []
        self._show = show
        self._last = time.monotonic()

    def hold(self, holds: object, who: str, what: str, detail: str = "") -> None:
        """Claim that something holds; StepFailedError where it does not."""
        if not holds:
            raise StepFailedError(f"{who}: {what}: did not hold. {detail}".strip())
        now = time.monotonic()
        step = Step(who, what, detail, round(now - self._last, 3))
        self._last = now
        self.done.append(step)
        self._show(step)

    def as_json(self) -> list[dict[str, Any]]:
        """The steps as JSON values."""
        return [asdict(step) for step in self.done]
