"""How many failures of one plugin are too many."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable


class ErrorBudget:
    """`errors` failures within `window_s` seconds use it up; 0 errors: it is never used up."""

    def __init__(
        self, errors: int, window_s: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.errors = errors
        self.window_s = window_s
        self._monotonic = monotonic
        self._failures: deque[float] = deque(maxlen=errors or 1)

    def charge(self) -> bool:
        """Count a failure; True where it was one too many."""
        now = self._monotonic()
        self._failures.append(now)
        is_full = len(self._failures) == self.errors
        return is_full and now - self._failures[0] <= self.window_s

    def refill(self) -> None:
        """Forget the failures so far."""
        self._failures.clear()
