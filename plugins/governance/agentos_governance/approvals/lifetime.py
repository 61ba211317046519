"""How long approvals live, `approval_ttl`, and the rest of the table `[governance]`.

Above: asking, deciding, the plugin, which offers both as services. Below: `persons.settings`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from agentos import ConfigurationError
from agentos_governance.persons.settings import EmailLinking, TrustedChannels

SHORTEST_S = 60
LONGEST_S = 30 * 24 * 3600
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}
_DURATION = re.compile(r"([0-9]{1,7})([smhd])")


def _duration_s(value: object) -> int:
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError('must be a duration such as "90m", "24h" or "7d"')
    seconds = int(found[1]) * _UNITS_S[found[2]]
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise ValueError("must be from 1m to 30d")
    return seconds


class GovernanceSettings(BaseModel):
    """The table `[governance]` of the configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    approval_ttl: Annotated[int, BeforeValidator(_duration_s)] = 24 * 3600
    link_by_email: TrustedChannels = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ApprovalLifetime:
    """How long a question waits for a decision, and from then on how long an approval holds."""

    seconds: int

    @property
    def duration(self) -> timedelta:
        """The same, to add to a time."""
        return timedelta(seconds=self.seconds)


def parse_lifetime(table: Mapping[str, Any]) -> ApprovalLifetime:
    """The lifetime of `[governance]`; ConfigurationError names the bad entry in one line."""
    return ApprovalLifetime(_parse(table).approval_ttl)


def parse_email_linking(table: Mapping[str, Any]) -> EmailLinking:
    """Which channels link by address, of `[governance]`; ConfigurationError as above."""
    return EmailLinking(_parse(table).link_by_email)


def _parse(table: Mapping[str, Any]) -> GovernanceSettings:
    try:
        return GovernanceSettings.model_validate(dict(table))
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(("governance", *(str(part) for part in problem["loc"])))
        raise ConfigurationError(f"setting {where!r}: {problem['msg']}") from None
