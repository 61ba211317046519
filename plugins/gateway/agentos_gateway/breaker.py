"""A circuit breaker: after failures in a row, refuse for a while, then let one call try.

Above: connections. Below: nothing. Source: Nygard, Release It!, "Circuit Breaker".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from agentos import UnavailableError

MAX_WAIT_S = 300.0

BreakerState = Literal["closed", "half_open", "open"]


class Breaker:
    """Of one server in one process; `time_s` is a monotonic clock."""

    def __init__(
        self, name: str, *, max_failures: int, wait_s: float, time_s: Callable[[], float]
    ) -> None:
        self._name = name
        self._max_failures = max_failures
        self._first_wait_s = wait_s
        self._time_s = time_s
        self._wait_s = wait_s
        self._n_failures = 0
        self._opened_at: float | None = None
        self._is_probing = False
        self.last_failure = ""

    @property
    def state(self) -> BreakerState:
        """`open`: calls are refused; `half_open`: the next one, or one under way, is the test."""
        if self._opened_at is None:
            return "closed"
        return "half_open" if self._remaining_s() <= 0 else "open"

    def admit(self) -> None:
        """Let a call through; UnavailableError says when to try again."""
        if self._opened_at is None:
            return
        remaining_s = self._remaining_s()
        if remaining_s <= 0 and not self._is_probing:
            self._is_probing = True
            return
        wait_s = max(remaining_s, 1.0)
        raise UnavailableError(
            f"the server {self._name} failed {self._n_failures} times in a row and is given a "
            f"rest; the last time: {self.last_failure}",
            remedy=f"try again in {wait_s:.0f} s, or work without it",
        )

    def succeed(self) -> None:
        """The server answered, be it with an error of its own."""
        self._n_failures = 0
        self._opened_at = None
        self._is_probing = False
        self._wait_s = self._first_wait_s

    def fail(self, reason: str) -> bool:
        """The server did not answer; True where the breaker is open from now on."""
        self._n_failures += 1
        self.last_failure = reason
        if self._is_probing:
            self._wait_s = min(self._wait_s * 2, MAX_WAIT_S)
        self._is_probing = False
        if self._n_failures < self._max_failures:
            return False
        self._opened_at = self._time_s()
        return True

    def give_up(self) -> None:
        """A call ended without telling anything of the server: its caller cancelled it."""
        self._is_probing = False

    def _remaining_s(self) -> float:
        assert self._opened_at is not None
        return self._opened_at + self._wait_s - self._time_s()
