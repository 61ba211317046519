"""The settings `[memory.language_servers]`: which servers may work, how long, and how many.

Above: the plugin's start. Below: nothing. Which program a server is says the setting
`language_servers`, which stands on its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agentos import ConfigurationError


class LanguageServerSettings(BaseModel):
    """Everything that may stand in `[memory.language_servers]`; times are seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    refine: Literal["configured", "installed", "never"] = "configured"
    """Which servers refine the graph in the background: those that the setting `language_servers`
    names, or also those that are found on PATH."""
    run_s: Annotated[float, Field(gt=0, le=86_400)] = 600.0
    """How long one run may take; what is left waits for the next one."""
    sites_per_run: Annotated[int, Field(ge=1, le=1_000_000)] = 5_000
    """Call sites that one run asks about at most."""
    pause_s: Annotated[float, Field(ge=0, le=86_400)] = 60.0
    """How long a run that was cut off waits before it goes on."""
    max_running: Annotated[int, Field(ge=1, le=16)] = 2
    """Servers that are alive at once; the one that was idle longest makes room."""
    idle_timeout_s: Annotated[float, Field(gt=0, le=86_400)] = 300.0
    """How long a server that nobody asks is kept."""
    max_memory_mb: Annotated[int, Field(ge=256, le=1_048_576)] = 4_096
    """Memory of one server with its helpers; one that takes more is ended."""


def parse_language_server_settings(memory: Mapping[str, Any]) -> LanguageServerSettings:
    """What `[memory]` says of language servers; ConfigurationError names the field."""
    try:
        return LanguageServerSettings.model_validate(memory.get("language_servers", {}))
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(["memory", "language_servers", *(str(part) for part in problem["loc"])])
        raise ConfigurationError(f"setting {name!r}: {problem['msg']}") from None
