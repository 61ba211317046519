"""JSON-RPC messages between us and a language server: a header with the length, then JSON.

Source: Language Server Protocol 3.17, "Base Protocol". Above: the client.
"""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from agentos import UnavailableError

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
MAX_HEADER_LINES = 20
LENGTH_HEADER = b"content-length"


def encode_message(message: dict[str, Any]) -> bytes:
    """The bytes that carry one message."""
    body = orjson.dumps({"jsonrpc": "2.0", **message})
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


async def read_message(stream: asyncio.StreamReader) -> dict[str, Any] | None:
    """The next message, None at the end of the stream.

    Raises UnavailableError for what is not the protocol: a broken header, a message over
    MAX_MESSAGE_BYTES, or a body that is no JSON object.
    """
    length = await _read_length(stream)
    if length is None:
        return None
    if length > MAX_MESSAGE_BYTES:
        raise UnavailableError(
            f"the language server sent {length} bytes at once; the limit is {MAX_MESSAGE_BYTES}"
        )
    try:
        message = orjson.loads(await stream.readexactly(length))
    except asyncio.IncompleteReadError:
        return None
    except orjson.JSONDecodeError as error:
        raise UnavailableError(f"the language server sent no JSON: {error}") from error
    if not isinstance(message, dict):
        raise UnavailableError("the language server sent JSON that is no message")
    return message


async def _read_length(stream: asyncio.StreamReader) -> int | None:
    length: int | None = None
    for _ in range(MAX_HEADER_LINES):
        try:
            line = await stream.readline()
        except ValueError as error:
            raise UnavailableError("the language server sent an endless header") from error
        if not line:
            return None
        if line.strip() == b"":
            if length is None:
                raise UnavailableError("the language server sent a header without a length")
            return length
        name, _, value = line.partition(b":")
        if name.strip().lower() == LENGTH_HEADER and value.strip().isdigit():
            length = int(value)
    raise UnavailableError("the language server sent an endless header")
