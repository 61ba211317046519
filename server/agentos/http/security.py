"""What every request passes before anything reads it: Host, Origin, size.

Host is checked against names rebinding attacks cannot use, Origin against pages that may call.
Both accept loopback and what the settings name. Below: the authentication, then the application.
"""

from __future__ import annotations

import asyncio
import contextlib

import structlog
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentos.http.addresses import host_of, host_of_origin, is_loopback
from agentos.http.responses import error_response
from agentos.isolation.waiting import WaitedTooLongError, bounded
from agentos.settings import Settings

BODY_TIMEOUT_S = 30.0
DISCARD_TIMEOUT_S = 2.0
MAX_DISCARDED_BYTES = 64 * 1024 * 1024

_log = structlog.get_logger(__name__)


class CatchErrors:
    """Answers 500 where the application raises, 503 where the server stops before the answer.

    The traceback goes to the log only.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_started = False

        async def watch(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except asyncio.CancelledError:
            if not has_started:
                message = "the server stopped before the call ended; its outcome is recorded"
                await error_response(scope, 503, "unavailable", message)(scope, receive, send)
            raise
        except ClientDisconnect:
            # Nobody is there to answer, and it is no failure of ours.
            _log.debug("client_gone", path=scope["path"][:200])
        except Exception as error:  # noqa: BLE001 - the HTTP edge's last resort; it logs
            _log.error("request_failed", path=scope["path"][:200], exc_info=error)
            if not has_started:
                answer = error_response(scope, 500, "internal", "internal error; the log has it")
                await answer(scope, receive, send)


class CheckOrigin:
    """Answers 421 under a foreign Host and 403 to a foreign Origin."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._hosts = {settings.host.lower(), *(host.lower() for host in settings.allowed_hosts)}
        self._origins = {origin.rstrip("/").lower() for origin in settings.allowed_origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_ours(host_of(hosts[0])):
            message = "this server does not answer under that Host; see the setting allowed_hosts"
            await error_response(scope, 421, "misdirected", message)(scope, receive, send)
            return
        if not all(self._may_call(origin) for origin in headers.getlist("origin")):
            message = "pages of that Origin may not call; see the setting allowed_origins"
            await error_response(scope, 403, "origin_refused", message)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_ours(self, host: str | None) -> bool:
        return host is not None and (is_loopback(host) or host in self._hosts)

    def _may_call(self, origin: str) -> bool:
        host = host_of_origin(origin)
        return origin.lower() in self._origins or (host is not None and is_loopback(host))


class LimitBody:
    """Answers 413 to a body over the limit, declared or not, and 408 to one that never ends."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        declared = headers.get("content-length")
        if declared is None and "transfer-encoding" not in headers:
            await self._app(scope, receive, send)
            return
        if declared is not None and (not declared.isdigit() or int(declared) > self._max_bytes):
            await self._too_large(scope, receive, send)
            return
        try:
            # Of most bodies all is there, and a timer would cost more than the reading.
            body = await bounded(self._read(receive), BODY_TIMEOUT_S)
        except WaitedTooLongError:
            message = f"the body did not arrive within {BODY_TIMEOUT_S:g} s"
            await error_response(scope, 408, "timeout", message)(scope, receive, send)
            return
        if body is None:
            await self._too_large(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)

    async def _read(self, receive: Receive) -> list[Message] | None:
        """The messages that make the body, or the disconnect that ends it; None if too large."""
        messages: list[Message] = []
        size = 0
        while True:
            message = await receive()
            messages.append(message)
            size += len(message.get("body", b""))
            if size > self._max_bytes:
                return None
            if not message.get("more_body", False):
                return messages

    async def _too_large(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _discard(receive)
        message = f"the body is larger than {self._max_bytes} bytes"
        answer = error_response(scope, 413, "limit_exceeded", message, {"connection": "close"})
        await answer(scope, receive, send)


async def _discard(receive: Receive) -> None:
    """Read on a little: a client that is still sending when the connection closes sees no answer."""
    size = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DISCARD_TIMEOUT_S):
            while size < MAX_DISCARDED_BYTES:
                message = await receive()
                size += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return


def _replay(messages: list[Message], receive: Receive) -> Receive:
    waiting = iter(messages)

    async def next_message() -> Message:
        for message in waiting:
            return message
        return await receive()

    return next_message
