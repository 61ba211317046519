"""Fixtures of the edges' tests: a kernel with the edge plugin, served over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest

from agentos import Kernel, Settings, open_kernel
from agentos.testing import serve_http
from tests.agentos.mcp import edge_plugin

MODERN = "2026-07-28"
JSON = {"content-type": "application/json", "accept": "application/json, text/event-stream"}


class Rendezvous:
    """Where the tool `rendezvous` calls in, so that a test knows that it runs."""

    def __init__(self) -> None:
        self.port = 0
        self.arrived = asyncio.Event()
        self.left = asyncio.Event()
        self._release = asyncio.Event()

    def release(self) -> None:
        self._release.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.arrived.set()
        release = asyncio.create_task(self._release.wait())
        ended = asyncio.create_task(reader.read())
        await asyncio.wait([release, ended], return_when=asyncio.FIRST_COMPLETED)
        if release.done():
            writer.write(b"released\n")
            await writer.drain()
        release.cancel()
        await ended
        writer.close()
        self.left.set()


@pytest.fixture
async def rendezvous() -> AsyncIterator[Rendezvous]:
    meeting = Rendezvous()
    server = await asyncio.start_server(meeting.serve, "127.0.0.1", 0)
    meeting.port = server.sockets[0].getsockname()[1]
    yield meeting
    server.close()


@pytest.fixture
async def kernel(settings: Settings) -> AsyncIterator[Kernel]:
    async with open_kernel(settings, extra_plugins={"edge_test": edge_plugin}) as kernel:
        yield kernel


@pytest.fixture
async def url(kernel: Kernel) -> AsyncIterator[str]:
    async with serve_http(kernel) as url:
        yield url


@pytest.fixture
async def http(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        yield client


def modern_call(
    tool: str, arguments: Mapping[str, Any], meta: Mapping[str, Any] | None = None, id: Any = 1
) -> tuple[dict[str, Any], dict[str, str]]:
    """Body and headers of a tools/call of the 2026-07-28 revision."""
    envelope = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
        **(meta or {}),
    }
    params = {"name": tool, "arguments": arguments, "_meta": envelope}
    body = {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}
    headers = {"mcp-protocol-version": MODERN, "mcp-method": "tools/call", "mcp-name": tool}
    return body, JSON | headers


def legacy_call(
    tool: str, arguments: Mapping[str, Any], meta: Mapping[str, Any] | None = None, id: Any = 1
) -> tuple[dict[str, Any], dict[str, str]]:
    """Body and headers of a tools/call of the 2025-06-18 revision."""
    params: dict[str, Any] = {"name": tool, "arguments": arguments, "_meta": dict(meta or {})}
    body = {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}
    return body, JSON | {"mcp-protocol-version": "2025-06-18"}
