"""Puts the HTTP edge together: checks around the MCP endpoint and the pages.

Above: uvicorn, started by `agentos.http.serve`. Below: the MCP endpoint, the pages, the kernel.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from agentos.http.authentication import Authenticate
from agentos.http.events import EventsPage
from agentos.http.pages import EVENTS_PATH, kernel_routes, plugin_routes
from agentos.http.responses import MCP_PATH, error_response
from agentos.http.security import CatchErrors, CheckOrigin, LimitBody
from agentos.kernel import Kernel
from agentos.mcp.endpoint import McpEndpoint
from agentos.mcp.streams import OpenStreams


def create_app(kernel: Kernel, stopping: asyncio.Event | None = None) -> ASGIApp:
    """The ASGI application of an open kernel, with a lifespan; one per kernel.

    Once `stopping` is set, event streams end and `/readyz` answers 503, while calls go on.
    Raises ConfigurationError where plugins claim one page twice.
    """
    ending = stopping or asyncio.Event()
    streams = OpenStreams(kernel.settings.open_stream_limit)
    endpoint = McpEndpoint(kernel, ending, streams)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with endpoint.run():
            yield

    pages = Starlette(
        routes=[
            *kernel_routes(kernel, ending),
            Route(EVENTS_PATH, EventsPage(kernel, ending, streams), methods=["GET"]),
            *plugin_routes(kernel),
        ],
        exception_handlers={HTTPException: _http_error, Exception: _internal_error},
        lifespan=lifespan,
    )

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        # The endpoint is the hot path: it does not go through the pages' router.
        await (endpoint if scope["path"] == MCP_PATH else pages)(scope, receive, send)

    guarded = _guard(route, kernel)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (guarded if scope["type"] == "http" else pages)(scope, receive, send)

    return app


def _guard(app: ASGIApp, kernel: Kernel) -> ASGIApp:
    settings = kernel.settings
    guarded: ASGIApp = Authenticate(app, kernel)
    guarded = LimitBody(guarded, settings.max_body_bytes)
    if settings.allowed_origins:
        guarded = CORSMiddleware(
            guarded,
            allow_origins=list(settings.allowed_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=["mcp-session-id"],
        )
    return CatchErrors(CheckOrigin(guarded, settings))


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = "not_found" if error.status_code == 404 else "invalid_request"
    return error_response(request.scope, error.status_code, code, error.detail, error.headers)


async def _internal_error(request: Request, error: Exception) -> Response:
    return error_response(request.scope, 500, "internal", "internal error; the log has it")
