"""Who calls over HTTP: a bearer token, or nobody but this machine's user on a loopback listener.

The principal found here decides about 401; a tool call identifies its caller again inside
`Kernel.dispatch`, so that this layer can never let a call through that the kernel would refuse.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from agentos.calls import Credentials, Principal
from agentos.errors import InsufficientScopeError, RequestError, ToolError
from agentos.http.addresses import is_loopback
from agentos.http.protected_resource import challenge, metadata_paths
from agentos.http.responses import error_response
from agentos.kernel import Kernel
from agentos.mcp.caller import CREDENTIALS_KEY

PRINCIPAL_KEY = "agentos.principal"
PUBLIC_PATHS = frozenset({"/healthz", "/readyz"})
"""Answered without a token: probes have none. They name no work and no person."""

# A proxy on this machine makes the whole network look local.
_FORWARDED = frozenset({b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via"})


class Authenticate:
    """Puts the principal and the credentials into the scope, or answers 401, 403 or 503."""

    def __init__(self, app: ASGIApp, kernel: Kernel) -> None:
        self._app = app
        self._kernel = kernel
        self._oauth = None if kernel.oauth is None else kernel.oauth.settings
        self._public_paths = PUBLIC_PATHS | metadata_paths(self._oauth)
        self._inbound = [compile_path(each.path)[0] for each in kernel.inbound_routes]
        self._admits_local = is_loopback(kernel.settings.host) and not kernel.settings.require_token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in self._public_paths or self._is_inbound(scope):
            await self._app(scope, receive, send)
            return
        try:
            credentials = self._credentials(Headers(scope=scope))
            scope[PRINCIPAL_KEY] = await self._kernel.identify(credentials)
        except InsufficientScopeError as error:
            headers = challenge(self._oauth, "insufficient_scope")
            answer = error_response(scope, 403, error.code, error.message, headers)
            await answer(scope, receive, send)
            return
        except RequestError as error:
            headers = challenge(self._oauth, "invalid_token")
            answer = error_response(scope, 401, error.code, error.message, headers)
            await answer(scope, receive, send)
            return
        except ToolError as error:
            answer = error_response(scope, 503, error.code, error.message, {"retry-after": "2"})
            await answer(scope, receive, send)
            return
        scope[CREDENTIALS_KEY] = credentials
        await self._app(scope, receive, send)

    def _is_inbound(self, scope: Scope) -> bool:
        """Whether it goes to a page whose handler verifies the sender by a signature."""
        path = scope["path"]
        return scope["method"] == "POST" and any(each.match(path) for each in self._inbound)

    def _credentials(self, headers: Headers) -> Credentials:
        given = headers.getlist("authorization")
        if not given:
            is_direct = _FORWARDED.isdisjoint(name for name, _ in headers.raw)
            return Credentials(is_local=self._admits_local and is_direct)
        scheme, _, token = given[0].partition(" ")
        if len(given) != 1 or scheme.lower() != "bearer" or not token.strip():
            raise RequestError("the Authorization header must be `Bearer TOKEN`")
        return Credentials(bearer_token=token.strip())


def principal_of(scope: Scope) -> Principal:
    """The principal that `Authenticate` found."""
    found: Principal = scope[PRINCIPAL_KEY]
    return found
