"""What an operator chooses about the gatekeeper's checks: the table `[gatekeeper]`.

Above: checking; the plugin offers it as a service. Below: nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agentos import ConfigurationError

TypeCheck = Literal["auto", "always", "never"]


class GatekeeperSettings(BaseModel):
    """The table `[gatekeeper]` of the configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    skip: Annotated[tuple[str, ...], Field(max_length=100)] = ()
    """Names of checks that are left out; every submission says that they were."""
    type_check: TypeCheck = "auto"
    """Whether mypy runs: where the repository uses it, always, or never."""


def parse_gatekeeper_settings(table: Mapping[str, Any]) -> GatekeeperSettings:
    """The settings of `[gatekeeper]`; ConfigurationError names the bad entry in one line."""
    try:
        return GatekeeperSettings.model_validate(dict(table))
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(("gatekeeper", *(str(part) for part in problem["loc"])))
        raise ConfigurationError(f"setting {where!r}: {problem['msg']}") from None
