"""Times and durations in words; Slack shows each reader a time in their own zone.

Nothing here asks what time it is: moments come from documents or arguments. Above: everything that
renders.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))


def moment(at: datetime) -> str:
    """A time as Slack's date element, which shows it in the reader's zone."""
    return _date(at, "{date_short_pretty} {time}", in_words(at))


def since(at: datetime) -> str:
    """A time, and how long ago that is whenever somebody looks: right without an update."""
    return _date(at, "{date_short_pretty} {time} ({ago})", in_words(at))


def in_words(at: datetime) -> str:
    """`2026-11-21 20:05 UTC`, for where Slack does not format times."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def duration(seconds: int) -> str:
    """`2 h 5 min`: the two largest units, and seconds only below a minute."""
    if seconds < 60:
        return f"{seconds} s"
    parts: list[str] = []
    for size, unit in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def _date(at: datetime, form: str, fallback: str) -> str:
    return f"<!date^{int(at.timestamp())}^{form}|{fallback}>"
