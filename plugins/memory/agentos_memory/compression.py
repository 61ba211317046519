"""How stored parts of an index are compressed: as zlib does, by ISA-L in a third of its time.

Above: whatever encodes facts, chunks, relations and knowledge of files. An index of Django is made
of 115 MB of it. What zlib has compressed is read as well, and zlib reads what comes from here.
"""

from __future__ import annotations

from isal import isal_zlib

# Beyond it, nothing gets smaller that is worth the time.
_LEVEL = 1


def compress(content: bytes) -> bytes:
    """The content in zlib's format (RFC 1950)."""
    return isal_zlib.compress(content, _LEVEL)


def decompress(stored: bytes) -> bytes:
    """What was compressed, by whatever writes the format."""
    return isal_zlib.decompress(stored)
