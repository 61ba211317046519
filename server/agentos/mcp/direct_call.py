"""Answers plain tool calls over HTTP without the SDK, which takes longer than most tools do.

Above: the endpoint, behind the checks of Host, Origin, size and credentials. Below:
`Kernel.dispatch`, as below the SDK: there is no other way to a tool body. A call is answered here
only if the SDK would hand it to the kernel as it stands and would answer it with one JSON body.
What is not exactly of the form below, or is in any doubt, is left to the SDK, which answers it as
if this module were not there; so a new feature of the protocol works before this module knows it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import orjson
from mcp import MCPError
from mcp.server import Server
from mcp.server.connection import Connection
from mcp.server.streamable_http import REQUEST_CANCELLED
from mcp.shared.inbound import ERROR_CODE_HTTP_STATUS
from mcp.types import (
    ClientCapabilities,
    Implementation,
    InputResponseRequestParams,
    JSONRPCError,
)
from mcp.types.methods import validate_client_request
from mcp.types.version import HANDSHAKE_PROTOCOL_VERSIONS, LATEST_MODERN_VERSION
from pydantic import ValidationError
from starlette.types import Receive, Scope, Send

from agentos.calls import CallRequest, Credentials, ToolResult
from agentos.content import Content
from agentos.kernel import Kernel
from agentos.mcp import session
from agentos.mcp.approving import awaited_review
from agentos.mcp.caller import (
    CREDENTIALS_KEY,
    IDEMPOTENCY_KEY,
    WORK_ORDER_KEY,
    acting,
    dispatch,
)
from agentos.mcp.claims import claims_of
from agentos.mcp.correspondence import Repetition
from agentos.mcp.envelope import Envelope
from agentos.mcp.errors import to_wire
from agentos.mcp.running import RunningCalls, call_key
from agentos.tools import Tool

T = TypeVar("T")

MAX_BODY_BYTES = 65_536
MAX_BRACKETS = 100
MAX_RESERVED_BYTES = 2_048
# From then on a call ends when its client leaves; until then it may go on for as long.
WATCHED_AFTER_S = 0.05

_MODERN = LATEST_MODERN_VERSION.encode()
_LEGACY = frozenset(version.encode() for version in HANDSHAKE_PROTOCOL_VERSIONS)
_RESERVED_PREFIX = "io.modelcontextprotocol/"
_VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
_CLIENT_KEY = "io.modelcontextprotocol/clientInfo"
_CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities"

_DECIDING_HEADERS = frozenset(
    {
        b"accept",
        b"content-type",
        b"mcp-protocol-version",
        b"mcp-method",
        b"mcp-name",
        b"mcp-session-id",
    }
)
_PARAMS = frozenset({"name", "arguments", "_meta"})
# orjson reads integers of more than 64 bits as doubles, the SDK as they are.
_BIG_INTEGER = re.compile(rb"[0-9]{19}")
# The protocol's form of a question's answer, of which a plain call brings none.
_NO_ANSWERS = InputResponseRequestParams()
_HEADERS_SENT = (b"content-type", b"application/json")


@dataclass(frozen=True, slots=True)
class _Client:
    """What a request of 2026-07-28 says of its client, as the SDK understands it."""

    capabilities: ClientCapabilities | None
    info: Implementation | None


@dataclass(frozen=True, slots=True)
class PlainCall:
    """A call that needs nothing of the SDK."""

    id: str | int
    request: CallRequest
    is_modern: bool
    session_id: str | None = None
    shows_forms: bool = False
    """Whether the person at the client can be asked something."""


@dataclass(frozen=True, slots=True)
class _Answer:
    body: bytes
    status: int
    is_question: bool = False


class DirectCalls:
    """Recognises plain calls and answers them; `running` is where a client's cancellation looks."""

    def __init__(self, kernel: Kernel, server: Server[Any], running: RunningCalls) -> None:
        self._kernel = kernel
        self._running = running
        # What the SDK adds to every result of 2026-07-28.
        self._stamp = {"io.modelcontextprotocol/serverInfo": server.server_info_stamp}

    def find(self, scope: Scope, envelope: Envelope, body: bytes) -> PlainCall | None:
        """The call that a request is, or None where the SDK has to look at it."""
        if envelope.method != "tools/call" or envelope.id is None or not envelope.is_plain:
            return None
        headers = _deciding_headers(scope)
        if headers is None or not _is_plain_text(body):
            return None
        params = envelope.params
        if not params.keys() <= _PARAMS or not self._is_plain_tool(params.get("name")):
            return None
        arguments, meta = params.get("arguments", {}), params.get("_meta", {})
        if type(arguments) is not dict or type(meta) is not dict or "progressToken" in meta:
            return None
        version = headers.get(b"mcp-protocol-version")
        if version == _MODERN:
            return self._modern(scope, headers, envelope, meta)
        if version in _LEGACY:
            return self._legacy(scope, headers, envelope, meta)
        return None

    async def answer(self, call: PlainCall, receive: Receive, send: Send) -> bool:
        """Run a call to its end, or to where its client gives it up.

        False where its client has to be asked about an approval: nothing ran, and the SDK asks.
        """
        if not call.is_modern:
            await _send(await self._legacy_answer(call), 200, send)
            return True
        # Closing the response is how a client of 2026-07-28 cancels.
        answer = await _unless_left(self._modern_answer(call), receive)
        if answer is not None and answer.is_question:
            return False
        if answer is not None:
            await _send(answer.body, answer.status, send)
        return True

    def _is_plain_tool(self, name: object) -> bool:
        tool = self._kernel.tools.get(name) if type(name) is str else None
        return tool is not None and _is_plain(tool)

    def _modern(
        self, scope: Scope, headers: Mapping[bytes, bytes], envelope: Envelope, meta: dict[str, Any]
    ) -> PlainCall | None:
        name: str = envelope.params["name"]
        if (
            headers.get(b"mcp-method") != b"tools/call"
            or headers.get(b"mcp-name") != name.encode()
            or b"mcp-session-id" in headers
        ):
            return None
        reserved = {key: meta[key] for key in meta if key.startswith(_RESERVED_PREFIX)}
        client = _client_of(orjson.dumps(reserved))
        if client is None:
            return None
        repetition = Repetition(client.capabilities, _NO_ANSWERS)
        request = _request(scope, envelope.params, meta, client.info, repetition)
        shows_forms = (
            client.capabilities is not None and client.capabilities.elicitation is not None
        )
        return PlainCall(_id(envelope), request, is_modern=True, shows_forms=shows_forms)

    def _legacy(
        self, scope: Scope, headers: Mapping[bytes, bytes], envelope: Envelope, meta: dict[str, Any]
    ) -> PlainCall | None:
        found = headers.get(b"mcp-session-id")
        session_id = None if found is None else found.decode("latin-1")
        client = session.client_of(session_id)
        request = _request(scope, envelope.params, meta, client, None)
        return PlainCall(_id(envelope), request, is_modern=False, session_id=session_id)

    async def _modern_answer(self, call: PlainCall) -> _Answer:
        try:
            result = await dispatch(self._kernel, call.request)
            if call.shows_forms and awaited_review(result) is not None:
                return _Answer(b"", 200, is_question=True)
            stamped = {"_meta": self._stamp, "resultType": "complete", **_result(result)}
            return _Answer(_response(call, stamped), 200)
        except MCPError as error:
            status = ERROR_CODE_HTTP_STATUS.get(error.error.code, 200)
            return _Answer(_error(call, error), status)

    async def _legacy_answer(self, call: PlainCall) -> bytes:
        try:
            return _response(call, _result(await self._cancellable(call)))
        except MCPError as error:
            return _error(call, error)

    async def _cancellable(self, call: PlainCall) -> ToolResult:
        """A client before 2026-07-28 cancels by a message that names session and request."""
        if call.session_id is None:
            return await dispatch(self._kernel, call.request)
        with self._running.track(call_key(call.session_id, call.request.credentials, call.id)):
            return await dispatch(self._kernel, call.request)
        raise MCPError(REQUEST_CANCELLED, "the client cancelled the request")


