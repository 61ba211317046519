"""`resources/*` and `subscriptions/listen`: the resources that plugins declare.

A URI finds its declaration, and a read is the dispatch of its function. Who subscribes to a URI
must be able to read it at that moment; what is sent later says no more than that it changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack

import anyio
from mcp import MCPError
from mcp.server.subscriptions import ListenHandler
from mcp.types import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    EmptyResult,
    InputRequiredResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    ResourceTemplate,
    SubscribeRequestParams,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
    UnsubscribeRequestParams,
)
from mcp.types import Resource as WireResource

from agentos.errors import LimitExceededError, RequestError
from agentos.kernel import Kernel
from agentos.mcp.blocks import wire_contents
from agentos.mcp.caller import Caller, Context
from agentos.mcp.changes import ResourceChanges
from agentos.mcp.errors import to_wire
from agentos.mcp.event_stream import HEARTBEAT_S
from agentos.mcp.subscriptions import (
    MAX_SUBSCRIBED_URIS,
    DuplexSubscriptions,
    Subscriptions,
    too_many_subscriptions,
)
from agentos.resources import Resource, find_resource
from agentos.surface import Surface
from agentos.tools import Tool

MAX_URI_CHARS = 2_048


class ResourceHandlers:
    """The resources of a kernel."""

    def __init__(
        self, kernel: Kernel, caller: Caller, subscriptions: Subscriptions | DuplexSubscriptions
    ) -> None:
        self._kernel = kernel
        self._caller = caller
        self._subscriptions = subscriptions
        self._listen = ListenHandler(subscriptions.changes)

    async def list(
        self, ctx: Context, params: PaginatedRequestParams | None
    ) -> ListResourcesResult:
        """The resources with one URI, and of each family what the caller may see, on one page."""
        declared = self._kernel.resources.values()
        shown = [_wire_resource(each) for each in declared if not each.is_template]
        for family in declared:
            if family.listing is not None:
                shown.extend(await self._members(ctx, family, family.listing))
        return ListResourcesResult(resources=shown)

    async def _members(
        self, ctx: Context, family: Resource, listing: Tool
    ) -> Sequence[WireResource]:
        found = await self._caller.call(ctx, listing.name, {}, Surface.LISTING)
        if isinstance(found, InputRequiredResult) or found.is_error:
            return []  # who may not see them is shown none
        return [
            WireResource(
                uri=link["uri"],
                name=link["name"],
                description=link["description"],
                mime_type=link["mime_type"] or family.mime_type,
            )
            for link in found.structured["links"]
        ]

    async def list_templates(
        self, ctx: Context, params: PaginatedRequestParams | None
    ) -> ListResourceTemplatesResult:
        """The families of resources, on one page."""
        return ListResourceTemplatesResult(
            resource_templates=[
                _wire_template(each) for each in self._kernel.resources.values() if each.is_template
            ]
        )

    async def read(
        self, ctx: Context, params: ReadResourceRequestParams
    ) -> ReadResourceResult | InputRequiredResult:
        """The contents of one URI."""
        return await self._read(ctx, str(params.uri), params)

    async def listen(
        self, ctx: Context, params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        """A stream of what changes, until the client closes it, its token or the server ends."""
        uris = params.notifications.resource_subscriptions or ()
        if len(uris) > MAX_SUBSCRIBED_URIS:
            raise too_many_subscriptions()
        for uri in uris:
            await self._read(ctx, str(uri))
        changes = self._subscriptions.changes
        with ExitStack() as stack:
            if isinstance(self._subscriptions, Subscriptions):
                principal = await self._caller.principal(ctx)
                try:
                    stack.enter_context(self._subscriptions.streams.hold(principal.name))
                except LimitExceededError as error:
                    raise MCPError(INVALID_REQUEST, error.message, error.to_error()) from error
            return await self._listen_on(ctx, params, changes, uris)

    async def _listen_on(
        self,
        ctx: Context,
        params: SubscriptionsListenRequestParams,
        changes: ResourceChanges,
        uris: Sequence[str],
    ) -> SubscriptionsListenResult:
        async with changes.followed():
            with changes.resources.listening(map(str, uris)), anyio.CancelScope() as scope:
                watching = asyncio.create_task(self._end_unwelcome(ctx, scope))
                try:
                    return await self._listen(ctx, params)
                finally:
                    watching.cancel()
        raise to_wire(RequestError("the token is no longer good"))

    async def _end_unwelcome(self, ctx: Context, stream: anyio.CancelScope) -> None:
        while await self._caller.is_admitted(ctx):
            with anyio.move_on_after(HEARTBEAT_S):
                await self._subscriptions.stopping.wait()
                self._listen.close()
                return
        stream.cancel()

    async def subscribe(self, ctx: Context, params: SubscribeRequestParams) -> EmptyResult:
        """Tell the client from now on when the contents of a URI change."""
        uri = str(params.uri)
        await self._read(ctx, uri)
        if isinstance(self._subscriptions, DuplexSubscriptions):
            await self._subscriptions.add(ctx.session, uri)
        else:
            await self._subscriptions.add(self._caller.session_key(ctx), uri)
        return EmptyResult()

    async def unsubscribe(self, ctx: Context, params: UnsubscribeRequestParams) -> EmptyResult:
        """Tell it no longer."""
        uri = str(params.uri)
        if isinstance(self._subscriptions, DuplexSubscriptions):
            await self._subscriptions.remove(uri)
        else:
            await self._subscriptions.remove(self._caller.session_key(ctx), uri)
        return EmptyResult()

    async def _read(
        self, ctx: Context, uri: str, params: ReadResourceRequestParams | None = None
    ) -> ReadResourceResult | InputRequiredResult:
        resources = self._kernel.resources.values()
        found = find_resource(resources, uri) if len(uri) <= MAX_URI_CHARS else None
        if found is None:
            raise MCPError(
                INVALID_PARAMS, "no resource has that URI", {"code": "not_found", "uri": uri[:200]}
            )
        resource, values = found
        contents = await self._caller.answer(
            ctx, resource.function.name, values, Surface.RESOURCE, params
        )
        if isinstance(contents, InputRequiredResult):
            return contents
        return ReadResourceResult(contents=[wire_contents(uri, contents, resource.mime_type)])


def _wire_resource(resource: Resource) -> WireResource:
    return WireResource(
        uri=resource.uri.template,
        name=resource.function.name,
        title=resource.title,
        description=resource.function.description,
        mime_type=resource.mime_type,
    )


def _wire_template(resource: Resource) -> ResourceTemplate:
    return ResourceTemplate(
        uri_template=resource.uri.template,
        name=resource.function.name,
        title=resource.title,
        description=resource.function.description,
        mime_type=resource.mime_type,
    )
