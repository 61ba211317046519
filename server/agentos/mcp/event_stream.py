"""Server-sent events over ASGI: frames as they come, heartbeats, and the four ways to end.

Above: `GET /events`, `GET /mcp`. A client that reads slowly holds up only itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from starlette.responses import Response
from starlette.types import Receive, Send

HEARTBEAT_S = 15.0
BUFFERED_FRAMES = 64

_HEADERS = {
    "content-type": "text/event-stream",
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
}

Producer = Callable[[MemoryObjectSendStream[bytes]], Awaitable[None]]


async def send_events(
    produce: Producer,
    receive: Receive,
    send: Send,
    *,
    opening: bytes,
    stopping: asyncio.Event,
    is_admitted: Callable[[], Awaitable[bool]],
) -> None:
    """Answer a request with the frames of `produce`.

    Ends when the client leaves, the server stops, `produce` returns, or the caller is no longer
    admitted: a stream may outlive the token that opened it.
    """
    start = Response(headers=_HEADERS)
    headers = [h for h in start.raw_headers if h[0] != b"content-length"]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    into, out = anyio.create_memory_object_stream[bytes](BUFFERED_FRAMES)
    async with into, out, anyio.create_task_group() as tasks:

        async def end() -> None:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            tasks.cancel_scope.cancel()

        async def end_when_produced() -> None:
            await produce(into)
            await end()

        async def end_when_stopping() -> None:
            await stopping.wait()
            await end()

        async def end_when_left() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            tasks.cancel_scope.cancel()

        async def end_when_refused() -> None:
            while await is_admitted():  # noqa: ASYNC110 - a token ends without a signal
                await asyncio.sleep(HEARTBEAT_S)
            await end()

        tasks.start_soon(end_when_refused)
        tasks.start_soon(end_when_produced)
        tasks.start_soon(_write, opening, out, send)
        tasks.start_soon(end_when_stopping)
        tasks.start_soon(end_when_left)


async def _write(opening: bytes, out: MemoryObjectReceiveStream[bytes], send: Send) -> None:
    frame = opening
    while True:
        await send({"type": "http.response.body", "body": frame, "more_body": True})
        frame = b": heartbeat\n\n"
        with anyio.move_on_after(HEARTBEAT_S):
            frame = await out.receive()
