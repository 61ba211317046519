"""Configuration: `agentos.toml`, then `AGENTOS_*` variables, then flags; later ones win."""

from __future__ import annotations

import getpass
import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import platformdirs
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
)

from agentos.calls import Role
from agentos.errors import ConfigurationError
from agentos.plugins import default_plugins
from agentos.profiles import AnyProfile

CONFIG_FILE = "agentos.toml"
PREFIX = "AGENTOS_"
GRANTED = frozenset(
    {
        "worker",
        "role",
        "token",
        "oauth",
        "token_file",
        "policy",
        "facts",
        "budgets",
        "locks",
        "governance",
        "review",
        "gatekeeper",
    }
)
"""Settings that a file found by chance, such as in a fresh checkout, must not make."""

M = TypeVar("M", bound=BaseModel)

FactValue = StrictBool | StrictInt | StrictFloat | StrictStr

OUTWARD = frozenset(
    {"event_bus", "webhook_allowed_hosts", "memory", "fabric", "plugin_settings", "slack"}
)
"""Settings by which such a file could have what happens or lies here sent elsewhere."""

STARTED = frozenset({"language_servers", "gateway"})
"""Settings by which such a file could have its own programs started."""


def user_data_folder() -> Path:
    """Where data lie unless somebody chose another folder."""
    return Path(platformdirs.user_data_dir("agentos", appauthor=False))


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"


def _is_own_name(worker: str) -> str:
    if worker.strip().casefold().startswith("oauth:"):
        raise ValueError("names that begin with 'oauth:' are an identity provider's")
    return worker


