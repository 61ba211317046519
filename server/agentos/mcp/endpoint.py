"""The MCP endpoint over HTTP: every protocol revision on one URL, and no sessions.

Any process answers any request. Clients of a revision before 2026-07-28 are served in the SDK's
stateless mode as well, with one worker and with many, since a session would live in one process,
cost memory for every connected client, and end with every restart. What a session gave still works:

- progress: a call with a progress token is answered as an event stream, every other one as JSON;
- cancellation: by closing the response (2026-07-28), or by `notifications/cancelled` (before),
  which finds the call through the session id that `initialize` handed out. With several workers
  it finds the call only where it happens to arrive; the protocol calls cancellation a hint.

There is nothing for a client to listen to outside its calls, so GET answers 405, as the protocol
allows; DELETE does too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from mcp.server.streamable_http import check_accept_headers
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentos.kernel import Kernel
from agentos.mcp import session
from agentos.mcp.envelope import Envelope, MalformedMessage, read_envelope
from agentos.mcp.running import RunningCalls
from agentos.mcp.server import build_server


class McpEndpoint:
    """An ASGI application; open it with `run()` before the first request."""

    def __init__(self, kernel: Kernel) -> None:
        self._running = RunningCalls()
        server = build_server(kernel, edge="mcp", running=self._running)
        limit = kernel.settings.max_body_bytes
        self._json = StreamableHTTPSessionManager(
            server, json_response=True, stateless=True, max_request_body_size=limit
        )
        self._stream = StreamableHTTPSessionManager(
            server, json_response=False, stateless=True, max_request_body_size=limit
        )

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Serve for as long as the block lasts."""
        async with self._json.run(), self._stream.run():
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if request.method != "POST":
            await Response(status_code=405, headers={"allow": "POST"})(scope, receive, send)
            return
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            await Response("the content type must be application/json", 415)(scope, receive, send)
            return
        body = await request.body()
        try:
            envelope = read_envelope(body)
        except MalformedMessage as error:
            answer = Response(error.body(), 400, media_type="application/json")
            await answer(scope, receive, send)
            return
        await self._answer(envelope, request, _Replay(body, receive), send)

    async def _answer(
        self, envelope: Envelope, request: Request, receive: _Replay, send: Send
    ) -> None:
        is_modern = _is_modern(request)
        if not is_modern and envelope.method == "initialize":
            send = _with_session_id(send, session.new_session_id(envelope.params))
        if not is_modern and envelope.method == "notifications/cancelled":
            self._cancel(envelope, request)
        if envelope.wants_progress and all(check_accept_headers(request)):
            await self._stream.handle_request(request.scope, receive, send)
        elif is_modern and envelope.method == "tools/call":
            await _until_disconnect(self._json.handle_request, request.scope, receive, send)
        else:
            await self._json.handle_request(request.scope, receive, send)

    def _cancel(self, envelope: Envelope, request: Request) -> None:
        session_id = request.headers.get(session.HEADER)
        request_id = envelope.params.get("requestId")
        if session_id is not None and isinstance(request_id, str | int):
            self._running.cancel((session_id, str(request_id)))


class _Replay:
    """Gives an application the body that was read, then what the client does next."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


def _is_modern(request: Request) -> bool:
    version = request.headers.get("mcp-protocol-version")
    return version is not None and version not in HANDSHAKE_PROTOCOL_VERSIONS


async def _until_disconnect(app: ASGIApp, scope: Scope, receive: _Replay, send: Send) -> None:
    """Run `app`, and cancel it once the client closes the connection.

    Closing the response is how a 2026-07-28 client cancels; the SDK looks for it only in streams.
    """
    body = await receive()
    client = receive

    async def first_the_body() -> Message:
        nonlocal body
        message, body = body, {"type": "http.disconnect"}
        return message

    async with anyio.create_task_group() as tasks:

        async def watch() -> None:
            while (await client())["type"] != "http.disconnect":
                pass
            tasks.cancel_scope.cancel()

        tasks.start_soon(watch)
        await app(scope, first_the_body, send)
        tasks.cancel_scope.cancel()


def _with_session_id(send: Send, session_id: str) -> Send:
    async def send_with_header(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 200:
            MutableHeaders(scope=message)[session.HEADER] = session_id
        await send(message)

    return send_with_header
