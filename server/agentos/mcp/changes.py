"""Which resources committed events change, told to those who listen.

The log is followed only while somebody listens. Every process follows it for its own listeners, so
a change is seen whichever process made it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream
from mcp.server.subscriptions import InMemorySubscriptionBus, ResourceUpdated, ServerEvent

from agentos.events.model import Event
from agentos.kernel import Kernel

BUFFERED_CHANGES = 256


class ResourceChanges:
    """The SDK's subscription bus over the event log."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._changed_by = [
            each.changed_by for each in kernel.resources.values() if each.changed_by is not None
        ]
        self._local = InMemorySubscriptionBus()
        self._n_listeners = 0
        self._following: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """Follow the log for as long as one such block is open."""
        if self._following is None and self._changed_by:
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
    async def uris(self) -> AsyncIterator[MemoryObjectReceiveStream[str]]:
        """The URIs whose contents change from now on; ends where nobody takes them off."""
        changed, uris = anyio.create_memory_object_stream[str](BUFFERED_CHANGES)

        def collect(event: ServerEvent) -> None:
            if isinstance(event, ResourceUpdated):
                try:
                    changed.send_nowait(str(event.uri))
                except anyio.WouldBlock:
                    changed.close()
                except anyio.ClosedResourceError:
                    pass

        async with changed, uris, self.followed():
            stop = self.subscribe(collect)
            try:
                yield uris
            finally:
                stop()

    async def publish(self, event: ServerEvent) -> None:
        """Tell local listeners."""
        await self._local.publish(event)

    def subscribe(self, listener: Callable[[ServerEvent], None]) -> Callable[[], None]:
        """Register a local listener; answers what unregisters it."""
        return self._local.subscribe(listener)

    async def _announce(self, event: Event) -> None:
        for changed_by in self._changed_by:
            for uri in changed_by(event):
                await self.publish(ResourceUpdated(uri=uri))
