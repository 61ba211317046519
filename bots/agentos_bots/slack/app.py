"""The bolt app and its two transports: a socket that the bot opens, or signed HTTP.

Above: the bot. Below: slack-bolt, the listeners, the guard. Both transports bring the same payloads
to the same listeners.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import structlog
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agentos_bots.slack.figures import CONTENT_TYPE, Figures
from agentos_bots.slack.guard import STATUS, Guard

EVENTS_PATH = "/slack/events"

_log = structlog.get_logger(__name__)


def create_bolt_app(
    client: AsyncWebClient, signing_secret: str, workspace: dict[str, Any]
) -> AsyncApp:
    """A bolt app without listeners; `workspace` is what `auth.test` answered at start.

    So the first click after a start needs no call of Slack's before it is acknowledged.
    """
    known = AuthorizeResult(
        enterprise_id=workspace.get("enterprise_id"),
        team_id=workspace.get("team_id"),
        bot_user_id=workspace.get("user_id"),
        bot_id=workspace.get("bot_id"),
        bot_token=client.token,
    )

    async def authorize(enterprise_id: str, team_id: str, user_id: str) -> AuthorizeResult:
        return known

    return AsyncApp(
        name="agentos",
        logger=logging.getLogger("slack_bolt"),
        # Without a token of its own: `authorize` knows it, and nothing is sent by this client.
        client=AsyncWebClient(base_url=client.base_url, retry_handlers=[]),
        # The socket has no signatures; bolt wants some text all the same.
        signing_secret=signing_secret or "not used",
        authorize=authorize,
    )


def create_http_app(
    bolt: AsyncApp | None,
    guard: Guard | None,
    figures: Figures,
    is_ready: Callable[[], bool],
) -> Starlette:
    """`/healthz` (the process), `/readyz` (its connections), `/metrics`, and `/slack/events` over HTTP.

    Without `bolt` and `guard` Slack reaches the bot by the socket alone.
    """

    async def health(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readiness(request: Request) -> Response:
        ready = is_ready()
        return JSONResponse({"ready": ready}, status_code=200 if ready else 503)

    async def metrics(request: Request) -> Response:
        return Response(figures.render(), media_type=CONTENT_TYPE)

    routes = [
        Route("/healthz", health),
        Route("/readyz", readiness),
        Route("/metrics", metrics),
    ]
    if bolt is not None and guard is not None:
        routes.append(Route(EVENTS_PATH, _receiver(bolt, guard, figures), methods=["POST"]))
    return Starlette(routes=routes)


def _receiver(bolt: AsyncApp, guard: Guard, figures: Figures) -> Callable[..., Any]:
    adapter = AsyncSlackRequestHandler(bolt)

    async def receive(request: Request) -> Response:
        refusal = await guard.refusal(request)
        if refusal is not None:
            figures.count_refused_request(refusal)
            _log.warning("request_refused", reason=refusal)
            return JSONResponse({"error": refusal}, status_code=STATUS[refusal])
        try:
            return await adapter.handle(request)
        except Exception as error:  # signed, and yet nothing that bolt can read
            _log.error("request_not_understood", exc_info=error)
            return JSONResponse({"error": "not understood"}, status_code=400)

    return receive
