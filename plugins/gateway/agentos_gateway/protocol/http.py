"""A URL as an MCP server: Streamable HTTP, with a bound on what it may answer.

Above: sessions. Below: the SDK's transport over httpx2. The SDK bounds single events of a stream;
here other bodies are bounded too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp.client.streamable_http import streamable_http_client

from agentos_gateway.protocol.stdio import MAX_MESSAGE_BYTES

CONNECT_TIMEOUT_S = 10.0


class _TooLargeError(httpx2.ReadError):
    pass


class _BoundedBody(httpx2.AsyncByteStream):
    def __init__(self, body: httpx2.AsyncByteStream) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        n_bytes = 0
        async for chunk in self._body:
            n_bytes += len(chunk)
            if n_bytes > MAX_MESSAGE_BYTES:
                raise _TooLargeError(f"it sent a message of more than {MAX_MESSAGE_BYTES} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._body.aclose()


class _BoundedTransport(httpx2.AsyncHTTPTransport):
    """Tells of trouble in words; the SDK only says that the connection is closed."""

    def __init__(self, on_trouble: Callable[[str], None]) -> None:
        super().__init__()
        self._on_trouble = on_trouble

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            response = await super().handle_async_request(request)
        except httpx2.HTTPError as error:
            self._on_trouble(f"{type(error).__name__}: {error}"[:300])
            raise
        if _is_gone(request, response):
            await response.aclose()
            self._on_trouble(f"it answered with HTTP status {response.status_code}")
            raise httpx2.ReadError(f"HTTP status {response.status_code}")
        kind = response.headers.get("content-type", "").partition(";")[0]
        if kind != "text/event-stream" and isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = _BoundedBody(response.stream)
        return response


def _is_gone(request: httpx2.Request, response: httpx2.Response) -> bool:
    """Whether nobody answers there: another status is an answer, which the SDK reads."""
    if request.method != "POST" or request.headers.get("mcp-method") == "server/discover":
        return False
    if response.status_code in (401, 403, 407):
        return True
    if response.status_code == 404:
        # The session ended, for instance with a restart: only a new connection gets another.
        return "mcp-session-id" in request.headers
    is_json = response.headers.get("content-type", "").startswith("application/json")
    return response.status_code >= 500 and not is_json


@asynccontextmanager
async def open_url(
    url: str, headers: Mapping[str, str], *, timeout_s: float, on_trouble: Callable[[str], None]
) -> AsyncIterator[tuple[Any, Any]]:
    """The streams of a server at a URL, for as long as the block lasts."""
    timeout = httpx2.Timeout(timeout_s, connect=min(timeout_s, CONNECT_TIMEOUT_S))
    async with (
        httpx2.AsyncClient(
            headers=dict(headers), timeout=timeout, transport=_BoundedTransport(on_trouble)
        ) as client,
        streamable_http_client(
            url, http_client=client, max_sse_event_size=MAX_MESSAGE_BYTES
        ) as streams,
    ):
        yield streams