class DeclaredFact(BaseModel):
    """A fact that rules may ask for; without a value it is missing, and what needs it is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["boolean", "number", "text"]
    value: FactValue | None = None


class Settings(BaseModel):
    """Every setting, with its default; `agentos.toml` uses the same names."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    home: Path = Field(default_factory=user_data_folder)
    """Data folder: embedded database, worktrees, evidence, keys."""
    database_url: str | None = Field(default=None, repr=False)
    """An own PostgreSQL (15 or newer, with pgvector); None starts the embedded one."""
    blobs: str | None = None
    """Where evidence is kept: `s3://bucket/prefix?endpoint=URL&region=NAME`; None is the data folder."""
    database_pool_size: Annotated[int, Field(ge=2, le=200)] = 12
    """Connections a process may open."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 7420
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    """Server processes that share one listening socket."""
    plugins: tuple[str, ...] = Field(default_factory=default_plugins)
    """Enabled plugins by entry-point name; by default those that ship with AgentOS."""
    worker: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_is_own_name)] = (
        Field(default_factory=_user_name)
    )
    """Name of the local principal: command line, stdio, and loopback callers without a token."""
    role: Role | None = None
    """Role of the local principal; by default `admin` on the command line, else `worker`."""
    profile: AnyProfile | None = None
    """Which tools the local principal is shown; by default those of its role. It grants nothing."""
    token: str | None = Field(default=None, repr=False)
    """Bearer token that `agentos call` and `agentos mcp` use in place of the local principal."""
    token_file: Path | None = None
    """File that holds it, where `token` is not set; its owner alone may read it."""
    require_token: bool = False
    """Refuse callers without a token on loopback too; always on beyond loopback."""
    oauth: dict[str, Any] = Field(default_factory=dict)
    """Access tokens of an identity provider that are accepted beside own ones; see `[oauth]`."""
    allowed_hosts: tuple[str, ...] = ()
    """Host names, besides loopback, under which the server may be addressed."""
    allowed_origins: tuple[str, ...] = ()
    """Origins of browsers that may call; none by default."""
    max_body_bytes: Annotated[int, Field(ge=1024)] = 4 * 1024 * 1024
    policy: Path | None = None
    """The organisation's rules: a `.policy` file, or a folder of them; None is `policy` in `home`."""
    facts: dict[str, FactValue | DeclaredFact] = Field(default_factory=dict)
    """Facts about this deployment that rules may ask for: a value, or a type and perhaps a value."""
    budgets: dict[str, Any] = Field(default_factory=dict)
    """Caps of money by layer, as governance reads them; a layer that is not named keeps its own."""
    locks: dict[str, Any] = Field(default_factory=dict)
    """Tools and paths that stay locked until opened for a time, as governance reads them."""
    governance: dict[str, Any] = Field(default_factory=dict)
    """How long approvals live, `approval_ttl`, as governance reads it."""
    review: dict[str, Any] = Field(default_factory=dict)
    """When reviewers are reminded, who is asked next, when reviews expire, as governance reads it."""
    gatekeeper: dict[str, Any] = Field(default_factory=dict)
    """Which checks of submitted work are left out, and when mypy runs, as governance reads it."""
    memory: dict[str, Any] = Field(default_factory=dict)
    """What the memory plugin reads, such as `[memory.embedder]`: which model embeds, and where."""
    fabric: dict[str, Any] = Field(default_factory=dict)
    """What the fabric plugin reads, such as `[fabric.completer]`: which model answers, and where."""
    direct_calls: bool = True
    """Answer plain tool calls over HTTP without the MCP SDK's plumbing; False is slower."""
    shutdown_timeout_s: Annotated[float, Field(gt=0)] = 20.0
    """How long calls in flight may take to finish once the server is told to stop."""
    hook_timeout_s: Annotated[float, Field(gt=0, le=600)] = 10.0
    """How long a plugin's authorizer, middleware or `resolve_principal` may take; then refused."""
    reaction_timeout_s: Annotated[float, Field(gt=0, le=3_600)] = 120.0
    """How long a plugin's reaction to an event may take; then it is cancelled."""
    plugin_error_budget: Annotated[int, Field(ge=0, le=10_000)] = 20
    """Failures after which a plugin that only observes is disabled; 0: never."""
    plugin_error_window_s: Annotated[float, Field(gt=0, le=86_400)] = 600.0
    """The time within which so many failures are too many."""
    signed_head_every_s: Annotated[float, Field(ge=1, le=86_400)] = 10.0
    """How long what was appended may go unsigned; see `agentos audit`."""
    signed_head_every_events: Annotated[int, Field(ge=1)] = 1_000
    """How many events may go unsigned before then."""
    open_stream_limit: Annotated[int, Field(ge=1, le=100_000)] = 100
    """Event streams that one principal may hold open at a server process."""
    idempotency_retention_days: Annotated[int, Field(ge=1, le=3_650)] = 30
    """How long a repeated write is answered with its first result."""
    kept_result_bytes: Annotated[int, Field(ge=0, le=1_048_576)] = 16_384
    """Results of calls under work orders are kept for replay, redacted, up to this size; 0: none."""
    task_after_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    """How long a client that takes tasks waits for an answer before the call becomes one."""
    task_ttl_s: Annotated[int, Field(ge=60, le=30 * 86_400)] = 2 * 86_400
    """How long a task and its result are kept, counted from its creation."""
    task_lease_s: Annotated[float, Field(ge=1, le=600)] = 10.0
    """How long a process that runs tasks may be silent before others take them up."""
    open_task_limit: Annotated[int, Field(ge=1, le=10_000)] = 50
    """Tasks of one principal that may be open at once."""
    call_result_retention_days: Annotated[int, Field(ge=1, le=3_650)] = 30
    """How long they are kept."""
    event_bus: str | None = Field(default=None, repr=False)
    """NATS servers to publish every event to, such as `nats://host:4222`; None: nowhere."""
    event_stream: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,100}$")] = "AGENTOS"
    """JetStream stream that holds the events; made where it is missing."""
    event_subject_prefix: Annotated[
        str, Field(max_length=100, pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$")
    ] = "agentos"
    """First part of the subject of every published event."""
    webhook_allowed_hosts: tuple[str, ...] = ()
    """Hosts, or `host:port`, to which webhooks may go over http and to private addresses."""
    webhook_timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0
    """How long a receiver may take to answer one webhook request."""
    webhook_max_attempts: Annotated[int, Field(ge=1, le=20)] = 8
    """Failed requests after which a delivery is dead until somebody retries it."""
    plugin_settings: dict[str, dict[str, Any]] = Field(default_factory=dict, repr=False)
    """What other plugins read, `[plugin_settings.NAME]`; see `of_plugin`."""
    slack: dict[str, Any] = Field(default_factory=dict)
    """What the Slack bot reads, `[slack]`: which server, which channels, which transport."""
    gateway: dict[str, Any] = Field(default_factory=dict)
    """Other MCP servers to offer, `[gateway.servers.NAME]`, as the gateway plugin reads them."""
    language_servers: dict[str, str] = Field(default_factory=dict)
    """Programs of language servers by name, such as `pyright`; others are looked for on PATH."""
    log_level: str = "info"

    def of_plugin(self, name: str, model: type[M]) -> M:
        """`[plugin_settings.NAME]` as the plugin's own model.

        ConfigurationError names the field that does not fit, in one line.
        """
        try:
            return model.model_validate(self.plugin_settings.get(name, {}))
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            field = ".".join(["plugin_settings", name, *(str(part) for part in problem["loc"])])
            raise ConfigurationError(f"setting {field!r}: {problem['msg']}") from None


def load_settings(
    overrides: Mapping[str, Any] | None = None,
    *,
    config: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """Settings from file, environment and flags; ConfigurationError names a bad one in one line."""
    environ = os.environ if environment is None else environment
    values: dict[str, Any] = _from_file(config)
    values |= _from_environment(environ)
    values |= {name: value for name, value in (overrides or {}).items() if value is not None}
    try:
        return _with_token(Settings.model_validate(values))
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in problem["loc"])
        raise ConfigurationError(f"setting {name!r}: {problem['msg']}") from None


def _with_token(settings: Settings) -> Settings:
    path = settings.token_file
    if settings.token is not None or path is None:
        return settings
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigurationError(f"token_file {path}: others may read it; run chmod 600 on it")
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigurationError(f"token_file {path}: {reason}") from None
    if not token:
        raise ConfigurationError(f"token_file {path}: it is empty")
    return settings.model_copy(update={"token": token})


def _from_file(config: Path | None) -> dict[str, Any]:
    path = config or Path(CONFIG_FILE)
    if config is None and not path.is_file():
        return {}
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(f"configuration file {path} does not exist") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigurationError(f"configuration file {path}: {error}") from None
    granted = sorted(GRANTED & set(values))
    if config is None and granted:
        is_authority = granted[0] in {
            "policy",
            "facts",
            "budgets",
            "locks",
            "governance",
            "review",
            "gatekeeper",
        }
        decides = "what is allowed" if is_authority else "who you are"
        raise ConfigurationError(
            f"{path} in the working folder sets {granted[0]!r}, which decides {decides}; whoever "
            f"made this folder may not: name the file with --config, or set "
            f"{PREFIX}{granted[0].upper()}"
        )
    outward = sorted(OUTWARD & set(values))
    if config is None and outward:
        sent = {
            "memory": "code is",
            "fabric": "what models are asked is",
            "plugin_settings": "data of plugins is",
            "slack": "reviews are",
        }.get(outward[0], "events are")
        raise ConfigurationError(
            f"{path} in the working folder sets {outward[0]!r}, which decides where {sent} sent; "
            f"whoever made this folder may not: name the file with --config, or set "
            f"{PREFIX}{outward[0].upper()}"
        )
    started = sorted(STARTED & set(values))
    if config is None and started:
        raise ConfigurationError(
            f"{path} in the working folder sets {started[0]!r}, which decides which programs are "
            f"started; whoever made this folder may not: name the file with --config, or set "
            f"{PREFIX}{started[0].upper()}"
        )
    return values


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, field in Settings.model_fields.items():
        text = environ.get(PREFIX + name.upper())
        if text is None or text == "":
            continue
        kind = str(field.annotation)
        if "tuple" in kind:
            values[name] = tuple(p.strip() for p in text.split(",") if p.strip())
        else:
            values[name] = _json(name, text) if "dict" in kind else text
    return values


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"{PREFIX}{name.upper()} must hold JSON: {error}") from None
