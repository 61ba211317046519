"""HTTP for the client of the endpoint: responses are read up to a limit, and no further.

Above: the completer's client. Below: httpx2, on which the official client rests. The official
client would repeat a request whose answer is too large; an answer in its place ends it.
"""

from __future__ import annotations

import json

import httpx2

REFUSED_ANSWER = "answer_refused"
"""Code of the error that stands in place of an answer that was not read."""


class BoundedTransport(httpx2.AsyncBaseTransport):
    """Passes requests on to `inner`, and answers 413 itself where more than `max_bytes` come."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, max_bytes: int) -> None:
        self._inner = inner
        self._max_bytes = max_bytes

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        # What is not compressed has one size only.
        request.headers["accept-encoding"] = "identity"
        response = await self._inner.handle_async_request(request)
        try:
            if response.headers.get("content-encoding", "identity") != "identity":
                return _refusal("a compressed answer, which nobody asked for")
            body = await self._read(response)
        finally:
            await response.aclose()
        if body is None:
            return _refusal(f"an answer of more than {self._max_bytes} bytes")
        return httpx2.Response(
            response.status_code,
            headers=response.headers,
            content=body,
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _read(self, response: httpx2.Response) -> bytes | None:
        body = bytearray()
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        async for chunk in response.stream:
            body += chunk
            if len(body) > self._max_bytes:
                return None
        return bytes(body)


def _refusal(what: str) -> httpx2.Response:
    error = {"error": {"message": what, "code": REFUSED_ANSWER}}
    return httpx2.Response(
        413,
        headers={"content-type": "application/json", "x-should-retry": "false"},
        content=json.dumps(error).encode(),
    )
