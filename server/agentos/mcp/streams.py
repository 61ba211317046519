"""How many event streams a principal holds open at this process.

Above: `GET /mcp`, `GET /events`, `subscriptions/listen`. Below: nothing. Each stream costs a
connection and a few tasks for as long as its client likes; a client that opens them in a loop must
not take them from everybody else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from agentos.errors import LimitExceededError

RETRY_AFTER_S = 30


class OpenStreams:
    """Of one process, by the name of the principal."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._n_open: Counter[str] = Counter()

    @contextmanager
    def hold(self, principal: str) -> Iterator[None]:
        """Count one stream for as long as the block lasts; LimitExceededError for one too many."""
        if self._n_open[principal] >= self._limit:
            raise LimitExceededError(
                f"{principal} holds {self._limit} event streams open at this server process, which "
                "is the limit (setting open_stream_limit)",
                remedy="close a stream that nobody reads, or have an operator raise the limit",
            )
        self._n_open[principal] += 1
        try:
            yield
        finally:
            self._n_open[principal] -= 1
            if not self._n_open[principal]:
                del self._n_open[principal]
