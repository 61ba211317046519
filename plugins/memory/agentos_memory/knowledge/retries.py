"""When to try again what failed: soon at first, then ever later, and at once after a change.

Above: the builder. Below: nothing.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

FIRST_DELAY_S = 10.0
MAX_DELAY_S = 3_600.0


@dataclass(frozen=True, slots=True)
class _Failure:
    version: Hashable
    count: int
    next_at_s: float


class Retries:
    """Failures by key; times are seconds of any one clock that never runs back."""

    def __init__(self, first_delay_s: float = FIRST_DELAY_S, max_delay_s: float = MAX_DELAY_S):
        self._first_delay_s = first_delay_s
        self._max_delay_s = max_delay_s
        self._failures: dict[Hashable, _Failure] = {}

    def may_try(self, key: Hashable, version: Hashable, now_s: float) -> bool:
        """Whether it is time: it never failed, what it is about has changed, or it waited."""
        failure = self._failures.get(key)
        return failure is None or failure.version != version or now_s >= failure.next_at_s

    def failed(self, key: Hashable, version: Hashable, now_s: float) -> float:
        """Note a failure; seconds until the next try, doubled with each of one version."""
        before = self._failures.get(key)
        count = before.count + 1 if before is not None and before.version == version else 1
        delay_s = min(self._max_delay_s, self._first_delay_s * 2.0 ** min(count - 1, 30))
        self._failures[key] = _Failure(version, count, now_s + delay_s)
        return delay_s

    def succeeded(self, key: Hashable) -> None:
        """Forget its failures."""
        self._failures.pop(key, None)