@lru_cache(1_024)
def _is_plain(tool: Tool) -> bool:
    """Whether calls of the tool need nothing of the SDK: no dialogue, task, blocks or headers."""
    if tool.converses or tool.task == "required" or issubclass(tool.result, Content):
        return False
    return b"x-mcp-header" not in orjson.dumps(tool.input_schema)


@lru_cache(256)
def _client_of(reserved: bytes) -> _Client | None:
    """The client whose protocol fields are `reserved`, or None where the SDK should judge them."""
    if len(reserved) > MAX_RESERVED_BYTES:
        return None
    fields: dict[str, Any] = orjson.loads(reserved)
    capabilities = fields.get(_CAPABILITIES_KEY)
    if fields.get(_VERSION_KEY) != LATEST_MODERN_VERSION or type(capabilities) is not dict:
        return None
    # An extension may change what a call answers.
    if capabilities.get("extensions"):
        return None
    try:
        params = {"name": "any", "_meta": fields}
        validate_client_request("tools/call", LATEST_MODERN_VERSION, params)
    except ValidationError:
        return None
    connection = Connection.from_envelope(
        LATEST_MODERN_VERSION, fields.get(_CLIENT_KEY), capabilities
    )
    known = connection.client_params
    return _Client(connection.client_capabilities, known.client_info if known is not None else None)


