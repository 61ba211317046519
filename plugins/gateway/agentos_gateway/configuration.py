"""The settings table `[gateway.servers.NAME]`: which other servers there are, and on what terms.

Above: everything else here. Below: nothing. Secrets do not stand in the file: `${NAME}` in the
values of `env` and `headers` is taken from the environment of the server process when a
connection is opened.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from agentos import ConfigurationError, UnavailableError, redact

_NAME = re.compile(r"[a-z0-9]+(?:[_-][a-z0-9]+)*")
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_OWN_VARIABLES = "AGENTOS_"
MAX_SERVER_NAME_CHARS = 32
ANSWER_TIMEOUT_S = 600.0
"""How long a call may wait for a person whom its server asks."""

# What a program needs to run at all. Nothing of AgentOS is among it, nor any secret by habit.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "LOGNAME", "SHELL", "TERM", "TMPDIR", "TZ", "USER")

Seconds = Annotated[float, Field(gt=0, le=3_600)]
Glob = Annotated[str, Field(min_length=1, max_length=200)]
Selector = Annotated[str, Field(pattern=r"^[^.\[\]]+(\[\])?(\.[^.\[\]]+(\[\])?)*$", max_length=200)]
"""An argument that holds paths: `path`, `paths[]`, `edits[].path`."""


def _references_only(values: dict[str, str]) -> dict[str, str]:
    for name, value in values.items():
        for variable in _REFERENCE.findall(value):
            if variable.upper().startswith(_OWN_VARIABLES):
                raise ValueError(f"{name} refers to {variable}, which no other server may have")
        literal = _REFERENCE.sub("", value)
        scheme, _, rest = literal.partition(" ")
        is_told = not rest.strip() and scheme.lower() in {"bearer", "basic", "token", ""}
        if not is_told and redact({name: literal}) != {name: literal}:
            raise ValueError(f"{name} holds a secret; write ${{VARIABLE}} and set that instead")
    return values


Values = Annotated[dict[str, str], AfterValidator(_references_only)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ToolSettings(_Table):
    """`[gateway.servers.NAME.tools.TOOL]`: what is known of one tool."""

    paths: tuple[Selector, ...] | None = None
    """Arguments that hold paths; None: those of the server's `paths` that the tool has."""
    read_only: bool | None = None
    """Whether it changes nothing; it must say so itself as well. None: as `read_only` above."""
    timeout_s: Seconds | None = None
    cost_usd: Annotated[Decimal, Field(gt=0, le=1_000)] | None = None
    """What each call costs, set aside and booked like the costs of other tools."""


class ServerSettings(_Table):
    """One other server: a program that speaks MCP on its standard streams, or a URL."""

    command: Annotated[str, Field(min_length=1)] | None = None
    args: tuple[str, ...] = ()
    env: Values = Field(default_factory=dict)
    cwd: Path | None = None
    url: Annotated[str, Field(pattern=r"^https?://[^\s@]+$")] | None = None
    headers: Values = Field(default_factory=dict)
    protocol: Literal["auto", "legacy", "2026-07-28"] = "auto"
    """`legacy`: the revisions before 2026, without asking for a newer one first."""
    allow: tuple[Glob, ...] = ("*",)
    """Globs of tools that may be approved."""
    deny: tuple[Glob, ...] = ()
    """Globs of tools that may not, and are no longer offered if they were; wins over `allow`."""
    read_only: tuple[Glob, ...] = ()
    """Globs of tools that change nothing, where they say so themselves as well."""
    paths: tuple[Selector, ...] = ()
    """Arguments that hold paths, whichever tool has them."""
    tools: dict[str, ToolSettings] = Field(default_factory=dict)
    prompts: bool = False
    resources: bool = False
    asks: bool = False
    """Whether it may ask the person behind a call (elicitation)."""
    profiles: tuple[Literal["worker", "reviewer", "planner", "admin"], ...] | None = None
    """Profiles whose `tools/list` shows its tools; None: each."""
    timeout_s: Seconds = 60.0
    start_timeout_s: Seconds = 30.0
    idle_s: Seconds = 300.0
    """A connection without calls for so long is closed, and a program ended."""
    check_every_s: Annotated[float, Field(ge=0, le=3_600)] = 0.0
    """How old the server's own list may be that a call is compared with; 0: asked for each call."""
    max_result_bytes: Annotated[int, Field(ge=1_024, le=16_777_216)] = 1_048_576
    max_failures: Annotated[int, Field(ge=1, le=100)] = 3
    """Failures in a row after which calls are refused for a while without asking the server."""
    retry_after_s: Seconds = 5.0
    """For how long, the first time; twice as long after each failed attempt, up to 5 minutes."""

    @model_validator(mode="after")
    def _one_way(self) -> ServerSettings:
        if (self.command is None) == (self.url is None):
            raise ValueError("needs either `command` or `url`")
        if self.url is not None and (self.args or self.env or self.cwd):
            raise ValueError("`args`, `env` and `cwd` go with `command`; a URL takes `headers`")
        if self.command is not None and self.headers:
            raise ValueError("`headers` go with `url`; a command takes `env`")
        return self

    @property
    def transport(self) -> Literal["stdio", "http"]:
        """How it is spoken to."""
        return "stdio" if self.url is None else "http"

    @property
    def origin(self) -> str:
        """Where it comes from, for people; without arguments, which may tell more."""
        return self.url.partition("?")[0] if self.url is not None else str(self.command)

    def may_offer(self, name: str) -> bool:
        """Whether `allow` and `deny` let a tool, prompt or resource of that name be approved."""
        return _matches(name, self.allow) and not _matches(name, self.deny)

    def is_read_only(self, tool: str) -> bool:
        """Whether the operator says that a tool changes nothing."""
        own = self.tools.get(tool, ToolSettings()).read_only
        return _matches(tool, self.read_only) if own is None else own

    def timeout_of(self, tool: str) -> float:
        """How long a call of a tool may take, without the start of the server."""
        return self.tools.get(tool, ToolSettings()).timeout_s or self.timeout_s

    def environment(self) -> dict[str, str]:
        """The environment of its process; UnavailableError names a variable that is not set."""
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        return inherited | resolved(self.env)


class _GatewaySettings(_Table):
    servers: dict[str, ServerSettings] = Field(default_factory=dict)


def parse_gateway(table: Mapping[str, Any]) -> dict[str, ServerSettings]:
    """The servers of `[gateway]` by name; ConfigurationError names the bad entry in one line."""
    try:
        servers = _GatewaySettings.model_validate(dict(table)).servers
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(("gateway", *(str(part) for part in problem["loc"])))
        raise ConfigurationError(f"setting {where!r}: {problem['msg']}") from None
    for name in servers:
        if not _NAME.fullmatch(name) or len(name) > MAX_SERVER_NAME_CHARS:
            raise ConfigurationError(
                f"setting 'gateway.servers': {name[:80]!r} is no name of a server: at most "
                f"{MAX_SERVER_NAME_CHARS} of a-z and 0-9, with single - or _ between"
            )
    return servers


def resolved(values: Mapping[str, str]) -> dict[str, str]:
    """The values with their references filled in; UnavailableError names one that is not set."""

    def value_of(reference: re.Match[str]) -> str:
        try:
            return os.environ[reference[1]]
        except KeyError:
            raise UnavailableError(
                f"the environment variable {reference[1]} is not set",
                remedy="an operator sets it for the server process and starts that again",
            ) from None

    return {name: _REFERENCE.sub(value_of, value) for name, value in values.items()}


def _matches(name: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, each) for each in globs)
