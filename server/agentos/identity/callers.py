"""Who calls: what a plugin says, an access token, a token of ours, or the local principal.

Above: the kernel, which asks before every call. Below: tokens, OAuth, the plugins' hook.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from agentos.calls import Credentials, Principal, Role
from agentos.clock import Clock
from agentos.errors import AgentOSError, RequestError
from agentos.identity.oauth.access_tokens import AccessTokens, is_access_token
from agentos.identity.oauth.settings import OAUTH_PREFIX
from agentos.identity.tokens import Tokens
from agentos.isolation import PluginHooks
from agentos.settings import Settings

if TYPE_CHECKING:
    from agentos.kernel import Kernel

_log = structlog.get_logger(__name__)


class Callers:
    """Finds the principal of credentials; RequestError where there is none."""

    def __init__(
        self,
        settings: Settings,
        hooks: PluginHooks,
        tokens: Tokens,
        oauth: AccessTokens | None,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._hooks = hooks
        self._tokens = tokens
        self._oauth = oauth
        self._clock = clock

    async def identify(self, credentials: Credentials, kernel: Kernel) -> Principal:
        """The caller of a request; the first of plugins, tokens and the local principal that knows."""
        if credentials.known is not None:
            return await self._identify_again(credentials.known, credentials.is_local)
        principal = await self._resolve(credentials, kernel)
        if principal is not None:
            return principal
        if credentials.bearer_token is not None:
            return await self._authenticate(credentials.bearer_token)
        if credentials.is_local:
            role = self._settings.role or Role.WORKER
            return Principal(self._settings.worker, role, profile=self._settings.profile)
        raise RequestError("a bearer token is required; create one with `agentos token create`")

    async def _authenticate(self, bearer_token: str) -> Principal:
        now = self._clock.now()
        if self._oauth is not None and is_access_token(bearer_token):
            return await self._oauth.authenticate(bearer_token, now=now)
        return await self._tokens.authenticate(bearer_token, now=now)

    async def _identify_again(self, known: Principal, is_local: bool) -> Principal:
        """Whom the kernel identified before, if they would be today."""
        now = self._clock.now()
        if self._oauth is not None and known.name.startswith(OAUTH_PREFIX):
            return self._oauth.authenticate_again(known, now=now)
        if known.token_id is not None:
            found = await self._tokens.authenticate_again(known.token_id, now=now)
            if (found.name, found.role, found.person) == (known.name, known.role, known.person):
                return found
        elif is_local:
            return known
        raise RequestError(f"{known.name} cannot be identified again without its token")

    async def _resolve(self, credentials: Credentials, kernel: Kernel) -> Principal | None:
        try:
            return await self._hooks.resolve(credentials, kernel)
        except AgentOSError:
            raise
        except Exception as error:
            _log.error("resolve_principal_failed", exc_info=error)
            raise RequestError("the caller could not be identified; the log says why") from error
