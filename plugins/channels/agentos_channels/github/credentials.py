"""What proves to GitHub who the channel is: a token as it is, or an app's, asked for when needed.

Above: the API. Below: the settings, PyJWT. An app signs a statement of ten minutes with its private key,
and gets a token of an hour for its installation. Source: docs.github.com/en/apps, "Authenticating as a
GitHub App installation".
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import jwt

from agentos import Clock, ConfigurationError, PluginError
from agentos_channels.settings import GithubSettings, read_secret

INSTALLATION_PREFIX = "ghs_"
"""Tokens of installations of apps, those of Actions among them, begin so."""
_STATEMENT_AGE = timedelta(minutes=9)
_MAX_SKEW = timedelta(minutes=1)
_RENEW_BEFORE = timedelta(minutes=5)

Post = Callable[[str, str, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""Posts to a path of the API, with a token; what GitHub answers."""


class Credentials(Protocol):
    """How the API gets its token."""

    @property
    def is_app(self) -> bool:
        """Whether it is an app's, which alone may make check runs."""
        ...

    async def token(self, post: Post) -> str:
        """A token that should be good now."""
        ...

    def refused(self) -> bool:
        """GitHub did not take it; whether the next one may be another."""
        ...


class GivenToken:
    """The token of the settings; a file is read again once GitHub refuses what was in it."""

    def __init__(self, settings: GithubSettings) -> None:
        self._settings = settings
        self._token = self._read()

    @property
    def is_app(self) -> bool:
        return self._token.startswith(INSTALLATION_PREFIX)

    async def token(self, post: Post) -> str:
        return self._token

    def refused(self) -> bool:
        before, self._token = self._token, self._read()
        return self._token != before

    def _read(self) -> str:
        settings = self._settings
        return read_secret("github.token_env", settings.token_env, settings.token_file)


class AppInstallation:
    """Tokens of an app's installation, each used until shortly before its end."""

    is_app = True

    def __init__(
        self, app: str, installation: int, key_file: Path, repository: str, clock: Clock
    ) -> None:
        self._app, self._installation, self._clock = app, installation, clock
        self._key = _private_key(key_file)
        # The installation may have others too, which are nothing to this channel.
        self._wanted = {"repositories": [repository.partition("/")[2]]}
        self._token: str | None = None
        self._renewed_at = datetime.min.replace(tzinfo=UTC)
        self._asking = asyncio.Lock()

    async def token(self, post: Post) -> str:
        async with self._asking:
            if self._token is None or self._clock.now() >= self._renewed_at:
                path = f"/app/installations/{self._installation}/access_tokens"
                self._keep(await post(path, self._statement(), self._wanted))
            assert self._token is not None
            return self._token

    def refused(self) -> bool:
        was_used, self._token = self._token is not None, None
        return was_used

    def _keep(self, said: Mapping[str, Any]) -> None:
        try:
            ends = datetime.fromisoformat(str(said["expires_at"]))
            self._token, self._renewed_at = str(said["token"]), ends - _RENEW_BEFORE
        except (KeyError, ValueError):
            raise PluginError("GitHub's answer holds no token of the installation") from None

    def _statement(self) -> str:
        now = self._clock.now()
        claims = {"iss": self._app, "iat": now - _MAX_SKEW, "exp": now + _STATEMENT_AGE}
        return jwt.encode(claims, self._key, algorithm="RS256")


def credentials_of(settings: GithubSettings, clock: Clock) -> Credentials:
    """As the settings say; ConfigurationError where they lack something."""
    if settings.app_id is None:
        return GivenToken(settings)
    if settings.installation_id is None or settings.private_key_file is None:
        raise ConfigurationError(
            "setting 'plugin_settings.channels.github': app_id needs installation_id and "
            "private_key_file"
        )
    return AppInstallation(
        settings.app_id,
        settings.installation_id,
        settings.private_key_file,
        settings.repository,
        clock,
    )


def _private_key(file: Path) -> str:
    key = read_secret("github.private_key_file", "", file)
    try:
        jwt.encode({}, key, algorithm="RS256")
    except (ValueError, TypeError, jwt.PyJWTError):
        raise ConfigurationError(
            f"setting 'plugin_settings.channels.github.private_key_file': {file} holds no RSA key"
        ) from None
    return key
