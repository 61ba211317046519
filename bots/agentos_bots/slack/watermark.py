"""Up to which position everything is done, where later things may be done before earlier ones.

Above: the event feed, which keeps this position as its durable cursor. Below: nothing.
"""

from __future__ import annotations


class Watermark:
    """Positions that began and ended; `position` is the last before which nothing is open."""

    def __init__(self, position: int) -> None:
        self.position = position
        self._newest = position
        self._open: set[int] = set()

    @property
    def n_open(self) -> int:
        """How many positions have begun and not ended."""
        return len(self._open)

    def begin(self, position: int) -> None:
        """Something at `position` is to be done; positions begin in order."""
        self._newest = max(self._newest, position)
        self._open.add(position)

    def end(self, position: int) -> None:
        """It is done."""
        self._open.discard(position)
        self.position = min(self._open) - 1 if self._open else self._newest

    def skip(self, position: int) -> None:
        """There is nothing to do at `position`."""
        self.begin(position)
        self.end(position)
