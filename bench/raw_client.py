"""An MCP client that does nothing beyond what the protocol asks: one connection, JSON, no checks.

Above: `bench.search_latency`, which tells with it what the server takes apart from what the
official client takes. It speaks 2026-07-28, or 2025-11-25 with its handshake.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self
from urllib.parse import urlsplit

import orjson

MODERN, LEGACY = "2026-07-28", "2025-11-25"
MAX_ANSWER_BYTES = 16 * 1024 * 1024
_CLIENT = {"name": "agentos-bench", "version": "1"}
_ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": _CLIENT,
}


class RawClient:
    """One client; calls go one after the other."""

    def __init__(
        self, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, revision: str
    ) -> None:
        self._host = host
        self._reader = reader
        self._writer = writer
        self._revision = revision
        self._session = ""
        self._n_sent = 0

    @classmethod
    @asynccontextmanager
    async def connect(cls, url: str, revision: str) -> AsyncIterator[Self]:
        """A client of the server at `url`, such as `http://127.0.0.1:7420`."""
        address = urlsplit(url)
        assert address.hostname is not None
        reader, writer = await asyncio.open_connection(
            address.hostname, address.port, limit=MAX_ANSWER_BYTES
        )
        client = cls(address.netloc, reader, writer, revision)
        try:
            if revision == LEGACY:
                await client._shake_hands()
            yield client
        finally:
            writer.close()

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The structured result; RuntimeError for an error of any kind."""
        params: dict[str, Any] = {"name": tool, "arguments": arguments}
        if self._revision == MODERN:
            params["_meta"] = _ENVELOPE
        answer = await self._request("tools/call", params, named=tool)
        if "error" in answer or answer["result"].get("isError"):
            raise RuntimeError(f"{tool}: {answer}")
        content: dict[str, Any] = answer["result"]["structuredContent"]
        return content

    async def _shake_hands(self) -> None:
        hello = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": _CLIENT}
        await self._request("initialize", hello)
        await self._send({"jsonrpc": "2.0", "method": "notifications/initialized"}, "")
        await self._receive()

    async def _request(
        self, method: str, params: Mapping[str, Any], named: str = ""
    ) -> dict[str, Any]:
        self._n_sent += 1
        message = {"jsonrpc": "2.0", "id": self._n_sent, "method": method, "params": params}
        await self._send(message, named)
        answer: dict[str, Any] = orjson.loads(await self._receive())
        return answer

    async def _send(self, message: Mapping[str, Any], named: str) -> None:
        body = orjson.dumps(message)
        lines = [
            "POST /mcp HTTP/1.1",
            f"host: {self._host}",
            "content-type: application/json",
            "accept: application/json, text/event-stream",
            f"content-length: {len(body)}",
            f"mcp-protocol-version: {self._revision}",
        ]
        if self._revision == MODERN:
            lines += [f"mcp-method: {message['method']}", f"mcp-name: {named}"]
        elif self._session:
            lines.append(f"mcp-session-id: {self._session}")
        self._writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await self._writer.drain()

    async def _receive(self) -> bytes:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lines = [line.partition(": ") for line in head.split("\r\n")[1:-2]]
        fields = {name.lower(): value for name, _, value in lines}
        self._session = fields.get("mcp-session-id", self._session)
        return await self._reader.readexactly(int(fields.get("content-length", "0")))
