"""One open connection to another server, in words that the rest of the gateway understands.

Above: connections. Below: the SDK's client. Whatever the server sends that the SDK or our content
does not accept is an error of that server. What it may ask our clients passes through the
conversation of the call that it asks in; where there is none, the capability is not declared.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

import anyio
import httpx2
from mcp import Client, MCPError
from mcp.shared.dispatcher import ProgressFnT
from mcp.types import (
    CONNECTION_CLOSED,
    METHOD_NOT_FOUND,
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    CompleteRequest,
    CompleteRequestParams,
    CompleteResult,
    CompletionArgument,
    CompletionContext,
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
    PromptReference,
    ReadResourceRequest,
    ReadResourceRequestParams,
    ReadResourceResult,
    ResourceTemplateReference,
)
from mcp.types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel, TypeAdapter, ValidationError

from agentos import Completions, Contents, Messages, StructuredContent, __version__
from agentos_gateway.definitions import Definition, Kind, define
from agentos_gateway.failures import ForeignError, LostError, NotOfferedError
from agentos_gateway.protocol.blocks import (
    completions_of,
    content_of,
    contents_of,
    error_text,
    messages_of,
)
from agentos_gateway.protocol.changes import Changes, OnChange, OnLog
from agentos_gateway.protocol.conversation import Conversation, Turns

MAX_LISTED = 1_000
MAX_PAGES = 100

R = TypeVar("R", bound=BaseModel)
Progress = ProgressFnT

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

    def __init__(self, name: str, client: Client, changes: Changes, turns: Turns) -> None:
        self._name = name
        self._client = client
        self._changes = changes
        self._turns = turns

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
        self,
        tool: str,
        arguments: Mapping[str, Any],
        progress: Progress | None = None,
        conversation: Conversation | None = None,
    ) -> StructuredContent:
        """What a tool answers; ForeignError for a result with isError."""

        async def ask(more: Mapping[str, Any]) -> Any:
            params = CallToolRequestParams(name=tool, arguments=dict(arguments), **more)
            return await self._ask(CallToolRequest(params=params), _CALLED, progress)

        result = await self._conversed(ask, conversation)
        if result.is_error:
            raise ForeignError(self._name, error_text(result))
        return content_of(self._name, result)

    async def get_prompt(
        self, prompt: str, arguments: Mapping[str, str], conversation: Conversation | None = None
    ) -> Messages:
        """A rendered prompt."""

        async def ask(more: Mapping[str, Any]) -> Any:
            params = GetPromptRequestParams(name=prompt, arguments=dict(arguments), **more)
            return await self._ask(GetPromptRequest(params=params), _RENDERED)

        return messages_of(self._name, await self._conversed(ask, conversation))

    async def read_resource(self, uri: str, conversation: Conversation | None = None) -> Contents:
        """The contents of a URI of the server."""

        async def ask(more: Mapping[str, Any]) -> Any:
            params = ReadResourceRequestParams(uri=uri, **more)
            return await self._ask(ReadResourceRequest(params=params), _READ)

        return contents_of(self._name, await self._conversed(ask, conversation))

    async def complete(
        self, kind: Kind, name: str, argument: str, typed: str, chosen: Mapping[str, str]
    ) -> Completions:
        """Values that a server offers for an argument; none where it completes nothing."""
        offered = self._client.session.server_capabilities
        if offered is None or offered.completions is None:
            return Completions(values=())
        ref: PromptReference | ResourceTemplateReference = (
            PromptReference(name=name) if kind == "prompt" else ResourceTemplateReference(uri=name)
        )
        params = CompleteRequestParams(
            ref=ref,
            argument=CompletionArgument(name=argument, value=typed),
            context=CompletionContext(arguments=dict(chosen)) if chosen else None,
        )
        try:
            result = await self._ask(CompleteRequest(params=params), CompleteResult)
        except NotOfferedError:
            return Completions(values=())
        return completions_of(result)

    async def follow(self, uri: str, on_begin: OnChange, on_change: OnChange) -> None:
        """Tell of a resource's changes for as long as the task runs; see `Changes.follow`."""
        await self._changes.follow(self._client, uri, on_begin, on_change)

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
        except NotOfferedError:
            return [], None

    async def _conversed(
        self,
        ask: Callable[[Mapping[str, Any]], Awaitable[Any]],
        conversation: Conversation | None,
    ) -> Any:
        """What the server answers, be it after some questions to the client of the call."""
        if conversation is None:
            result = await ask({})
            if isinstance(result, InputRequiredResult):
                raise ForeignError(
                    self._name,
                    "it asks its caller a question; the gateway passes questions on only for a "
                    "server with the setting `asks`",
                )
            return result
        if self._client.protocol_version in MODERN_PROTOCOL_VERSIONS:
            return await conversation.in_rounds(ask)
        return await self._turns.take(conversation, ask)

    async def _ask(self, request: Any, adapter: Any, progress: Progress | None = None) -> Any:
        return await self._answered(
            self._client.session.send_request(request, adapter, progress_callback=progress)
        )

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
            return NotOfferedError(self._name, error.error.message)
        return ForeignError(self._name, error.error.message)


@asynccontextmanager
async def open_session(
    name: str,
    transport: AbstractAsyncContextManager[Any],
    *,
    protocol: str,
    asks: bool,
    on_change: OnChange,
    on_log: OnLog,
) -> AsyncIterator[Session]:
    """A session over a transport; LostError where no connection comes about.

    With `asks` the server is told that it may ask persons; without, a question of it is an error.
    """
    changes = Changes(name, on_change, on_log)
    turns = Turns()
    client = Client(
        transport,
        mode=protocol,
        cache=None,
        message_handler=changes.take,
        elicitation_callback=turns.answer if asks else None,
        client_info=Implementation(name="agentos-gateway", version=__version__),
    )
    is_open = False
    try:
        async with client:
            is_open = True
            async with _following(changes, client):
                yield Session(name, client, changes, turns)
    except MCPError as error:
        if is_open:
            raise
        raise LostError(error.error.message[:300]) from error
    except (OSError, RuntimeError, ValidationError, httpx2.HTTPError) as error:
        if is_open:
            raise
        raise LostError(f"{type(error).__name__}: {error}"[:300]) from error


@asynccontextmanager
async def _following(changes: Changes, client: Client) -> AsyncIterator[None]:
    following = asyncio.create_task(changes.follow_lists(client))
    try:
        yield
    finally:
        changes.end()
        following.cancel()
        # Also where the SDK has cancelled this task, as it does when its transport fails.
        with anyio.CancelScope(shield=True):
            await asyncio.wait([following])


def _definition(kind: Kind, item: Any) -> Definition:
    said = item.model_dump(by_alias=True, mode="json", exclude_none=True)
    identity = {"resource": "uri", "template": "uriTemplate"}.get(kind, "name")
    shown = {field: said[field] for field in _SHOWN[kind] if field in said}
    return define(kind, said[identity], shown)
