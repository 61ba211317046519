"""Requests to a client of a revision before 2026, on the event stream that answers its own call.

Such a client replies in a POST of its own, which may arrive at any server process. The reply finds
its question through the session id, the caller's credentials and an id that nobody can guess; where
another process waits for it, PostgreSQL carries it there.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import asyncpg
import orjson
import structlog
from starlette.types import Message, Send

from agentos.calls import Credentials
from agentos.database.pool import CANNOT_CONNECT, Database
from agentos.database.queries import Queries
from agentos.errors import InvalidStateError

CHANNEL = "agentos_reply"
MAX_REPLY_BYTES = 262_144
RETRY_S = 1.0

# A notification holds less than 8,000 bytes, and a part is a third longer as base64.
_PART_BYTES = 5_000

_sql = Queries("agentos", "sql/replies.sql")
_log = structlog.get_logger(__name__)


class Replies:
    """The questions that wait in this process, and the way to those that wait in others."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[str, asyncio.Future[Mapping[str, Any]]] = {}
        self._parts: dict[str, list[bytes]] = {}

    def expect(self, key: str) -> asyncio.Future[Mapping[str, Any]]:
        """What becomes the reply to the question `key`."""
        future: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[key] = future
        future.add_done_callback(lambda _: self._forget(key))
        return future

    async def deliver(self, key: str, reply: Mapping[str, Any]) -> None:
        """Hand a reply over, wherever its question waits; one that nobody waits for is dropped."""
        if self._settle(key, reply):
            return
        try:
            text = orjson.dumps(reply)
        except orjson.JSONEncodeError:
            _log.warning("reply_too_deep")
            return
        if len(text) > MAX_REPLY_BYTES:
            _log.warning("reply_too_large", bytes=len(text), limit=MAX_REPLY_BYTES)
            return
        parts = [text[at : at + _PART_BYTES] for at in range(0, len(text), _PART_BYTES)]
        # In one transaction, so that parts of two replies never alternate.
        payloads = [
            orjson.dumps([key, number, len(parts), base64.b64encode(part).decode()]).decode()
            for number, part in enumerate(parts)
        ]
        await self._database.fetch_value(_sql.notify_reply, payloads)

    async def listen(self) -> None:
        """Take replies that arrived at other processes, for as long as the task runs."""
        while True:
            with suppress(*CANNOT_CONNECT, asyncpg.PostgresError):
                connection = await asyncpg.connect(self._database.dsn, timeout=10)
                lost = asyncio.Event()
                connection.add_termination_listener(lambda _connection, lost=lost: lost.set())
                try:
                    await connection.add_listener(CHANNEL, self._take)
                    await lost.wait()
                finally:
                    connection.terminate()
            await asyncio.sleep(RETRY_S)

    def _take(self, connection: object, pid: int, channel: str, payload: object) -> None:
        key, number, count, part = orjson.loads(str(payload))
        if key not in self._waiting:
            return
        parts = self._parts.setdefault(key, [])
        if number != len(parts):
            self._parts.pop(key)
            return
        parts.append(base64.b64decode(part))
        if len(parts) == count:
            self._parts.pop(key)
            self._settle(key, orjson.loads(b"".join(parts)))

    def _forget(self, key: str) -> None:
        self._waiting.pop(key, None)
        self._parts.pop(key, None)

    def _settle(self, key: str, reply: Mapping[str, Any]) -> bool:
        future = self._waiting.get(key)
        if future is None or future.done():
            return False
        future.set_result(reply)
        return True


class Dialogue:
    """The `send` of one call's event stream, which can ask between what the call itself says."""

    def __init__(self, replies: Replies, session_id: str, credentials: Credentials, send: Send):
        self._replies = replies
        self._session_id = session_id
        self._credentials = credentials
        self._send = send
        self._sending = asyncio.Lock()
        self._has_started = asyncio.Event()

    async def __call__(self, message: Message) -> None:
        """Send what the call says."""
        async with self._sending:
            await self._send(message)
        if message["type"] == "http.response.start":
            self._has_started.set()

    async def request(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """The client's result; InvalidStateError where it answered with an error."""
        id = f"agentos-{secrets.token_hex(16)}"
        reply = self._replies.expect(reply_key(self._session_id, self._credentials, id))
        try:
            await self._has_started.wait()
            message = {"jsonrpc": "2.0", "id": id, "method": method, "params": dict(params)}
            frame = b"event: message\r\ndata: " + orjson.dumps(message) + b"\r\n\r\n"
            async with self._sending:
                await self._send({"type": "http.response.body", "body": frame, "more_body": True})
            answer = await reply
        finally:
            reply.cancel()
        if "result" not in answer:
            raise InvalidStateError("the client answered the question with an error")
        result: Mapping[str, Any] = answer["result"]
        return result


def reply_key(session_id: str, credentials: Credentials, id: str) -> str:
    """The name under which a question waits; replies of other callers have another."""
    caller = credentials.bearer_token or "local"
    return hashlib.sha256(f"{session_id}\n{caller}\n{id}".encode()).hexdigest()
