"""Health, readiness, metrics, and the read-only pages of plugins."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agentos._version import __version__
from agentos.errors import ConfigurationError, ToolError, VerificationError
from agentos.http.authentication import PUBLIC_PATHS, principal_of
from agentos.http.protected_resource import metadata_paths, metadata_routes
from agentos.http.responses import MCP_PATH, error_response, json_response
from agentos.kernel import Kernel
from agentos.metrics import CONTENT_TYPE
from agentos.registry import HttpRequest, InboundRequest, InboundRoute
from agentos.registry import Route as PluginRoute

EVENTS_PATH = "/events"
METRICS_PATH = "/metrics"
READY_TIMEOUT_S = 5.0

_STATUS = {
    "not_found": 404,
    "invalid_argument": 400,
    "conflict": 409,
    "invalid_state": 409,
    "lease_lost": 409,
    "limit_exceeded": 429,
    "unavailable": 503,
}

_Handler = Callable[[Request], Awaitable[Response]]


def kernel_routes(kernel: Kernel, stopping: asyncio.Event) -> list[Route]:
    """The kernel's own pages."""

    async def healthz(request: Request) -> Response:
        return json_response({"status": "ok", "version": __version__})

    async def readyz(request: Request) -> Response:
        reasons = ["the server is stopping"] if stopping.is_set() else await _not_ready(kernel)
        # What only observes may be switched off without the server being any less ready.
        disabled = sorted(kernel.hooks.isolation.disabled)
        answer = {"ready": not reasons, "reasons": reasons, "disabled_plugins": disabled}
        return json_response(answer, 503 if reasons else 200)

    async def metrics(request: Request) -> Response:
        body = await kernel.metrics.scrape()
        return Response(body, headers={"content-type": CONTENT_TYPE})

    return [
        Route("/healthz", healthz, methods=["GET"]),
        Route("/readyz", readyz, methods=["GET"]),
        Route(METRICS_PATH, metrics, methods=["GET"]),
        *metadata_routes(kernel.oauth.settings if kernel.oauth is not None else None),
    ]


def plugin_routes(kernel: Kernel) -> list[Route]:
    """The pages that plugins declare; ConfigurationError where two want one path."""
    oauth = metadata_paths(kernel.oauth.settings if kernel.oauth is not None else None)
    taken = {MCP_PATH, EVENTS_PATH, METRICS_PATH, *PUBLIC_PATHS, *oauth}
    routes = []
    pages = [(each.path, _page(kernel, each), "GET") for each in kernel.routes]
    inbound = [(each.path, _inbox(kernel, each), "POST") for each in kernel.inbound_routes]
    for path, handler, method in [*pages, *inbound]:
        if path in taken:
            raise ConfigurationError(
                f"two plugins, or a plugin and the server, claim the page {path!r}"
            )
        taken.add(path)
        routes.append(Route(path, handler, methods=[method]))
    return routes


def _page(kernel: Kernel, route: PluginRoute) -> _Handler:
    async def show(request: Request) -> Response:
        seen = HttpRequest(
            kernel=kernel,
            principal=principal_of(request.scope),
            path_parameters={k: str(v) for k, v in request.path_params.items()},
            query=dict(request.query_params),
        )
        try:
            answer = await route.handler(seen)
        except ToolError as error:
            status = _STATUS.get(error.code, 403)
            return error_response(request.scope, status, error.code, error.message)
        return Response(answer.body, answer.status, dict(answer.headers), answer.media_type)

    return show


def _inbox(kernel: Kernel, route: InboundRoute) -> _Handler:
    async def take(request: Request) -> Response:
        seen = InboundRequest(
            kernel=kernel,
            path_parameters={k: str(v) for k, v in request.path_params.items()},
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.body(),
        )
        try:
            answer = await route.handler(seen)
        except VerificationError as error:
            return error_response(request.scope, 401, error.code, error.message)
        except ToolError as error:
            status = _STATUS.get(error.code, 403)
            return error_response(request.scope, status, error.code, error.message)
        return Response(answer.body, answer.status, dict(answer.headers), answer.media_type)

    return take


async def _not_ready(kernel: Kernel) -> list[str]:
    try:
        async with asyncio.timeout(READY_TIMEOUT_S):
            return await kernel.is_ready()
    except TimeoutError:
        return [f"the database did not answer within {READY_TIMEOUT_S:g} s"]
