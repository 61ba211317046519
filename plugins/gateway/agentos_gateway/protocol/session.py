"""One open connection to another server, in words that the rest of the gateway understands.

Above: connections. Below: the SDK's client. Whatever the server sends that the SDK or our content
does not accept is an error of that server. It cannot ask our clients anything: the capabilities for
that are not declared.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, TypeVar

import anyio
import httpx2
from mcp import Client, MCPError
from mcp.client.subscriptions import SubscriptionLost
from mcp.shared.dispatcher import ProgressFnT
from mcp.types import (
    CONNECTION_CLOSED,
    METHOD_NOT_FOUND,
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    GetPromptRequest,
    GetPromptRequestParams,
    GetPromptResult,
    Implementation,
    InputRequiredResult,
    ListPromptsRequest,
    ListPromptsResult,
    ListResourcesRequest,
    ListResourcesResult,
    ListResourceTemplatesRequest,
    ListResourceTemplatesResult,
    PaginatedRequestParams,
    PromptListChangedNotification,
    ReadResourceRequest,
    ReadResourceRequestParams,
    ReadResourceResult,
    ResourceListChangedNotification,
    ToolListChangedNotification,
)
from mcp.types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel, TypeAdapter, ValidationError

from agentos import Contents, Messages, StructuredContent, __version__
from agentos_gateway.definitions import Definition, Kind, define
from agentos_gateway.failures import ForeignError, LostError
from agentos_gateway.protocol.blocks import content_of, contents_of, error_text, messages_of

MAX_LISTED = 1_000
MAX_PAGES = 100

R = TypeVar("R", bound=BaseModel)
Progress = ProgressFnT

_LISTS_CHANGED = (
    ToolListChangedNotification,
    PromptListChangedNotification,
    ResourceListChangedNotification,
)
_SHOWN: dict[Kind, tuple[str, ...]] = {
    "tool": ("title", "description", "inputSchema", "outputSchema", "annotations"),
    "prompt": ("title", "description", "arguments"),
    "resource": ("name", "title", "description", "mimeType"),
    "template": ("name", "title", "description", "mimeType"),
}

_CALLED: TypeAdapter[Any] = TypeAdapter(CallToolResult | InputRequiredResult)
_RENDERED: TypeAdapter[Any] = TypeAdapter(GetPromptResult | InputRequiredResult)
_READ: TypeAdapter[Any] = TypeAdapter(ReadResourceResult | InputRequiredResult)


class Session:
    """An open connection; its methods raise ForeignError and LostError."""

    def __init__(self, name: str, client: Client) -> None:
        self._name = name
        self._client = client

    def describe(self) -> dict[str, str]:
        """What the server calls itself, and which revision of the protocol is spoken."""
        info = self._client.session.server_info
        said = {"protocol": str(self._client.session.protocol_version)}
        if info is not None:
            said |= {"name": info.name[:100], "version": info.version[:100]}
        return said

    async def list_all(self, kind: Kind) -> list[Definition]:
        """Everything of one kind that the server lists, in its order."""
        found: list[Definition] = []
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            items, cursor = await self._page(kind, cursor)
            found += [_definition(kind, item) for item in items]
            if len(found) > MAX_LISTED:
                break
            if cursor is None:
                return found
        raise ForeignError(self._name, f"it lists more than {MAX_LISTED} of kind {kind}")

    async def call_tool(
        self, tool: str, arguments: Mapping[str, Any], progress: Progress | None
    ) -> StructuredContent:
        """What a tool answers; ForeignError for a result with isError."""
        params = CallToolRequestParams(name=tool, arguments=dict(arguments))
        result = await self._ask(CallToolRequest(params=params), _CALLED, progress)
        if result.is_error:
            raise ForeignError(self._name, error_text(result))
        return content_of(self._name, result)

    async def get_prompt(self, prompt: str, arguments: Mapping[str, str]) -> Messages:
        """A rendered prompt."""
        params = GetPromptRequestParams(name=prompt, arguments=dict(arguments))
        result = await self._ask(GetPromptRequest(params=params), _RENDERED)
        return messages_of(self._name, result)

    async def read_resource(self, uri: str) -> Contents:
        """The contents of a URI of the server."""
        params = ReadResourceRequestParams(uri=uri)
        return contents_of(self._name, await self._ask(ReadResourceRequest(params=params), _READ))

    async def follow_lists(self, on_change: Callable[[], None]) -> None:
        """Tell of changed lists for as long as the task runs; where the revision has a stream."""
        if self._client.session.protocol_version not in MODERN_PROTOCOL_VERSIONS:
            return
        with suppress(MCPError, SubscriptionLost, TimeoutError):
            async with self._client.listen(
                tools_list_changed=True, prompts_list_changed=True, resources_list_changed=True
            ) as changes:
                async for _ in changes:
                    on_change()

    async def _page(self, kind: Kind, cursor: str | None) -> tuple[list[Any], str | None]:
        params = PaginatedRequestParams(cursor=cursor) if cursor is not None else None
        session = self._client.session
        try:
            match kind:
                case "tool":
                    # The session's own method remembers which arguments go into headers.
                    tools = await self._answered(session.list_tools(params=params))
                    return list(tools.tools), tools.next_cursor
                case "prompt":
                    prompts = await self._ask(ListPromptsRequest(params=params), ListPromptsResult)
                    return list(prompts.prompts), prompts.next_cursor
                case "resource":
                    found = await self._ask(
                        ListResourcesRequest(params=params), ListResourcesResult
                    )
                    return list(found.resources), found.next_cursor
                case "template":
                    templates = await self._ask(
                        ListResourceTemplatesRequest(params=params), ListResourceTemplatesResult
                    )
                    return list(templates.resource_templates), templates.next_cursor
        except _NotOffered:
            return [], None

    async def _ask(self, request: Any, adapter: Any, progress: Progress | None = None) -> Any:
        result = await self._answered(
            self._client.session.send_request(request, adapter, progress_callback=progress)
        )
        if isinstance(result, InputRequiredResult):
            raise ForeignError(
                self._name, "it asks its caller a question, which the gateway does not pass on"
            )
        return result

    async def _answered(self, asking: Awaitable[R]) -> R:
        try:
            return await asking
        except MCPError as error:
            raise self._translated(error) from error
        except ValidationError as error:
            said = f"it answered what the protocol does not know ({error.error_count()} problems)"
            raise ForeignError(self._name, said) from error
        except httpx2.HTTPError as error:
            raise LostError(f"{type(error).__name__}: {error}"[:300]) from error

    def _translated(self, error: MCPError) -> Exception:
        if error.error.code == CONNECTION_CLOSED:
            return LostError("the connection was closed")
        if error.error.code == METHOD_NOT_FOUND:
            return _NotOffered(self._name, error.error.message)
        return ForeignError(self._name, error.error.message)


class _NotOffered(ForeignError):
    """The server does not know the method at all."""


@asynccontextmanager
async def open_session(
    name: str,
    transport: AbstractAsyncContextManager[Any],
    *,
    protocol: str,
    on_change: Callable[[], None],
) -> AsyncIterator[Session]:
    """A session over a transport; LostError where no connection comes about."""

    async def take(message: object) -> None:
        if isinstance(message, _LISTS_CHANGED):
            on_change()

    client = Client(
        transport,
        mode=protocol,
        cache=None,
        message_handler=take,
        client_info=Implementation(name="agentos-gateway", version=__version__),
    )
    is_open = False
    try:
        async with client:
            is_open = True
            session = Session(name, client)
            async with _following(session, on_change):
                yield session
    except MCPError as error:
        if is_open:
            raise
        raise LostError(error.error.message[:300]) from error
    except (OSError, RuntimeError, ValidationError, httpx2.HTTPError) as error:
        if is_open:
            raise
        raise LostError(f"{type(error).__name__}: {error}"[:300]) from error


@asynccontextmanager
async def _following(session: Session, on_change: Callable[[], None]) -> AsyncIterator[None]:
    following = asyncio.create_task(session.follow_lists(on_change))
    try:
        yield
    finally:
        following.cancel()
        # Also where the SDK has cancelled this task, as it does when its transport fails.
        with anyio.CancelScope(shield=True):
            await asyncio.wait([following])


def _definition(kind: Kind, item: Any) -> Definition:
    said = item.model_dump(by_alias=True, mode="json", exclude_none=True)
    identity = {"resource": "uri", "template": "uriTemplate"}.get(kind, "name")
    shown = {field: said[field] for field in _SHOWN[kind] if field in said}
    return define(kind, said[identity], shown)
