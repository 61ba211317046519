"""A clock that stands still until a test moves it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass
class FakeClock:
    """Starts on a Monday morning; `now` is always timezone-aware UTC."""

    time: datetime = datetime(2026, 1, 5, 9, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def advance(self, step: timedelta) -> None:
        """Move on; ValueError for a step back, which no clock of a server makes."""
        if step < timedelta(0):
            raise ValueError(f"time does not go back: {step}")
        self.time += step

    def set(self, time: datetime) -> None:
        """Jump to a moment, back or forth; ValueError for one without a timezone."""
        if time.tzinfo is None:
            raise ValueError(f"{time} has no timezone; write datetime(..., tzinfo=UTC)")
        self.time = time
