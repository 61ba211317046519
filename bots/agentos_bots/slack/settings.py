"""What the bot reads: the table `[slack]`, and secrets from the environment or from files.

Above: the command. Below: `agentos.Settings`. A secret is never part of a log line or an error.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agentos import ConfigurationError, Settings

Transport = Literal["socket", "http"]
_PREFIXES = {"SLACK_BOT_TOKEN": "xoxb-", "SLACK_APP_TOKEN": "xapp-"}

Seconds = Annotated[float, Field(gt=0, le=3_600)]
ChannelId = Annotated[str, Field(pattern=r"^[A-Z0-9]{2,30}$")]


class SlackSettings(BaseModel):
    """`[slack]` of `agentos.toml`, without secrets."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    server: Annotated[str, Field(pattern=r"^https?://")] = "http://127.0.0.1:7420"
    """The server whose reviews the bot shows."""
    mode: Transport = "socket"
    """How Slack reaches the bot: a socket that the bot opens, or signed HTTP requests."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 7421
    """Where the bot listens: `/healthz`, `/metrics` and, in mode http, `/slack/events`."""
    channel: ChannelId | None = None
    """The id of the channel for whatever no other setting sends elsewhere."""
    channels: dict[str, ChannelId] = Field(default_factory=dict)
    """Channels by kind of review, such as `authorize_action`."""
    repositories: dict[str, ChannelId] = Field(default_factory=dict)
    """Channels by repository, its path or the last part of it; they win over `channels`."""
    team_domains: tuple[str, ...] = ()
    """Domains of e-mail addresses that may link a person by themselves; none named: all."""
    bot_token_file: Path | None = None
    app_token_file: Path | None = None
    signing_secret_file: Path | None = None
    api_url: Annotated[str, Field(pattern=r"^https?://.*/$")] = "https://slack.com/api/"
    call_timeout_s: Seconds = 10.0
    """How long a call to the server may take, repetitions included, while a person waits."""
    slack_timeout_s: Seconds = 10.0
    retry_min_s: Seconds = 0.5
    retry_max_s: Seconds = 30.0
    """The first and the longest pause between attempts to reach the server or Slack."""
    ping_every_s: Seconds = 5.0
    """How often the socket is tried; a dead one is replaced after a few times that."""
    resync_every_s: Seconds = 900.0
    """How often the bot compares what waits with what it has posted."""
    post_lease_s: Annotated[int, Field(ge=1, le=600)] = 30
    """How long one bot may take to post a message before another may."""
    settle_after_s: Annotated[int, Field(ge=1, le=3_600)] = 60
    """How long after an update without an answer the message is rendered once more."""
    shutdown_timeout_s: Seconds = 10.0

    def channel_of(self, card: Mapping[str, Any]) -> str | None:
        """Where a review is posted; None where no setting says."""
        repository, kind = str(card.get("repo") or ""), str(card.get("kind") or "")
        for name in (repository, PurePath(repository).name):
            if name in self.repositories:
                return self.repositories[name]
        return self.channels.get(kind) or self.channel


@dataclass(frozen=True, slots=True)
class Secrets:
    """What proves who the bot is; `repr` tells none of it."""

    server_token: str = field(repr=False)
    bot_token: str = field(repr=False)
    app_token: str = field(default="", repr=False)
    signing_secret: str = field(default="", repr=False)

    def all(self) -> tuple[str, ...]:
        """Every text that must never be shown."""
        every = (self.server_token, self.bot_token, self.app_token, self.signing_secret)
        return tuple(text for text in every if text)


def parse_slack(settings: Settings, **flags: Any) -> SlackSettings:
    """The bot's settings, with the flags of the command; ConfigurationError names a bad one."""
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return SlackSettings.model_validate({**settings.slack, **given})
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(["slack", *(str(part) for part in problem["loc"])])
        raise ConfigurationError(f"setting {name!r}: {problem['msg']}") from None


def load_secrets(
    settings: Settings, slack: SlackSettings, environment: Mapping[str, str] | None = None
) -> Secrets:
    """Everything the chosen transport needs; ConfigurationError names what is missing."""
    environ = os.environ if environment is None else environment
    if settings.token is None:
        raise ConfigurationError(
            "AGENTOS_TOKEN is not set; make one with "
            "`agentos token create --worker slack --role bot`"
        )
    bot_token = _secret("SLACK_BOT_TOKEN", slack.bot_token_file, environ)
    if slack.mode == "socket":
        app_token = _secret("SLACK_APP_TOKEN", slack.app_token_file, environ)
        return Secrets(settings.token, bot_token, app_token=app_token)
    signing_secret = _secret("SLACK_SIGNING_SECRET", slack.signing_secret_file, environ)
    return Secrets(settings.token, bot_token, signing_secret=signing_secret)


def _secret(name: str, path: Path | None, environ: Mapping[str, str]) -> str:
    value = environ.get(name, "").strip()
    named = environ.get(f"{name}_FILE", "").strip()
    if not value and (named or path is not None):
        value = _read_secret(name, Path(named) if named else path)  # type: ignore[arg-type]
    if not value:
        setting = name.removeprefix("SLACK_").lower()
        raise ConfigurationError(
            f"{name} is not set; set it, or {name}_FILE, or `{setting}_file` in [slack]"
        )
    prefix = _PREFIXES.get(name, "")
    if not value.startswith(prefix):
        raise ConfigurationError(f"{name} is not one: it must begin with {prefix}")
    return value


def _read_secret(name: str, path: Path) -> str:
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigurationError(f"{name}: others may read {path}; run chmod 600 on it")
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigurationError(f"{name}: {path}: {reason}") from None
