"""Checks that a body is one JSON-RPC message, before the SDK sees it.

The SDK refuses the same bodies, but differently in each revision, and with the validator's own
text, which echoes the input. One check gives every client the same short answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from mcp.types import INVALID_REQUEST, PARSE_ERROR

MAX_ID_CHARS = 256
_MEMBERS = frozenset({"jsonrpc", "id", "method", "params"})


class MalformedMessage(Exception):
    """The body is not one JSON-RPC message; `code` is JSON-RPC's."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def body(self) -> bytes:
        """The JSON-RPC error; its id is null, since none could be read."""
        error = {"code": self.code, "message": self.message}
        return orjson.dumps({"jsonrpc": "2.0", "id": None, "error": error})


@dataclass(frozen=True, slots=True)
class Envelope:
    """A checked message, as far as the edge looks into it."""

    method: str | None
    """None for a response, which the protocol lets a client post."""
    id: str | int | None
    params: dict[str, Any]
    """The whole message, where it is a response."""
    is_plain: bool = False
    """Whether the message has no members but those of JSON-RPC."""

    @property
    def wants_stream(self) -> bool:
        """Whether the answer is several messages: progress of a call, or what is listened to."""
        meta = self.params.get("_meta")
        wants_progress = isinstance(meta, dict) and "progressToken" in meta
        return self.method == "subscriptions/listen" or (
            self.method == "tools/call" and wants_progress
        )


def read_envelope(body: bytes) -> Envelope:
    """The one message in `body`; MalformedMessage says what is wrong with it."""
    try:
        message = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedMessage(PARSE_ERROR, f"the body is not JSON: {error}") from None
    if isinstance(message, list):
        raise MalformedMessage(INVALID_REQUEST, "batches are not supported; send one message")
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise MalformedMessage(INVALID_REQUEST, 'a message is an object with "jsonrpc": "2.0"')
    method = message.get("method")
    if method is None and ("result" in message or "error" in message):
        return Envelope(None, _id_of(message), message)
    if not isinstance(method, str):
        raise MalformedMessage(INVALID_REQUEST, "`method` must be a string")
    params = message.get("params", {})
    if not isinstance(params, dict):
        raise MalformedMessage(INVALID_REQUEST, "`params` must be an object")
    return Envelope(method, _id_of(message), params, message.keys() <= _MEMBERS)


def _id_of(message: dict[str, Any]) -> str | int | None:
    if "id" not in message:
        return None
    id = message["id"]
    if type(id) is int or (type(id) is str and len(id) <= MAX_ID_CHARS):
        return id
    raise MalformedMessage(
        INVALID_REQUEST, f"`id` must be an integer or a string of at most {MAX_ID_CHARS} characters"
    )
