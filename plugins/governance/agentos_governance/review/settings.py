"""How long reviews wait, who is asked next, and when people are left alone: the table `[review]`.

Above: rounds, approvals, decisions, the sweeper, the gatekeeper; the plugin offers it as a service.
Below: nothing. A contract may set its own times; an expiry can only be made shorter.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from itertools import pairwise
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from agentos import ConfigurationError

LONGEST_S = 366 * 86_400
HOUR_S, DAY_S = 3_600, 86_400


def _clock_time(value: object) -> time:
    # TOML writes times of day as well.
    if isinstance(value, time) and value.tzinfo is None:
        return value
    if not isinstance(value, str) or len(value) != 5:
        raise ValueError('must be a time of day such as "19:30"')
    try:
        return time.fromisoformat(value)
    except ValueError:
        raise ValueError('must be a time of day such as "19:30"') from None


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError('must be the name of a time zone such as "Europe/Berlin"') from None
    return value


def _ascending(values: tuple[int, ...]) -> tuple[int, ...]:
    if any(later <= earlier for earlier, later in pairwise(values)):
        raise ValueError("must ascend")
    return values


ClockTime = Annotated[time, BeforeValidator(_clock_time)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
Seconds = Annotated[int, Field(ge=1, le=LONGEST_S)]


class QuietHours(BaseModel):
    """Between these times of day nobody is reminded or asked next; what is due then waits."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: ClockTime
    end: ClockTime
    timezone: TimeZone = "UTC"


class ReviewSettings(BaseModel):
    """The table `[review]` of the configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    remind_after_s: Annotated[
        tuple[Seconds, ...], Field(max_length=20), AfterValidator(_ascending)
    ] = (4 * HOUR_S, DAY_S, 3 * DAY_S)
    """When whoever may decide is reminded, counted from the opening."""
    escalate_after_s: Seconds | None = DAY_S
    """After how long the next of `escalate_to` is asked; None: never."""
    escalate_to: Annotated[tuple[str, ...], Field(max_length=50)] = ()
    """Persons, or `role:NAME`, who are asked one after the other."""
    expire_after_s: Seconds = 7 * DAY_S
    """After how long a review ends undecided: the work is not accepted."""
    sticky: bool = False
    """Whether approvals hold for a later packet that shows nothing they did not show."""
    quiet_hours: QuietHours | None = None
    digest_at: ClockTime | None = None
    """When each person gets the list of what waits; None: never."""
    timezone: TimeZone | None = None
    """Of `digest_at`; None is that of the quiet hours, or UTC."""
    link: Annotated[str | None, Field(max_length=500, pattern=r"^https?://")] = None
    """Where a person sees a review in a browser; {review} and {work_order} are filled in."""
    model_may_block: bool = False
    """Whether a finding of the model's pass may be a blocking one."""
    model_timeout_s: Annotated[float, Field(gt=0, le=240)] = 60.0
    model_max_prompt_chars: Annotated[int, Field(ge=1_000, le=400_000)] = 60_000

    @property
    def digest_zone(self) -> str:
        """The time zone by which days of digests are counted."""
        quiet = "UTC" if self.quiet_hours is None else self.quiet_hours.timezone
        return self.timezone or quiet


def parse_review_settings(table: Mapping[str, Any]) -> ReviewSettings:
    """The settings of `[review]`; ConfigurationError names the bad entry in one line."""
    try:
        return ReviewSettings.model_validate(dict(table))
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(("review", *(str(part) for part in problem["loc"])))
        reason = problem["msg"].removeprefix("Value error, ")
        raise ConfigurationError(f"setting {where!r}: {reason}") from None
