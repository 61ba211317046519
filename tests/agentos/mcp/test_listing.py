"""`tools/list` over real HTTP: by token, narrowed by the URL, and no authority at all."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

from agentos import Kernel, Role, Settings, Tool, ToolCall, hookimpl, open_kernel
from agentos.testing import AllowEverything, serve_http
from agentos.tools import tool
from tests.agentos.mcp.edge_plugin import Text

pytestmark = pytest.mark.anyio


@tool(profiles=["worker", "admin"])
async def dig(call: ToolCall) -> Text:
    """For workers."""
    return Text(text="dug")


@tool(profiles=["admin"])
async def rule(call: ToolCall) -> Text:
    """For admins."""
    return Text(text="ruled")


@tool(profiles=[])
async def seldom(call: ToolCall) -> Text:
    """For those who search."""
    return Text(text="done")


@tool()
async def everywhere(call: ToolCall) -> Text:
    """Of a plugin that says nothing."""
    return Text(text="here")


class Profiled(AllowEverything):
    @hookimpl
    def register_tools(self) -> list[Tool]:
        return [rule, seldom, everywhere, dig]


@pytest.fixture
async def kernel(settings: Settings) -> AsyncIterator[Kernel]:
    async with open_kernel(settings, extra_plugins={"profiled": Profiled()}) as kernel:
        yield kernel


@pytest.fixture
async def url(kernel: Kernel) -> AsyncIterator[str]:
    async with serve_http(kernel) as url:
        yield url


async def token(kernel: Kernel, role: Role, profile: str | None = None) -> str:
    issued = await kernel.tokens.create("ada", role, now=kernel.clock.now(), profile=profile)
    return issued.secret


async def names(url: str, secret: str, query: str = "", mode: str = "auto") -> list[str]:
    headers = {"authorization": f"Bearer {secret}"}
    async with (
        create_mcp_http_client(headers) as http,
        Client(streamable_http_client(f"{url}/mcp{query}", http_client=http), mode=mode) as client,
    ):
        try:
            return [each.name for each in (await client.list_tools()).tools]
        except MCPError as error:
            return [error.message]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_listing_follows_the_role_of_the_token(
    kernel: Kernel, url: str, mode: str
) -> None:
    worker, admin = await token(kernel, Role.WORKER), await token(kernel, Role.ADMIN)
    assert await names(url, worker, mode=mode) == ["dig", "everywhere"]
    assert await names(url, admin, mode=mode) == ["dig", "everywhere", "rule"]


async def test_a_token_may_be_made_for_another_profile(kernel: Kernel, url: str) -> None:
    searching = await token(kernel, Role.WORKER, "all")
    assert await names(url, searching) == ["dig", "everywhere", "rule", "seldom"]
    (info, *_) = await kernel.tokens.list()
    assert info.profile == "all"


async def test_the_url_narrows_and_never_widens(kernel: Kernel, url: str) -> None:
    admin, worker = await token(kernel, Role.ADMIN), await token(kernel, Role.WORKER)
    assert await names(url, admin, "?profile=worker") == ["dig", "everywhere"]
    for wanted in ("admin", "all", "nonsense"):
        (refusal,) = await names(url, worker, f"?profile={wanted}")
        assert "not within 'worker'; this caller may ask for: worker" in refusal


async def test_what_is_not_listed_may_be_called_by_who_may_call_it(
    kernel: Kernel, url: str
) -> None:
    headers = {"authorization": f"Bearer {await token(kernel, Role.WORKER)}"}
    async with (
        create_mcp_http_client(headers) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http)) as client,
    ):
        result = await client.call_tool("seldom", {})
        listing = await client.list_tools()
    assert result.structured_content == {"text": "done"}
    assert (listing.cache_scope, listing.ttl_ms) == ("private", 300_000)
