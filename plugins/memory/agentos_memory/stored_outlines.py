"""Stored form of a file's outline: which names it mentions, small enough to read for all files.

Above: contents of files, and the graph's refresh, which reads them all. Below: outlines.
"""

from __future__ import annotations

from dataclasses import astuple

import orjson

from agentos_memory.compression import compress, decompress
from agentos_memory.resolution.outlines import FileOutline


def encode_outline(outline: FileOutline) -> bytes:
    """The stored form; equal outlines give equal bytes."""
    return compress(orjson.dumps(astuple(outline)))


def decode_outline(stored: bytes) -> FileOutline:
    """What `encode_outline` was given."""
    return FileOutline(*orjson.loads(decompress(stored)))
