"""What a server says has changed: its lists, and resources that somebody of ours listens to.

Above: sessions. Below: the SDK's client. Since 2026-07-28 both come on streams that are asked for;
before, as notifications on the one connection, for resources after a subscription.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable
from contextlib import suppress

import httpx2
from mcp import Client, MCPDeprecationWarning, MCPError
from mcp.client.subscriptions import SubscriptionLost
from mcp.types import (
    LoggingMessageNotification,
    PromptListChangedNotification,
    ResourceListChangedNotification,
    ResourceUpdatedNotification,
    ToolListChangedNotification,
)
from mcp.types.version import MODERN_PROTOCOL_VERSIONS

from agentos_gateway.failures import LostError, NotOfferedError

UNSUBSCRIBE_TIMEOUT_S = 2.0

OnChange = Callable[[], None]
OnLog = Callable[[str, str], None]
"""Gets the level and the text of what a server logs."""

_LISTS_CHANGED = (
    ToolListChangedNotification,
    PromptListChangedNotification,
    ResourceListChangedNotification,
)


class Changes:
    """Of one session."""

    def __init__(self, name: str, on_lists: OnChange, on_log: OnLog) -> None:
        self._name = name
        self._on_lists = on_lists
        self._on_log = on_log
        self._followers: dict[str, list[OnChange]] = {}
        self._ended = asyncio.Event()

    async def take(self, message: object) -> None:
        """A notification of the server, or whatever else arrives unasked."""
        if isinstance(message, _LISTS_CHANGED):
            self._on_lists()
        elif isinstance(message, ResourceUpdatedNotification):
            changed = str(message.params.uri)
            for uri, followers in list(self._followers.items()):
                # What changed may be a part of what was subscribed to.
                if changed == uri or changed.startswith(f"{uri.rstrip('/')}/"):
                    for each in list(followers):
                        each()
        elif isinstance(message, LoggingMessageNotification):
            self._on_log(str(message.params.level), str(message.params.data))

    def end(self) -> None:
        """The session is over."""
        self._ended.set()

    async def follow_lists(self, client: Client) -> None:
        """Tell of changed lists for as long as the task runs; where the revision has a stream."""
        if client.protocol_version not in MODERN_PROTOCOL_VERSIONS:
            return
        with suppress(MCPError, SubscriptionLost, TimeoutError):
            async with client.listen(
                tools_list_changed=True, prompts_list_changed=True, resources_list_changed=True
            ) as changes:
                async for _ in changes:
                    self._on_lists()

    async def follow(
        self, client: Client, uri: str, on_begin: OnChange, on_change: OnChange
    ) -> None:
        """Tell of a resource's changes for as long as the task runs.

        NotOfferedError where the server does not tell of any; LostError once the connection ends.
        """
        try:
            if client.protocol_version in MODERN_PROTOCOL_VERSIONS:
                await self._listen(client, uri, on_begin, on_change)
            else:
                await self._subscribe(client, uri, on_begin, on_change)
            raise LostError("the connection was closed")
        except MCPError as error:
            raise NotOfferedError(self._name, error.error.message) from error
        except (SubscriptionLost, TimeoutError, OSError, httpx2.HTTPError) as error:
            raise LostError(f"{type(error).__name__}: {error}"[:300]) from error

    async def _listen(
        self, client: Client, uri: str, on_begin: OnChange, on_change: OnChange
    ) -> None:
        async with client.listen(resource_subscriptions=[uri]) as changes:
            if uri not in (changes.honored.resource_subscriptions or ()):
                raise NotOfferedError(self._name, "it tells of no changes of this resource")
            on_begin()
            async for _ in changes:
                on_change()

    async def _subscribe(
        self, client: Client, uri: str, on_begin: OnChange, on_change: OnChange
    ) -> None:
        offered = client.server_capabilities.resources
        if offered is None or not offered.subscribe:
            raise NotOfferedError(self._name, "it tells of no changes of resources")
        followers = self._followers.setdefault(uri, [])
        followers.append(on_change)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", MCPDeprecationWarning)
                subscribing = client.session.subscribe_resource(uri)
            await subscribing
            on_begin()
            await self._ended.wait()
        finally:
            followers.remove(on_change)
            if not followers:
                self._followers.pop(uri, None)
                await self._unsubscribe(client, uri)

    async def _unsubscribe(self, client: Client, uri: str) -> None:
        if self._ended.is_set():
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MCPDeprecationWarning)
            unsubscribing = client.session.unsubscribe_resource(uri)
        with suppress(Exception):
            async with asyncio.timeout(UNSUBSCRIBE_TIMEOUT_S):
                await unsubscribing
