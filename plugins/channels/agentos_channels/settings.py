"""The settings `[plugin_settings.channels]`: which channels there are, and by what secrets.

Above: the plugin, the channels. Below: nothing. Secrets stand in variables of the environment or in
files, never in the settings themselves.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from agentos import ConfigurationError

PLUGIN = "channels"
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")]
Kind = Literal[
    "work", "authorize_action", "approve_plan", "choose_option", "provide_context", "label_outcome"
]
MIN_SECRET_CHARS = 16


def _api_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be https://HOST[/PATH]")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must hold no credentials")
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        raise ValueError("must be https beyond loopback, since a token is sent there")
    return url.rstrip("/")


class GithubSettings(BaseModel):
    """`[plugin_settings.channels.github]`: pull requests of one repository."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    repository: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}$")]
    """`OWNER/NAME`. A work order belongs to the open pull request of its branch."""
    pull_request: Annotated[int | None, Field(ge=1)] = None
    """Of work orders whose branch has none of its own."""
    api_url: Annotated[str, AfterValidator(_api_address)] = "https://api.github.com"
    token_env: Variable = "AGENTOS_GITHUB_TOKEN"
    """Names the variable with a token that may read pull requests and write issues and statuses."""
    token_file: Path | None = None
    """Holds the token, before the variable; its owner alone may read it."""
    app_id: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9._-]{1,40}$")] = None
    """Id, or client id, of a GitHub App, in place of a token; it needs the next two."""
    installation_id: Annotated[int | None, Field(ge=1)] = None
    """Of the app in the repository."""
    private_key_file: Path | None = None
    """Holds the app's private key; its owner alone may read it."""
    secret_env: Variable = "AGENTOS_GITHUB_WEBHOOK_SECRET"
    """Names the variable with the secret of the repository's webhook."""
    secret_file: Path | None = None
    status_context: Annotated[str, Field(min_length=1, max_length=100)] = "agentos/review"
    """Name of the commit status, or check run, that a branch protection may require."""
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0


class WebhookSettings(BaseModel):
    """`[plugin_settings.channels.webhook]`: any service that speaks Standard Webhooks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, Field(min_length=1, max_length=2_000)]
    """Where cards are posted to; plain http only to hosts in `webhook_allowed_hosts`."""
    secret_env: Variable = "AGENTOS_CHANNEL_SECRET"
    """Names the variable with the secret that signs what is sent: `whsec_` and base64."""
    secret_file: Path | None = None
    inbound_secret_env: Variable = "AGENTOS_CHANNEL_INBOUND_SECRET"
    """Names the variable with the other secret, that signs what comes back."""
    inbound_secret_file: Path | None = None
    kinds: tuple[Kind, ...] = ()
    """What is posted there; empty stands for all."""
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0


class ChannelsSettings(BaseModel):
    """`[plugin_settings.channels]`; a channel that is not named is not there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    github: GithubSettings | None = None
    webhook: WebhookSettings | None = None


def read_secret(setting: str, variable: str, file: Path | None) -> str:
    """The secret from the file or the variable; ConfigurationError where there is none to trust."""
    where = f"setting 'plugin_settings.{PLUGIN}.{setting}'"
    secret = os.environ.get(variable, "") if file is None else _read_file(where, file)
    if len(secret) < MIN_SECRET_CHARS:
        source = f"the variable {variable}" if file is None else str(file)
        raise ConfigurationError(
            f"{where}: {source} holds no secret of at least {MIN_SECRET_CHARS} characters"
        )
    return secret


def is_https(url: Any) -> bool:
    """Whether it may stand as a link in a post."""
    return isinstance(url, str) and url.startswith("https://")


def _read_file(where: str, file: Path) -> str:
    try:
        if file.stat().st_mode & 0o077:
            raise ConfigurationError(f"{where}: {file}: others may read it; run chmod 600 on it")
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigurationError(f"{where}: {file}: {reason}") from None
