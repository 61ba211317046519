"""A real HTTP server on loopback that receives webhooks and answers as a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        document: dict[str, Any] = orjson.loads(self.body)
        return document


Answer = Callable[[Received], Awaitable[bytes]]


def answer(status: int, body: str = "", *headers: str) -> bytes:
    """A whole HTTP response."""
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body.encode())}", *headers, "", body]
    return "\r\n".join(lines).encode()


class Receiver:
    """What arrived, in order; `behave` decides what is answered."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.port = 0
        self.behave: Answer = self._take
        self._arrived = asyncio.Condition()

    async def _take(self, request: Received) -> bytes:
        return answer(200)

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def positions(self, path: str = "/hook") -> list[int]:
        return [r.event["position"] for r in self.requests if r.path == path]

    async def until(self, count: int, path: str = "/hook") -> list[Received]:
        """The requests to a path, once there are so many."""
        async with asyncio.timeout(60), self._arrived:
            await self._arrived.wait_for(lambda: len(self._to(path)) >= count)
        return self._to(path)

    def _to(self, path: str) -> list[Received]:
        return [request for request in self.requests if request.path == path]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers: dict[str, str] = {}
            for line in head[1:]:
                name, _, value = line.partition(": ")
                if name:
                    headers[name.lower()] = value
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            request = Received(head[0].split(" ")[1], headers, body)
            async with self._arrived:
                self.requests.append(request)
                self._arrived.notify_all()
            writer.write(await self.behave(request))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def open_receiver() -> AsyncIterator[Receiver]:
    """A receiver on a free port."""
    receiver = Receiver()
    connections: set[asyncio.Task[None]] = set()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(receiver.serve(reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await server.wait_closed()