@lru_cache(64)
def _accepts_json(accept: bytes) -> bool:
    kinds = [kind.partition(b";")[0].strip().lower() for kind in accept.split(b",")]
    return any(kind in (b"application/json", b"application/*", b"*/*") for kind in kinds)


def _deciding_headers(scope: Scope) -> dict[bytes, bytes] | None:
    """The headers by which the SDK decides; None where they leave a doubt."""
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in _DECIDING_HEADERS:
            if name in found:
                return None
            found[name] = value
        elif name.startswith(b"mcp-param-"):
            return None
    is_plain = found.get(b"content-type") == b"application/json"
    return found if is_plain and _accepts_json(found.get(b"accept", b"")) else None


def _is_plain_text(body: bytes) -> bool:
    """Whether every JSON parser reads the same in `body`: small, flat, without huge numbers."""
    return (
        len(body) <= MAX_BODY_BYTES
        and body.count(b"{") + body.count(b"[") <= MAX_BRACKETS
        and _BIG_INTEGER.search(body) is None
    )


def _id(envelope: Envelope) -> str | int:
    assert envelope.id is not None
    return envelope.id


def _request(
    scope: Scope,
    params: Mapping[str, Any],
    meta: Mapping[str, Any],
    client: Implementation | None,
    correspondent: Repetition | None,
) -> CallRequest:
    return CallRequest(
        tool=params["name"],
        arguments=params.get("arguments", {}),
        credentials=acting(scope.get(CREDENTIALS_KEY) or Credentials(), meta),
        edge="mcp",
        work_order=meta.get(WORK_ORDER_KEY),
        idempotency_key=meta.get(IDEMPOTENCY_KEY),
        claims=claims_of(meta, client),
        correspondent=correspondent,
    )


def _result(result: ToolResult) -> dict[str, Any]:
    return {
        "content": [{"type": "text", "text": result.text}],
        "structuredContent": dict(result.structured),
        "isError": result.is_error,
    }


def _response(call: PlainCall, result: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps({"jsonrpc": "2.0", "id": call.id, "result": result})
    except orjson.JSONEncodeError as error:  # what a middleware put in the tool's place
        raise to_wire(error) from error


def _error(call: PlainCall, error: MCPError) -> bytes:
    response = JSONRPCError(jsonrpc="2.0", id=call.id, error=error.error)
    if call.is_modern:
        return response.model_dump_json(by_alias=True, exclude_none=True).encode()
    return response.model_dump_json(by_alias=True, exclude_unset=True).encode()


async def _unless_left(work: Awaitable[T], receive: Receive) -> T | None:
    """What `work` gives; None, and the work cancelled, where the client leaves before."""
    loop = asyncio.get_running_loop()
    watching: asyncio.Task[None] | None = None
    # A time limit that is over when the client leaves.
    staying = asyncio.timeout(None)

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        staying.reschedule(loop.time())

    def begin() -> None:
        nonlocal watching
        watching = asyncio.create_task(watch())

    try:
        async with staying:
            # Most calls are over before anybody could have left, and a task costs more than a timer.
            beginning = loop.call_later(WATCHED_AFTER_S, begin)
            try:
                return await work
            finally:
                beginning.cancel()
                if watching is not None:
                    watching.cancel()
    except TimeoutError:
        if not staying.expired():
            raise
        return None


async def _send(body: bytes, status: int, send: Send) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send(
        {"type": "http.response.start", "status": status, "headers": [length, _HEADERS_SENT]}
    )
    await send({"type": "http.response.body", "body": body})
