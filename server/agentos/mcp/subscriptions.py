"""`resources/subscribe` of clients before 2026-07-28, and the stream on which they are told.

There are no sessions, so what a client subscribed to is a row under its session id; the process
that holds the client's event stream asks for it when a resource changes. Over stdio there is one
client for one process, which is told on its own stream.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import orjson
from anyio.streams.memory import MemoryObjectSendStream
from mcp import MCPError
from mcp.server.session import ServerSession
from mcp.server.subscriptions import (
    PromptsListChanged,
    ResourcesListChanged,
    ResourceUpdated,
    ServerEvent,
    ToolsListChanged,
)
from mcp.shared.subscriptions import event_to_notification
from mcp.types import INVALID_PARAMS

from agentos.database.queries import Queries
from agentos.errors import UnavailableError
from agentos.kernel import Kernel
from agentos.mcp.changes import ResourceChanges
from agentos.mcp.streams import OpenStreams

MAX_SUBSCRIBED_URIS = 100
LOOK_AGAIN_S = 15.0

_sql = Queries("agentos", "sql/subscriptions.sql")


class Subscriptions:
    """What clients subscribed to, by the digest of session id and credentials."""

    def __init__(
        self,
        kernel: Kernel,
        changes: ResourceChanges,
        stopping: asyncio.Event,
        streams: OpenStreams,
    ) -> None:
        self._kernel = kernel
        self.changes = changes
        self.stopping = stopping
        self.streams = streams
        self._listening: dict[str, asyncio.Event] = {}

    async def add(self, session_key: str, uri: str) -> None:
        """Remember a subscription; MCPError where the client has too many."""
        async with self._kernel.database.connection() as connection:
            tag = await connection.execute(
                _sql.subscribe, session_key, uri, self._kernel.clock.now(), MAX_SUBSCRIBED_URIS
            )
        if not tag.endswith("1"):
            raise too_many_subscriptions()
        self._look_again(session_key)

    async def remove(self, session_key: str, uri: str) -> None:
        """Forget a subscription; one that is not there is no error."""
        async with self._kernel.database.connection() as connection:
            await connection.execute(_sql.unsubscribe, session_key, uri)
        self._look_again(session_key)

    async def tell(self, session_key: str, into: MemoryObjectSendStream[bytes]) -> None:
        """Send what changes for the client, as frames of its event stream.

        That is what it subscribed to, and every list of what there is to reach.
        """
        async with self.changes.news() as news, self._following(session_key):
            async for event in news:
                if await self._concerns(session_key, event):
                    await into.send(_frame(event))

    @asynccontextmanager
    async def _following(self, session_key: str) -> AsyncIterator[None]:
        """Have what the client subscribed to followed, where no event tells of it."""
        if not self.changes.resources.can_happen:
            yield
            return
        is_new = self._listening.setdefault(session_key, asyncio.Event())
        following = asyncio.create_task(self._follow(session_key, is_new))
        try:
            yield
        finally:
            following.cancel()
            self._listening.pop(session_key, None)

    async def _follow(self, session_key: str, is_new: asyncio.Event) -> None:
        """Another process may take a subscription: the rows are looked at again now and then."""
        followed: set[str] = set()
        try:
            while True:
                is_new.clear()
                with suppress(UnavailableError):
                    rows = await self._kernel.database.fetch(_sql.list_subscriptions, session_key)
                    wanted = {row["uri"] for row in rows}
                    for uri in followed - wanted:
                        self.changes.resources.remove(uri)
                    followed &= wanted
                    followed |= {
                        uri for uri in wanted - followed if self.changes.resources.add(uri)
                    }
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_AGAIN_S):
                        await is_new.wait()
        finally:
            for uri in followed:
                self.changes.resources.remove(uri)

    def _look_again(self, session_key: str) -> None:
        if (listening := self._listening.get(session_key)) is not None:
            listening.set()

    async def _concerns(self, session_key: str, event: ServerEvent) -> bool:
        if not isinstance(event, ResourceUpdated):
            return True
        uri = str(event.uri)
        return bool(await self._kernel.database.fetch_value(_sql.is_subscribed, session_key, uri))


class DuplexSubscriptions:
    """The same for the one client of a stdio server, whose session can be told at any time."""

    def __init__(self, changes: ResourceChanges) -> None:
        self.changes = changes
        self.stopping = asyncio.Event()
        self._uris: set[str] = set()
        self._followed: set[str] = set()
        self._telling: asyncio.Task[None] | None = None

    async def add(self, session: ServerSession, uri: str) -> None:
        """Remember a subscription; MCPError where the client has too many."""
        if len(self._uris | {uri}) > MAX_SUBSCRIBED_URIS:
            raise too_many_subscriptions()
        if uri not in self._uris:
            self._uris.add(uri)
            if self.changes.resources.add(uri):
                self._followed.add(uri)
        self.begin(session)

    async def remove(self, uri: str) -> None:
        """Forget a subscription; one that is not there is no error."""
        self._uris.discard(uri)
        if uri in self._followed:
            self._followed.discard(uri)
            self.changes.resources.remove(uri)

    def begin(self, session: ServerSession) -> None:
        """Tell the client from now on what changes."""
        if self._telling is None:
            self._telling = asyncio.create_task(self._tell(session))

    async def _tell(self, session: ServerSession) -> None:
        async with self.changes.news() as news:
            async for event in news:
                match event:
                    case ResourceUpdated(uri=uri):
                        if uri in self._uris:
                            await session.send_resource_updated(uri)
                    case ToolsListChanged():
                        await session.send_tool_list_changed()
                    case PromptsListChanged():
                        await session.send_prompt_list_changed()
                    case ResourcesListChanged():
                        await session.send_resource_list_changed()


def session_key(session_id: str, credentials_digest: str) -> str:
    """The name of a client's subscriptions; the same session id of another caller is another."""
    return hashlib.sha256(f"{session_id}\n{credentials_digest}".encode()).hexdigest()


def too_many_subscriptions() -> MCPError:
    """Refuses one subscription more than a client may have."""
    return MCPError(
        INVALID_PARAMS, f"a client subscribes to at most {MAX_SUBSCRIBED_URIS} resources"
    )


def _frame(event: ServerEvent) -> bytes:
    said = event_to_notification(event, {})
    message = {"jsonrpc": "2.0", **said.model_dump(by_alias=True, mode="json", exclude_none=True)}
    if not message["params"].get("_meta"):
        message["params"].pop("_meta", None)
    return b"event: message\ndata: " + orjson.dumps(message) + b"\n\n"
