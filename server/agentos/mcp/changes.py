"""What changes for clients, told to those who listen: resources, and what there is to reach.

The log is followed only while somebody listens. Every process follows it for its own listeners, so
a change is seen whichever process made it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    PromptsListChanged,
    ResourcesListChanged,
    ResourceUpdated,
    ServerEvent,
    ToolsListChanged,
)

from agentos.declarations import Declared
from agentos.events.model import Event
from agentos.kernel import Kernel
from agentos.mcp.following import FollowedResources

BUFFERED_CHANGES = 256


class ResourceChanges:
    """The SDK's subscription bus over the event log and the kernel's catalogue."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._local = InMemorySubscriptionBus()
        self._n_listeners = 0
        self._following: asyncio.Task[None] | None = None
        self._announcing: set[asyncio.Task[None]] = set()
        self.resources = FollowedResources(kernel, self._tell_updated)
        kernel.catalogue.watch(self._announce_lists)

    @property
    def can_happen(self) -> bool:
        """Whether a client that listens can ever be told anything."""
        may_change = self._kernel.catalogue.may_change
        return may_change or self._can_change() or self.resources.can_happen

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """Follow the log for as long as one such block is open."""
        if self._following is None and self._can_change():
            after = await self._kernel.bus.reader.last_position()
            if self._following is None:
                self._following = asyncio.create_task(
                    self._kernel.bus.dispatch(after, self._announce)
                )
        self._n_listeners += 1
        try:
            yield
        finally:
            self._n_listeners -= 1
            if not self._n_listeners and self._following is not None:
                self._following.cancel()
                self._following = None

    @asynccontextmanager
    async def news(self) -> AsyncIterator[MemoryObjectReceiveStream[ServerEvent]]:
        """What changes from now on; ends where nobody takes it off."""
        changed, news = anyio.create_memory_object_stream[ServerEvent](BUFFERED_CHANGES)

        def collect(event: ServerEvent) -> None:
            try:
                changed.send_nowait(event)
            except anyio.WouldBlock:
                changed.close()
            except anyio.ClosedResourceError:
                pass

        async with changed, news, self.followed():
            stop = self.subscribe(collect)
            try:
                yield news
            finally:
                stop()

    async def publish(self, event: ServerEvent) -> None:
        """Tell local listeners."""
        await self._local.publish(event)

    def subscribe(self, listener: Callable[[ServerEvent], None]) -> Callable[[], None]:
        """Register a local listener; answers what unregisters it."""
        return self._local.subscribe(listener)

    async def _tell_updated(self, uri: str) -> None:
        await self.publish(ResourceUpdated(uri=uri))

    def _can_change(self) -> bool:
        return any(each.changed_by is not None for each in self._kernel.resources.values())

    async def _announce(self, event: Event) -> None:
        for resource in self._kernel.resources.values():
            if resource.changed_by is None:
                continue
            for uri in resource.changed_by(event):
                await self.publish(ResourceUpdated(uri=uri))

    def _announce_lists(self, before: Declared, now: Declared) -> None:
        # Told from a task of its own: whoever publishes does not wait for those who listen.
        for event in _changed_lists(before, now):
            task = asyncio.ensure_future(self.publish(event))
            self._announcing.add(task)
            task.add_done_callback(self._announcing.discard)


def _changed_lists(before: Declared, now: Declared) -> Iterator[ServerEvent]:
    if list(before.tools.values()) != list(now.tools.values()):
        yield ToolsListChanged()
    if list(before.resources.values()) != list(now.resources.values()):
        yield ResourcesListChanged()
    if list(before.prompts.values()) != list(now.prompts.values()):
        yield PromptsListChanged()
