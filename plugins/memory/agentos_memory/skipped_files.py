"""Stored form of the list of files that no analysis saw: one compressed value per repository.

There may be far more of them than of indexed ones, and nothing asks for a single one. Above: the
indexer and the catalogue. Below: `model`.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from agentos_memory.compression import compress, decompress
from agentos_memory.model import SkippedFile


def encode_skipped(files: Sequence[SkippedFile]) -> bytes:
    """The stored form; equal lists give equal bytes."""
    return compress(orjson.dumps([[f.path, f.reason, f.detail] for f in files]))


def decode_skipped(stored: bytes | None) -> list[SkippedFile]:
    """What `encode_skipped` was given; nothing for a repository that never stored a list."""
    if stored is None:
        return []
    return [SkippedFile(*each) for each in orjson.loads(decompress(stored))]
