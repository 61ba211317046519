"""When people are told: reminders, the next to be asked, expiry, and the hours they are left alone.

Above: the clock, the sweeper, snoozing. Below: time zones. Pure functions of times given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from agentos import format_time
from agentos_governance.review.settings import QuietHours


@dataclass(frozen=True, slots=True)
class Schedule:
    """The times of one review, counted in seconds from its opening; kept with it."""

    remind_after_s: Sequence[int]
    escalate_after_s: int | None
    escalate_to: Sequence[str]
    expire_after_s: int

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "remind_after_s": list(self.remind_after_s),
            "escalate_after_s": self.escalate_after_s,
            "escalate_to": list(self.escalate_to),
            "expire_after_s": self.expire_after_s,
        }

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> Schedule:
        """The same from JSON."""
        return cls(
            tuple(document["remind_after_s"]),
            document["escalate_after_s"],
            tuple(document["escalate_to"]),
            document["expire_after_s"],
        )

    def opened(
        self, at: datetime, quiet: QuietHours | None, *, expires_at: datetime | None = None
    ) -> dict[str, Any]:
        """The data of a clock that starts at `at`, as JSON; `expires_at` where it is fixed."""
        ends = expires_at or at + timedelta(seconds=self.expire_after_s)
        escalate_at = self.next_escalation(0, at, ends, quiet)
        return {
            "schedule": self.document(),
            "due_at": format_time(escalate_at or ends),
            "expires_at": format_time(ends),
            "remind_at": _text(self.next_reminder(at, at, ends, quiet)),
            "escalate_at": _text(escalate_at),
        }

    def next_reminder(
        self, opened_at: datetime, after: datetime, ends: datetime, quiet: QuietHours | None
    ) -> datetime | None:
        """The first reminder later than `after`; None where none is left before the end."""
        for seconds in self.remind_after_s:
            at = out_of_quiet(opened_at + timedelta(seconds=seconds), quiet)
            if at > after:
                return at if at < ends else None
        return None

    def next_escalation(
        self, n_done: int, since: datetime, ends: datetime, quiet: QuietHours | None
    ) -> datetime | None:
        """When the next person of the list is asked, after `n_done` were; None where none is."""
        if self.escalate_after_s is None or n_done >= len(self.escalate_to):
            return None
        at = out_of_quiet(since + timedelta(seconds=self.escalate_after_s), quiet)
        return at if at < ends else None


def out_of_quiet(at: datetime, quiet: QuietHours | None) -> datetime:
    """`at`, or the end of the quiet hours in which it lies, in UTC.

    An end that a clock change leaves out comes as late as the clock moved; of one that happens
    twice the first that is not past counts.
    """
    if quiet is None or not is_quiet(at, quiet):
        return at.astimezone(UTC)
    zone = ZoneInfo(quiet.timezone)
    local = at.astimezone(zone)
    day = local.date()
    if local.time() >= quiet.end:
        day += timedelta(days=1)
    for fold in (0, 1):
        ends = datetime.combine(day, quiet.end, tzinfo=zone).replace(fold=fold).astimezone(UTC)
        if ends > at:
            return ends
    return at.astimezone(UTC)


def is_quiet(at: datetime, quiet: QuietHours | None) -> bool:
    """Whether nobody is told anything at this moment. Hours of equal start and end are none."""
    if quiet is None:
        return False
    now = at.astimezone(ZoneInfo(quiet.timezone)).time()
    if quiet.start <= quiet.end:
        return quiet.start <= now < quiet.end
    return now >= quiet.start or now < quiet.end


def _text(at: datetime | None) -> str | None:
    return None if at is None else format_time(at)
