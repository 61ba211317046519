"""NATS JetStream as the event bus: `event_bus = "nats://..."`, with the extra `nats`.

Above: the publisher. Below: nats-py, imported where it is used. The event id is the message id, so
the server refuses what it has; every message is acknowledged before the next is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import orjson

from agentos.errors import ConfigurationError, UnavailableError
from agentos.outbox.bus import LastPublished

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js.client import JetStreamContext

CONNECT_TIMEOUT_S = 5
PUBLISH_TIMEOUT_S = 5.0
DUPLICATE_WINDOW_S = 120.0


@asynccontextmanager
async def open_jetstream(url: str, *, stream: str, prefix: str) -> AsyncIterator[JetStreamBus]:
    """A connection to the servers of `url` (several are separated by commas) and their stream.

    Makes the stream, for `prefix.>`, on file storage and without limits, where there is none; one
    that is there keeps its settings. Raises ConfigurationError where the extra is not installed,
    UnavailableError where no server answers or it refuses.
    """
    client = await _connect(url)
    try:
        bus = JetStreamBus(client.jetstream(timeout=PUBLISH_TIMEOUT_S), stream, f"{prefix}.>")
        await bus.ensure_stream()
        yield bus
    finally:
        with suppress(Exception):
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await client.close()


class JetStreamBus:
    """One stream of a NATS server."""

    def __init__(self, jetstream: JetStreamContext, stream: str, subjects: str) -> None:
        self._jetstream = jetstream
        self._stream = stream
        self._subjects = subjects

    async def ensure_stream(self) -> None:
        """Make the stream where it is missing."""
        from nats.js.api import StorageType, StreamConfig
        from nats.js.errors import NotFoundError

        try:
            await self._ask(self._jetstream.stream_info(self._stream))
        except NotFoundError:
            made = StreamConfig(
                name=self._stream,
                description="Events of AgentOS; the message id is the hash of the event",
                subjects=[self._subjects],
                storage=StorageType.FILE,
                duplicate_window=DUPLICATE_WINDOW_S,
            )
            await self._ask(self._jetstream.add_stream(made))

    async def publish(self, event_id: str, subject: str, payload: bytes) -> None:
        """Store a message, acknowledged by the server; one it has under this id is left as it is."""
        headers = {"Nats-Msg-Id": event_id, "Content-Type": "application/json"}
        await self._ask(
            self._jetstream.publish(subject, payload, stream=self._stream, headers=headers)
        )

    async def find_last(self) -> LastPublished | None:
        """The newest event in the stream; None for an empty one, or a message that is not ours."""
        from nats.js.errors import NotFoundError

        try:
            message: Any = await self._ask(
                self._jetstream.get_last_msg(self._stream, self._subjects)
            )
        except NotFoundError:
            return None
        try:
            document = orjson.loads(message.data)
            return LastPublished(str(document["hash"]), int(document["position"]))
        except (ValueError, TypeError, KeyError):
            return None

    async def _ask(self, answer: Any) -> Any:
        from nats.errors import Error
        from nats.js.errors import NotFoundError

        try:
            return await answer
        except NotFoundError:
            raise
        except (Error, OSError, TimeoutError) as error:
            raise UnavailableError(f"NATS: {_said(error)}") from error


async def _connect(url: str) -> Client:
    try:
        import nats
        from nats.errors import Error
    except ImportError:
        raise ConfigurationError(
            "event_bus names a NATS server; install the extra: pip install 'agentos[nats]'"
        ) from None
    try:
        # The publisher itself connects again; what nats-py would buffer meanwhile is in the log.
        return await nats.connect(
            [part.strip() for part in url.split(",") if part.strip()],
            name="agentos",
            allow_reconnect=False,
            connect_timeout=CONNECT_TIMEOUT_S,
            error_cb=_ignore,
        )
    except (Error, OSError, TimeoutError) as error:
        raise UnavailableError(f"NATS: {_said(error)}") from error


async def _ignore(error: Exception) -> None:
    """The statement that fails says it as well."""


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
