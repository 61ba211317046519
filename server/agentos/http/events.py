"""Committed events as server-sent events, resumable by position, none ever skipped."""

from __future__ import annotations

import asyncio

import anyio
import orjson
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from agentos.calls import Credentials, Role
from agentos.errors import RequestError, ToolError, UnavailableError
from agentos.events.bus import EventFeed
from agentos.events.document import event_document
from agentos.events.model import Event
from agentos.http.authentication import principal_of
from agentos.http.responses import error_response
from agentos.kernel import Kernel
from agentos.mcp.server import CREDENTIALS_KEY

HEARTBEAT_S = 15.0
RETRY_S = 1.0
BUFFERED_EVENTS = 64
MAX_POSITION = 2**63 - 1

# Workers see the outcome of their own calls; the whole log is for those who oversee work.
READERS = frozenset({Role.ADMIN, Role.BOT, Role.PLANNER, Role.REVIEWER})

_HEADERS = {
    "content-type": "text/event-stream",
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
}


class EventsPage:
    """`GET /events?after=POSITION`; a `Last-Event-ID` header wins over `after`.

    Ends when the client leaves or the server stops; the client then resumes where it was, at any
    process. A client that reads slowly holds up only itself.
    """

    def __init__(self, kernel: Kernel, stopping: asyncio.Event) -> None:
        self._kernel = kernel
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if principal_of(scope).role not in READERS:
            message = "the event stream needs a token of role admin, bot, planner or reviewer"
            await error_response(scope, 403, "call_refused", message)(scope, receive, send)
            return
        after = _position(Request(scope))
        if after is None:
            message = "`after` and Last-Event-ID are positions: whole numbers, 0 or more"
            await error_response(scope, 400, "invalid_argument", message)(scope, receive, send)
            return
        start = Response(headers=_HEADERS)
        headers = [h for h in start.raw_headers if h[0] != b"content-length"]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._stream(after, scope[CREDENTIALS_KEY], receive, send)

    async def _stream(
        self, after: int, credentials: Credentials, receive: Receive, send: Send
    ) -> None:
        into, out = anyio.create_memory_object_stream[bytes](BUFFERED_EVENTS)
        async with into, out, anyio.create_task_group() as tasks:

            async def end() -> None:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                tasks.cancel_scope.cancel()

            async def end_when_stopping() -> None:
                await self._stopping.wait()
                await end()

            async def end_when_left() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                tasks.cancel_scope.cancel()

            async def end_when_refused() -> None:
                await self._wait_until_refused(credentials)
                await end()

            tasks.start_soon(end_when_refused)
            tasks.start_soon(_pump, self._kernel.bus, after, into)
            tasks.start_soon(_write, out, send)
            tasks.start_soon(end_when_stopping)
            tasks.start_soon(end_when_left)

    async def _wait_until_refused(self, credentials: Credentials) -> None:
        while await self._may_read(credentials):  # noqa: ASYNC110 - a token ends without a signal
            await asyncio.sleep(HEARTBEAT_S)

    async def _may_read(self, credentials: Credentials) -> bool:
        """Whether the token is still good: a stream may outlive its expiry or revocation."""
        try:
            return (await self._kernel.identify(credentials)).role in READERS
        except RequestError:
            return False
        except ToolError:
            return True  # the database is away, and with it every event


async def _pump(bus: EventFeed, after: int, into: MemoryObjectSendStream[bytes]) -> None:
    """Follow the log, over restarts of the database, from wherever it was."""
    while True:
        try:
            async for event in bus.follow(after):
                await into.send(encode_event(event))
                after = event.position
        except UnavailableError:
            await asyncio.sleep(RETRY_S)


async def _write(out: MemoryObjectReceiveStream[bytes], send: Send) -> None:
    frame = b": stream of events\n\n"
    while True:
        await send({"type": "http.response.body", "body": frame, "more_body": True})
        frame = b": heartbeat\n\n"
        with anyio.move_on_after(HEARTBEAT_S):
            frame = await out.receive()


def encode_event(event: Event) -> bytes:
    """One event as a server-sent event: its position as id, its type, and all of it as JSON."""
    # orjson escapes line ends, so the JSON is one `data:` line.
    head = f"id: {event.position}\nevent: {event.type}\ndata: ".encode()
    return head + orjson.dumps(event_document(event), default=dict) + b"\n\n"


def _position(request: Request) -> int | None:
    text = request.headers.get("last-event-id") or request.query_params.get("after", "0")
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        return None
    return min(int(text), MAX_POSITION)
