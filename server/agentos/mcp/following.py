"""Resources whose changes no event tells of: followed while a client of this process listens.

Above: `agentos.mcp.changes`. Below: `Resource.follow` of whatever plugin declares the resource. One
task a URI, however many clients listen; each process follows for its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager

import structlog

from agentos.kernel import Kernel
from agentos.resources import find_resource

Tell = Callable[[str], Awaitable[None]]

_log = structlog.get_logger(__name__)


class FollowedResources:
    """What is followed now; `tell` gets each URI that may have changed."""

    def __init__(self, kernel: Kernel, tell: Tell) -> None:
        self._kernel = kernel
        self._tell = tell
        self._n_listeners: dict[str, int] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def can_happen(self) -> bool:
        """Whether there is any such resource."""
        return any(each.follow is not None for each in self._kernel.resources.values())

    @contextmanager
    def listening(self, uris: Iterable[str]) -> Iterator[None]:
        """Follow `uris` for as long as the block lasts."""
        added = [uri for uri in uris if self.add(uri)]
        try:
            yield
        finally:
            for uri in added:
                self.remove(uri)

    def add(self, uri: str) -> bool:
        """One listener more; False for a resource that needs no following."""
        found = find_resource(self._kernel.resources.values(), uri)
        if found is None or found[0].follow is None:
            return False
        self._n_listeners[uri] = self._n_listeners.get(uri, 0) + 1
        if uri not in self._tasks:
            self._tasks[uri] = asyncio.create_task(self._follow(uri))
        return True

    def remove(self, uri: str) -> None:
        """One listener less."""
        self._n_listeners[uri] -= 1
        if not self._n_listeners[uri]:
            del self._n_listeners[uri]
            self._tasks.pop(uri).cancel()

    async def _follow(self, uri: str) -> None:
        async def changed() -> None:
            await self._tell(uri)

        found = find_resource(self._kernel.resources.values(), uri)
        if found is None or found[0].follow is None:
            return
        try:
            await found[0].follow(uri, changed)
        except Exception as error:  # noqa: BLE001 - a plugin's; its listeners hear nothing more
            _log.error("resource_not_followed", uri=uri[:200], exc_info=error)
