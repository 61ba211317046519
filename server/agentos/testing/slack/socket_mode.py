"""Socket Mode: connections against tickets, envelopes to one of them at random, acknowledgements.

A connection that was told to leave gets nothing more; its app is expected to open another one.
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import uuid
from collections.abc import Mapping
from typing import Any

from aiohttp import WSMsgType, web

from agentos.testing.slack.calls import Happenings
from agentos.testing.slack.delivering import Attempt, Kind, Retry
from agentos.testing.slack.people import APP

MAX_CONNECTIONS = 10
_NOT_EVENTS = ("interactive", "slash_commands")


class Connection:
    """One WebSocket of the app, with the envelopes that it has not acknowledged."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        self.is_leaving = False
        self._socket = socket
        self._request = request
        self._waiting: dict[str, asyncio.Future[Attempt]] = {}

    async def send(self, envelope: Mapping[str, Any], timeout_s: float) -> Attempt:
        """Send an envelope and wait for its acknowledgement."""
        envelope_id = envelope["envelope_id"]
        future: asyncio.Future[Attempt] = asyncio.get_running_loop().create_future()
        self._waiting[envelope_id] = future
        try:
            async with asyncio.timeout(timeout_s):
                await self._socket.send_json(envelope)
                return await future
        except TimeoutError:
            return Attempt("timeout")
        except ConnectionError:
            return Attempt("connection_closed")
        finally:
            del self._waiting[envelope_id]

    async def tell(self, frame: Mapping[str, Any]) -> None:
        """Send a frame that asks for no acknowledgement."""
        await self._socket.send_json(frame)

    async def serve(self) -> None:
        """Take acknowledgements until the app or the network closes the connection."""
        async for message in self._socket:
            if message.type is WSMsgType.TEXT:
                self._acknowledge(message.data)
        self.fail_waiting()

    def fail_waiting(self) -> None:
        """No acknowledgement comes any more."""
        for future in self._waiting.values():
            if not future.done():
                future.set_result(Attempt("connection_closed"))

    async def close(self) -> None:
        """Close it as a server does that goes away."""
        await self._socket.close()

    def cut(self) -> None:
        """Drop it without a word, as a network does."""
        if self._request.transport is not None:
            self._request.transport.abort()

    def _acknowledge(self, text: str) -> None:
        try:
            frame = json.loads(text)
        except ValueError:
            return
        known = frame.get("envelope_id") if isinstance(frame, dict) else None
        future = self._waiting.get(str(known))
        if future is not None and not future.done():
            future.set_result(Attempt(answer=frame.get("payload")))


class SocketMode:
    """The app's connections, at most ten."""

    def __init__(self, happenings: Happenings, ack_timeout_s: float, chance: random.Random) -> None:
        self.base_url = ""
        self._happenings = happenings
        self._ack_timeout_s = ack_timeout_s
        self._chance = chance
        self._tickets: set[str] = set()
        self._connections: list[Connection] = []

    @property
    def n_connections(self) -> int:
        """How many connections may get an envelope."""
        return len(self._usable())

    def open_url(self) -> str:
        """A URL that is good for one connection."""
        ticket = secrets.token_urlsafe(16)
        self._tickets.add(ticket)
        return f"{self.base_url}/link?ticket={ticket}&app_id={APP}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One connection, from its greeting to its end."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=403, text="invalid_ticket")
        self._tickets.remove(ticket)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        connection = Connection(socket, request)
        if self.n_connections >= MAX_CONNECTIONS:
            await connection.tell(_disconnect("too_many_websockets"))
            await connection.close()
            return socket
        await self._serve(connection)
        return socket

    async def _serve(self, connection: Connection) -> None:
        self._connections.append(connection)
        try:
            await connection.tell(_hello(self.n_connections))
            self._happenings.tell()
            await connection.serve()
        except ConnectionError:
            connection.fail_waiting()
        finally:
            self._connections.remove(connection)
            self._happenings.tell()

    async def send(self, kind: Kind, payload: Mapping[str, Any], retry: Retry | None) -> Attempt:
        """Deliver to one of the connections."""
        usable = self._usable()
        if not usable:
            return Attempt("no_connection")
        envelope: dict[str, Any] = {
            "envelope_id": str(uuid.uuid4()),
            "type": kind,
            "payload": payload,
            "accepts_response_payload": kind in _NOT_EVENTS,
        }
        if retry is not None:
            envelope |= {"retry_attempt": retry.number, "retry_reason": retry.reason}
        return await self._chance.choice(usable).send(envelope, self._ack_timeout_s)

    async def disconnect(self, reason: str | None) -> None:
        """Tell every connection why it must go; None cuts them without a word."""
        for connection in self._usable():
            connection.is_leaving = reason != "warning"
            if reason is None:
                connection.cut()
            else:
                await connection.tell(_disconnect(reason))

    async def close(self) -> None:
        """Close every connection."""
        for connection in list(self._connections):
            await connection.close()

    def _usable(self) -> list[Connection]:
        return [one for one in self._connections if not one.is_leaving]


def _hello(n_connections: int) -> dict[str, Any]:
    return {
        "type": "hello",
        "num_connections": n_connections,
        "debug_info": {"host": "emulator", "approximate_connection_time": 18060},
        "connection_info": {"app_id": APP},
    }


def _disconnect(reason: str) -> dict[str, Any]:
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": "emulator"}}
