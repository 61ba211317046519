"""Until when a snooze lasts: an hour, or until tomorrow morning where the person lives.

Above: the listener of the card's menu. Time is an argument.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agentos import InvalidArgumentError, format_time
from agentos_bots.slack.actions import MenuChoice

MORNING: Final = time(9)


def snooze_until(choice: MenuChoice, now: datetime, timezone: str | None) -> str:
    """When it ends, as RFC 3339 in UTC; `timezone` is Slack's `tz` of the person.

    Tomorrow is nine o'clock of the next day there, in UTC where the zone is not known. Raises
    InvalidArgumentError for an entry of the menu that is no snooze.
    """
    if choice is MenuChoice.SNOOZE_HOUR:
        return format_time(now + timedelta(hours=1))
    if choice is not MenuChoice.SNOOZE_TOMORROW:
        raise InvalidArgumentError(f"the menu's entry {choice} names no time to snooze until")
    zone = _zone(timezone)
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    return format_time(datetime.combine(tomorrow, MORNING, zone).astimezone(UTC))


def _zone(name: str | None) -> ZoneInfo:
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")
