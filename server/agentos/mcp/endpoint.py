"""The MCP endpoint over HTTP: every protocol revision on one URL, and no sessions.

Any process answers any request. Clients of a revision before 2026-07-28 are served in the SDK's
stateless mode as well, with one worker and with many, since a session would live in one process,
cost memory for every connected client, and end with every restart. What a session gave still works:

- progress: a call with a progress token is answered as an event stream, every other one as JSON;
- cancellation: by closing the response (2026-07-28), or by `notifications/cancelled` (before),
  which finds the call through the session id that `initialize` handed out. With several workers
  it finds the call only where it happens to arrive; the protocol calls cancellation a hint.

- questions to the client: requests on the event stream of the call (`agentos.mcp.dialogue`);
- subscriptions: rows in the database, told on the stream that GET opens. GET answers 405 where no
  resource can change, as the protocol allows; DELETE always does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

import anyio
import orjson
from mcp.server.streamable_http import check_accept_headers
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.types import INVALID_REQUEST
from mcp.types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentos.calls import Credentials
from agentos.errors import LimitExceededError
from agentos.kernel import Kernel
from agentos.mcp import session
from agentos.mcp.caller import (
    CREDENTIALS_KEY,
    DIALOGUE_KEY,
    digest_of_credentials,
    is_admitted,
)
from agentos.mcp.changes import ResourceChanges
from agentos.mcp.dialogue import Dialogue, Replies, reply_key
from agentos.mcp.direct_call import DirectCalls
from agentos.mcp.envelope import Envelope, MalformedMessage, read_envelope
from agentos.mcp.event_stream import send_events
from agentos.mcp.running import RunningCalls, call_key
from agentos.mcp.server import build_server, is_traced
from agentos.mcp.streams import RETRY_AFTER_S, OpenStreams
from agentos.mcp.subscriptions import Subscriptions, session_key
from agentos.tools import Tool

_CONVERSING = frozenset({"tools/call", "prompts/get"})


class McpEndpoint:
    """An ASGI application; open it with `run()` before the first request."""

    def __init__(
        self, kernel: Kernel, stopping: asyncio.Event, streams: OpenStreams | None = None
    ) -> None:
        self._kernel = kernel
        self._streams = streams or OpenStreams(kernel.settings.open_stream_limit)
        self._stopping = stopping
        self._running = RunningCalls()
        self._replies = Replies(kernel.database)
        self._subscriptions = Subscriptions(
            kernel, ResourceChanges(kernel), stopping, self._streams
        )
        server = build_server(
            kernel, edge="mcp", running=self._running, subscriptions=self._subscriptions
        )
        # Where spans are wanted, the SDK makes them.
        is_direct = kernel.settings.direct_calls and not is_traced()
        self._direct = DirectCalls(kernel, server, self._running) if is_direct else None
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
            listening = asyncio.create_task(self._replies.listen())
            try:
                yield
            finally:
                listening.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            request = Request(scope, receive)
            if scope["method"] == "GET" and self._has_something_to_tell(request):
                await self._tell_within_limit(request, receive, send)
                return
            await Response(status_code=405, headers={"allow": "POST"})(scope, receive, send)
            return
        content_type = Headers(scope=scope).get("content-type", "")
        if content_type.partition(";")[0].strip() != "application/json":
            await Response("the content type must be application/json", 415)(scope, receive, send)
            return
        body = await _body_of(receive)
        try:
            envelope = read_envelope(body)
        except MalformedMessage as error:
            answer = Response(error.body(), 400, media_type="application/json")
            await answer(scope, receive, send)
            return
        if self._direct is not None:
            call = self._direct.find(scope, envelope, body)
            if call is not None and await self._direct.answer(call, receive, send):
                return
        await self._answer(envelope, Request(scope), _Replay(body, receive), send)

    async def _answer(
        self, envelope: Envelope, request: Request, receive: _Replay, send: Send
    ) -> None:
        is_modern = _is_modern(request)
        if not is_modern and envelope.method == "initialize":
            send = _with_session_id(send, session.new_session_id(envelope.params))
        if not is_modern and envelope.method == "notifications/cancelled":
            self._cancel(envelope, request)
        if envelope.method is None and not is_modern:
            await self._deliver(envelope, request)
        converses = self._converses(envelope)
        if (envelope.wants_stream or converses) and all(check_accept_headers(request)):
            if converses and not is_modern:
                send = self._dialogue(request, send)
            await self._stream.handle_request(request.scope, receive, send)
        elif is_modern and envelope.method == "tools/call":
            await _until_disconnect(self._json.handle_request, request.scope, receive, send)
        else:
            await self._json.handle_request(request.scope, receive, send)

    def _has_something_to_tell(self, request: Request) -> bool:
        """Whether a stream outside of calls can carry anything: changes of resources and lists."""
        can_change = self._subscriptions.changes.can_happen
        has_session = session.HEADER in request.headers and not _is_modern(request)
        return can_change and has_session and check_accept_headers(request)[1]

    async def _tell_within_limit(self, request: Request, receive: Receive, send: Send) -> None:
        principal = await self._kernel.identify(_credentials(request))
        try:
            with self._streams.hold(principal.name):
                await self._tell(request, receive, send)
        except LimitExceededError as error:
            said = {"code": INVALID_REQUEST, "message": str(error), "data": error.to_error()}
            body = orjson.dumps({"jsonrpc": "2.0", "id": None, "error": said})
            headers = {"retry-after": str(RETRY_AFTER_S)}
            answer = Response(body, 429, headers, "application/json")
            await answer(request.scope, receive, send)

    async def _tell(self, request: Request, receive: Receive, send: Send) -> None:
        credentials = _credentials(request)
        key = session_key(request.headers[session.HEADER], digest_of_credentials(credentials))
        await send_events(
            partial(self._subscriptions.tell, key),
            receive,
            send,
            opening=b": changes of resources\n\n",
            stopping=self._stopping,
            is_admitted=partial(is_admitted, self._kernel, credentials),
        )

    def _converses(self, envelope: Envelope) -> bool:
        """Whether what is called may talk to its client before it answers."""
        if envelope.method not in _CONVERSING:
            return False
        published: Mapping[str, Tool]
        if envelope.method == "tools/call":
            published = self._kernel.tools
        else:
            published = {name: each.function for name, each in self._kernel.prompts.items()}
        function = published.get(str(envelope.params.get("name")))
        return function is not None and function.converses

    def _dialogue(self, request: Request, send: Send) -> Send:
        session_id = request.headers.get(session.HEADER)
        if session_id is None:
            return send
        dialogue = Dialogue(self._replies, session_id, _credentials(request), send)
        request.scope[DIALOGUE_KEY] = dialogue
        return dialogue

    async def _deliver(self, envelope: Envelope, request: Request) -> None:
        session_id = request.headers.get(session.HEADER)
        if session_id is not None and isinstance(envelope.id, str):
            key = reply_key(session_id, _credentials(request), envelope.id)
            await self._replies.deliver(key, envelope.params)

    def _cancel(self, envelope: Envelope, request: Request) -> None:
        session_id = request.headers.get(session.HEADER)
        request_id = envelope.params.get("requestId")
        if session_id is not None and isinstance(request_id, str | int):
            self._running.cancel(call_key(session_id, _credentials(request), request_id))


async def _body_of(receive: Receive) -> bytes:
    """The whole body, which is limited before it comes here; ClientDisconnect where it breaks off."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


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


def _credentials(request: Request) -> Credentials:
    found: Credentials = request.scope.get(CREDENTIALS_KEY) or Credentials()
    return found


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
