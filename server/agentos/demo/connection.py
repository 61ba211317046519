"""Calling tools over Streamable HTTP with the official MCP client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from agentos.errors import AgentOSError

CALL_TIMEOUT_S = 600.0


class RefusedError(AgentOSError):
    """The server answered a call with an error result."""

    def __init__(self, tool: str, error: dict[str, Any]) -> None:
        super().__init__(f"{tool}: {error['code']}: {error['message']}")
        self.error = error


class Caller:
    """One principal's connection."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def protocol_version(self) -> str:
        """The protocol revision that client and server agreed on."""
        return str(self._client.protocol_version)

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The structured result of a call; RefusedError for an error result."""
        result = await self._client.call_tool(tool, arguments)
        content: dict[str, Any] = result.structured_content or {}
        if result.is_error:
            raise RefusedError(tool, content["error"])
        return content

    async def call_refused(self, tool: str, **arguments: Any) -> dict[str, Any] | None:
        """The error object of a call that should be refused; None where it was not."""
        try:
            await self.call(tool, **arguments)
        except RefusedError as refusal:
            return refusal.error
        return None


@asynccontextmanager
async def connect(url: str, token: str) -> AsyncIterator[Caller]:
    """A connection to the MCP endpoint `url` as the principal of a bearer token."""
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=CALL_TIMEOUT_S) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield Caller(client)
