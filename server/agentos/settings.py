"""Configuration: `agentos.toml`, then `AGENTOS_*` variables, then flags; later ones win."""

from __future__ import annotations

import getpass
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agentos.calls import Role
from agentos.errors import ConfigurationError
from agentos.plugins import default_plugins

CONFIG_FILE = "agentos.toml"
PREFIX = "AGENTOS_"
IDENTITY = frozenset({"worker", "role", "token"})
"""Settings that a file found by chance, such as in a fresh checkout, must not make."""


def _user_data_folder() -> Path:
    return Path(platformdirs.user_data_dir("agentos", appauthor=False))


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"


class Settings(BaseModel):
    """Every setting, with its default; `agentos.toml` uses the same names."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    home: Path = Field(default_factory=_user_data_folder)
    """Data folder: embedded database, worktrees, evidence, keys."""
    database_url: str | None = Field(default=None, repr=False)
    """An own PostgreSQL (15 or newer, with pgvector); None starts the embedded one."""
    database_pool_size: Annotated[int, Field(ge=2, le=200)] = 12
    """Connections a process may open."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 7420
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    """Server processes that share one listening socket."""
    plugins: tuple[str, ...] = Field(default_factory=default_plugins)
    """Enabled plugins by entry-point name; by default those that ship with AgentOS."""
    worker: Annotated[str, Field(min_length=1, max_length=200)] = Field(default_factory=_user_name)
    """Name of the local principal: command line, stdio, and loopback callers without a token."""
    role: Role | None = None
    """Role of the local principal; by default `admin` on the command line, else `worker`."""
    token: str | None = Field(default=None, repr=False)
    """Bearer token that `agentos call` and `agentos mcp` use in place of the local principal."""
    require_token: bool = False
    """Refuse callers without a token on loopback too; always on beyond loopback."""
    allowed_hosts: tuple[str, ...] = ()
    """Host names, besides loopback, under which the server may be addressed."""
    allowed_origins: tuple[str, ...] = ()
    """Origins of browsers that may call; none by default."""
    max_body_bytes: Annotated[int, Field(ge=1024)] = 4 * 1024 * 1024
    shutdown_timeout_s: Annotated[float, Field(gt=0)] = 20.0
    """How long calls in flight may take to finish once the server is told to stop."""
    log_level: str = "info"


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
        return Settings.model_validate(values)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in problem["loc"])
        raise ConfigurationError(f"setting {name!r}: {problem['msg']}") from None


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
    granted = sorted(IDENTITY & set(values))
    if config is None and granted:
        raise ConfigurationError(
            f"{path} in the working folder sets {granted[0]!r}, which decides who you are; whoever "
            f"made this folder may not: name the file with --config, or set "
            f"{PREFIX}{granted[0].upper()}"
        )
    return values


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, field in Settings.model_fields.items():
        text = environ.get(PREFIX + name.upper())
        if text is None or text == "":
            continue
        is_list = "tuple" in str(field.annotation)
        values[name] = tuple(p.strip() for p in text.split(",") if p.strip()) if is_list else text
    return values
