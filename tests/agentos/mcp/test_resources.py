"""Resources and prompts of plugins, as clients of both protocol eras see them."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import SubscriptionLost
from mcp.types import (
    PromptReference,
    ResourceTemplateReference,
    ResourceUpdatedNotification,
)

from agentos import Kernel, Role, Settings, open_kernel
from agentos.mcp.changes import ResourceChanges
from agentos.mcp.errors import REFUSED
from agentos.mcp.streams import OpenStreams
from agentos.mcp.subscriptions import MAX_SUBSCRIBED_URIS, Subscriptions
from agentos.testing import serve_http
from tests.agentos.mcp import published_plugin

pytestmark = [
    pytest.mark.anyio,
    # What is removed as of 2026-07-28 is what these tests are about.
    pytest.mark.filterwarnings("ignore:resources/:mcp.shared.exceptions.MCPDeprecationWarning"),
]

ERAS = pytest.mark.parametrize("mode", ["auto", "legacy"])


@pytest.fixture
async def kernel(settings: Settings) -> AsyncIterator[Kernel]:
    async with open_kernel(settings, extra_plugins={"published": published_plugin}) as kernel:
        yield kernel


@ERAS
async def test_a_resource_and_a_template_are_listed_with_what_their_declaration_says(
    url: str, mode: Any
) -> None:
    async with Client(f"{url}/mcp", mode=mode) as client:
        resources = {each.uri: each for each in (await client.list_resources()).resources}
        templates = (await client.list_resource_templates()).resource_templates
    assert set(resources) == {"shelf://index", "shelf://books/special", "shelf://vault"}
    index = resources["shelf://index"]
    assert (index.name, index.title, index.mime_type) == ("shelf_index", "Index", "text/plain")
    assert index.description == "The titles, a line each."
    assert [each.uri_template for each in templates] == ["shelf://books/{title}"]


@ERAS
@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("shelf://index", "dune\na/b\nblob"),
        ("shelf://books/dune", "Arrakis"),
        ("shelf://books/a%2Fb", "A slash"),
        ("shelf://books/special", "special"),
    ],
)
async def test_a_uri_is_read_by_the_most_literal_resource_with_its_places_decoded(
    url: str, mode: Any, uri: str, text: str
) -> None:
    async with Client(f"{url}/mcp", mode=mode) as client:
        (contents,) = (await client.read_resource(uri)).contents
    assert (contents.uri, contents.text, contents.mime_type) == (uri, text, "text/plain")  # type: ignore[union-attr]


@ERAS
async def test_bytes_arrive_as_base64_under_the_kind_that_the_body_gave(
    url: str, mode: Any
) -> None:
    async with Client(f"{url}/mcp", mode=mode) as client:
        (contents,) = (await client.read_resource("shelf://books/blob")).contents
    assert (contents.blob, contents.mime_type) == ("AP8=", "application/octet-stream")  # type: ignore[union-attr]


@ERAS
@pytest.mark.parametrize(
    "uri",
    [
        "shelf://books/none",
        "shelf://books/a/b",
        "shelf://books/",
        "shelf://nowhere",
        "file:///etc/passwd",
        "shelf://books/" + "x" * 3_000,
    ],
)
async def test_a_uri_that_names_nothing_is_an_error_of_the_caller(
    url: str, mode: Any, uri: str
) -> None:
    async with Client(f"{url}/mcp", mode=mode) as client:
        with pytest.raises(MCPError) as refused:
            await client.read_resource(uri)
    assert refused.value.error.code == -32602
    assert refused.value.error.data["code"] == "not_found"


@ERAS
async def test_a_read_is_authorized_and_recorded_like_a_call(
    kernel: Kernel, url: str, mode: Any
) -> None:
    async with Client(f"{url}/mcp", mode=mode) as client:
        with pytest.raises(MCPError) as refused:
            await client.read_resource("shelf://vault")
        await client.read_resource("shelf://index")
    error = refused.value.error
    assert (error.code, error.data["rule"]) == (REFUSED, "closed")
    assert error.data["remedy"] == "ask the keeper"
    kinds = [
        (event.type, event.data.get("tool"))
        for event in await kernel.bus.reader.read(0)
        if event.type.startswith("call.")
    ]
    assert kinds == [
        ("call.refused", "vault"),
        ("call.allowed", "shelf_index"),
        ("call.finished", "shelf_index"),
    ]


@ERAS
@pytest.mark.parametrize("name", ["shelf_index", "review_book", "complete_book_title"])
async def test_what_is_no_tool_cannot_be_called_as_one(url: str, mode: Any, name: str) -> None:
    async with Client(f"{url}/mcp", mode=mode) as client:
        assert name not in {each.name for each in (await client.list_tools()).tools}
        with pytest.raises(MCPError, match="no tool is named"):
            await client.call_tool(name, {})


@ERAS
async def test_a_prompt_is_rendered_with_its_arguments_and_defaults(url: str, mode: Any) -> None:
    async with Client(f"{url}/mcp", mode=mode) as client:
        (prompt,) = (await client.list_prompts()).prompts
        rendered = await client.get_prompt("review_book", {"title": "dune"})
        with pytest.raises(MCPError, match="`title` is required"):
            await client.get_prompt("review_book", {})
        with pytest.raises(MCPError, match="unknown argument `mood`"):
            await client.get_prompt("review_book", {"title": "dune", "mood": "x"})
    assert [(a.name, a.required) for a in prompt.arguments or []] == [
        ("title", True),
        ("tone", False),
    ]
    (message,) = rendered.messages
    assert message.content.text == "Write a kind review of dune."  # type: ignore[union-attr]


@ERAS
async def test_arguments_of_prompts_and_templates_are_completed(url: str, mode: Any) -> None:
    by_template = ResourceTemplateReference(uri="shelf://books/{title}")
    async with Client(f"{url}/mcp", mode=mode) as client:
        for reference in (PromptReference(name="review_book"), by_template):
            found = await client.complete(reference, {"name": "title", "value": "d"})
            assert found.completion.values == ["dune"]
        nothing = await client.complete(
            PromptReference(name="review_book"), {"name": "tone", "value": "k"}
        )
        assert nothing.completion.values == []
        with pytest.raises(MCPError, match="no prompt has that name"):
            await client.complete(PromptReference(name="none"), {"name": "x", "value": ""})


@ERAS
async def test_blocks_of_a_tool_arrive_as_blocks_without_structured_content(
    url: str, mode: Any
) -> None:
    async with Client(f"{url}/mcp", mode=mode) as client:
        (declared,) = [t for t in (await client.list_tools()).tools if t.name == "cover"]
        result = await client.call_tool("cover", {})
    assert declared.output_schema is None
    assert result.structured_content is None
    text, image = result.content
    assert (text.text, image.data, image.mime_type) == ("the cover", "iVBORw==", "image/png")  # type: ignore[union-attr]


async def test_a_listener_hears_of_a_change_that_another_process_made(
    kernel: Kernel, url: str, settings: Settings
) -> None:
    heard: list[str] = []
    async with (
        open_kernel(settings, extra_plugins={"published": published_plugin}) as other,
        serve_http(other) as other_url,
        Client(f"{url}/mcp") as client,
        Client(f"{other_url}/mcp") as writer,
    ):
        uris = ["shelf://books/dune"]
        async with client.listen(resource_subscriptions=uris) as events:
            await writer.call_tool("rename_book", {"title": "blob"})
            await writer.call_tool("rename_book", {"title": "dune"})
            async with asyncio.timeout(60):
                async for event in events:
                    heard.append(event.uri)  # type: ignore[union-attr]
                    break
    assert heard == uris


async def test_a_client_of_an_older_revision_hears_of_what_it_subscribed_to(
    kernel: Kernel, url: str, settings: Settings
) -> None:
    heard: list[str] = []

    async def hear(message: Any) -> None:
        if isinstance(message, ResourceUpdatedNotification):
            heard.append(str(message.params.uri))

    async with (
        open_kernel(settings, extra_plugins={"published": published_plugin}) as other,
        serve_http(other) as other_url,
        Client(f"{url}/mcp", mode="legacy", message_handler=hear) as client,
        Client(f"{other_url}/mcp") as writer,
    ):
        await client.subscribe_resource("shelf://books/dune")
        await client.subscribe_resource("shelf://books/blob")
        await client.unsubscribe_resource("shelf://books/blob")
        await writer.call_tool("rename_book", {"title": "blob"})
        # The client opens its stream beside the handshake; what happens before is not told.
        async with asyncio.timeout(60):
            while not heard:
                await writer.call_tool("rename_book", {"title": "dune"})
                await asyncio.sleep(0.1)
    assert set(heard) == {"shelf://books/dune"}


@ERAS
async def test_nobody_subscribes_to_what_they_may_not_read(url: str, mode: Any) -> None:
    async with Client(f"{url}/mcp", mode=mode) as client:
        for uri in ("shelf://vault", "shelf://nowhere"):
            with pytest.raises(MCPError):
                if mode == "legacy":
                    await client.subscribe_resource(uri)
                else:
                    async with client.listen(resource_subscriptions=[uri]):
                        pass


async def test_subscriptions_of_one_client_are_bounded(kernel: Kernel, url: str) -> None:
    subscriptions = Subscriptions(kernel, ResourceChanges(kernel), asyncio.Event(), OpenStreams(1))
    for number in range(MAX_SUBSCRIBED_URIS):
        await subscriptions.add("a" * 64, f"shelf://books/{number}")
    await subscriptions.add("a" * 64, "shelf://books/0")
    await subscriptions.add("b" * 64, "shelf://books/one more")
    with pytest.raises(MCPError, match="at most 100"):
        await subscriptions.add("a" * 64, "shelf://books/one more")
    async with Client(f"{url}/mcp") as client:
        with pytest.raises(MCPError, match="at most 100"):
            async with client.listen(
                resource_subscriptions=[f"shelf://books/{n}" for n in range(101)]
            ):
                pass


async def test_a_listener_is_told_no_more_once_its_token_is_revoked(
    kernel: Kernel, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentos.mcp.resources.HEARTBEAT_S", 0.1)
    token = await kernel.tokens.create("w1", Role.WORKER, now=kernel.clock.now())
    headers = {"authorization": f"Bearer {token.secret}"}
    async with (
        asyncio.timeout(60),
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http)) as client,
        client.listen(resource_subscriptions=["shelf://books/dune"]) as events,
    ):
        await kernel.tokens.revoke(token.id, now=kernel.clock.now())
        with pytest.raises(SubscriptionLost):
            await anext(aiter(events))


async def test_a_server_that_stops_ends_the_streams_of_its_listeners(
    kernel: Kernel,
) -> None:
    # So long that a busy machine does not reach half of it.
    kernel.settings = kernel.settings.model_copy(update={"shutdown_timeout_s": 240.0})
    async with (
        asyncio.timeout(kernel.settings.shutdown_timeout_s / 2),
        AsyncExitStack() as serving,
    ):
        url = await serving.enter_async_context(serve_http(kernel))
        async with (
            Client(f"{url}/mcp") as client,
            client.listen(resource_subscriptions=["shelf://books/dune"]) as events,
        ):
            await serving.aclose()
            assert [event async for event in events] == []


async def test_a_listener_that_leaves_before_it_listens_leaves_nothing_open(
    kernel: Kernel,
) -> None:
    async def listen() -> None:
        async with ResourceChanges(kernel).news():
            raise AssertionError("it was to be cancelled before")

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0)
    listening.cancel()
    await asyncio.wait([listening])
    assert listening.cancelled()
    # A stream that nobody closed warns when it is collected.
    del listening
    gc.collect()
