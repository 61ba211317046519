"""A local HTTP server that stands in for one that a plugin calls.

    async with HttpDouble() as tracker:
        tracker.answer("POST", "/issues", status=201, json={"key": "OPS-12"})
        ...
        assert tracker.requests[0].json() == {"title": "..."}

Real sockets on the loopback interface, so that the plugin's client, time limits and retries are
the ones that will run.
"""

from __future__ import annotations

import asyncio
import json as json_module
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httptools


@dataclass(frozen=True)
class ReceivedRequest:
    """One request; `path` without the query, header names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json_module.loads(self.body)


@dataclass(frozen=True)
class _Answer:
    status: int
    body: bytes
    headers: Mapping[str, str]
    delay_s: float
    drops: bool


class HttpDouble:
    """Answers what it was told to, in order; the last answer of a path is repeated.

    What nobody told it about is answered 404. `requests` are all it got, in order.
    """

    def __init__(self) -> None:
        self.requests: list[ReceivedRequest] = []
        self.url = ""
        self._answers: dict[tuple[str, str], deque[_Answer]] = defaultdict(deque)
        self._server: asyncio.Server | None = None
        self._arrivals = asyncio.Condition()

    def answer(
        self,
        method: str,
        path: str,
        *,
        status: int = 200,
        json: Any = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        delay_s: float = 0.0,
        drops: bool = False,
    ) -> None:
        """Add an answer; `drops` closes the connection in its place, after the request came in."""
        if json is not None:
            body = json_module.dumps(json).encode()
            headers = {"content-type": "application/json", **(headers or {})}
        self._answers[method, path].append(_Answer(status, body, headers or {}, delay_s, drops))

    async def wait_for_requests(self, count: int, *, timeout_s: float = 60.0) -> None:
        """Until `count` requests came in; TimeoutError where they do not. They may wait for answers."""
        async with asyncio.timeout(timeout_s), self._arrivals:
            await self._arrivals.wait_for(lambda: len(self.requests) >= count)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await _read(reader)
            if request is not None:
                self.requests.append(request)
                async with self._arrivals:
                    self._arrivals.notify_all()
                await self._send(writer, self._next(request))
        finally:
            writer.close()

    def _next(self, request: ReceivedRequest) -> _Answer:
        answers = self._answers.get((request.method, request.path))
        if not answers:
            return _Answer(404, b"", {}, 0.0, False)
        return answers.popleft() if len(answers) > 1 else answers[0]

    async def _send(self, writer: asyncio.StreamWriter, answer: _Answer) -> None:
        await asyncio.sleep(answer.delay_s)
        if answer.drops:
            return
        fields = {
            "content-length": str(len(answer.body)),
            "connection": "close",
            **answer.headers,
        }
        head = f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n"
        writer.write(head.encode("latin-1") + answer.body)
        await writer.drain()


@dataclass
class _Reading:
    """What the parser tells of one request."""

    url: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    is_complete: bool = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.is_complete = True


async def _read(reader: asyncio.StreamReader) -> ReceivedRequest | None:
    reading = _Reading()
    parser = httptools.HttpRequestParser(reading)
    while not reading.is_complete:
        data = await reader.read(65_536)
        if not data:
            return None
        parser.feed_data(data)
    parts = urlsplit(reading.url.decode("latin-1"))
    return ReceivedRequest(
        parser.get_method().decode(), parts.path, parts.query, reading.headers, bytes(reading.body)
    )
