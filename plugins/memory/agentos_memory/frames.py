"""Messages between an indexer and its analysis process: JSON with blobs behind it.

A frame is the number of its parts, their lengths, all 4 bytes big-endian, and the parts: first a
JSON document, then blobs as they are. Above: both ends. Nothing is ever unpickled, so that a parser
broken by a hostile file cannot reach beyond its process.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Any, TypeAlias

import orjson

if TYPE_CHECKING:
    # Costly to load, and only one of both ends needs it.
    from asyncio import StreamReader

MAX_PART_BYTES = 512 * 1024 * 1024
MAX_PARTS = 100_000

Frame: TypeAlias = tuple[Any, Sequence[bytes]]


def pack_frame(message: Any, blobs: Sequence[bytes] = ()) -> bytes:
    """The bytes of one frame."""
    parts = [orjson.dumps(message), *blobs]
    lengths = struct.pack(f">{len(parts) + 1}I", len(parts), *map(len, parts))
    return b"".join([lengths, *parts])


def read_frame(stream: IO[bytes]) -> Frame | None:
    """The next frame of a blocking stream; None at its end, also in the middle of a frame."""
    count = stream.read(4)
    if len(count) < 4:
        return None
    n_parts = _count(count)
    read = stream.read(4 * n_parts)
    if len(read) < 4 * n_parts:
        return None
    lengths = _lengths(read, n_parts)
    parts = [stream.read(length) for length in lengths]
    if any(len(part) < length for part, length in zip(parts, lengths, strict=True)):
        return None
    return orjson.loads(parts[0]), parts[1:]


async def receive_frame(stream: StreamReader) -> Frame:
    """The next frame; asyncio's IncompleteReadError where the other end is gone."""
    n_parts = _count(await stream.readexactly(4))
    lengths = _lengths(await stream.readexactly(4 * n_parts), n_parts)
    parts = [await stream.readexactly(length) for length in lengths]
    return orjson.loads(parts[0]), parts[1:]


def _count(read: bytes) -> int:
    count: int = struct.unpack(">I", read)[0]
    if not 1 <= count <= MAX_PARTS:
        raise ValueError(f"a frame of {count} parts")
    return count


def _lengths(read: bytes, n_parts: int) -> tuple[int, ...]:
    lengths: tuple[int, ...] = struct.unpack(f">{n_parts}I", read)
    if max(lengths) > MAX_PART_BYTES:
        raise ValueError(f"a frame with a part of {max(lengths)} bytes")
    return lengths
