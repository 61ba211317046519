"""Committed events as server-sent events, resumable by position, none ever skipped."""

from __future__ import annotations

import asyncio
from functools import partial

import orjson
from anyio.streams.memory import MemoryObjectSendStream
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from agentos.calls import Credentials, Role
from agentos.errors import LimitExceededError, RequestError, ToolError, UnavailableError
from agentos.events.bus import EventFeed
from agentos.events.document import event_document
from agentos.events.model import Event
from agentos.http.authentication import principal_of
from agentos.http.responses import error_response, too_many_streams
from agentos.kernel import Kernel
from agentos.mcp.caller import CREDENTIALS_KEY
from agentos.mcp.event_stream import send_events
from agentos.mcp.streams import OpenStreams

RETRY_S = 1.0
MAX_POSITION = 2**63 - 1

# Workers see the outcome of their own calls; the whole log is for those who oversee work.
READERS = frozenset({Role.ADMIN, Role.BOT, Role.PLANNER, Role.REVIEWER})


class EventsPage:
    """`GET /events?after=POSITION`; a `Last-Event-ID` header wins over `after`.

    Ends when the client leaves or the server stops; the client then resumes where it was, at any
    process. A client that reads slowly holds up only itself.
    """

    def __init__(self, kernel: Kernel, stopping: asyncio.Event, streams: OpenStreams) -> None:
        self._kernel = kernel
        self._stopping = stopping
        self._streams = streams

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
        try:
            with self._streams.hold(principal_of(scope).name):
                await self._send(scope, after, receive, send)
        except LimitExceededError as error:
            await too_many_streams(scope, error)(scope, receive, send)

    async def _send(self, scope: Scope, after: int, receive: Receive, send: Send) -> None:
        credentials: Credentials = scope[CREDENTIALS_KEY]
        await send_events(
            partial(_pump, self._kernel.bus, after),
            receive,
            send,
            opening=b": stream of events\n\n",
            stopping=self._stopping,
            is_admitted=partial(self._may_read, credentials),
        )

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
