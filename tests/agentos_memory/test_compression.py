"""What is stored of an index stays readable, whichever program has compressed it."""

from __future__ import annotations

import zlib

import pytest
from isal import isal_zlib

from agentos_memory.compression import compress, decompress

# Its stubs take the class for an instance.
DAMAGED: type[Exception] = isal_zlib.error  # type: ignore[assignment]
CONTENTS = [b"", b"x", b"def parse(text): ...\n" * 4_000, bytes(range(256)) * 64]


@pytest.mark.parametrize("content", CONTENTS, ids=["empty", "short", "long", "binary"])
def test_what_is_compressed_is_zlibs_format_and_read_again(content: bytes) -> None:
    stored = compress(content)
    assert decompress(stored) == zlib.decompress(stored) == content
    assert compress(content) == stored


@pytest.mark.parametrize("level", [0, 1, 6, 9])
def test_what_zlib_has_stored_is_read(level: int) -> None:
    for content in CONTENTS:
        assert decompress(zlib.compress(content, level)) == content


def test_what_repeats_gets_small() -> None:
    assert len(compress(CONTENTS[2])) < len(CONTENTS[2]) / 50


@pytest.mark.parametrize("stored", [b"", b"no zlib", compress(CONTENTS[2])[:-9]])
def test_what_is_damaged_is_refused(stored: bytes) -> None:
    with pytest.raises(DAMAGED):
        decompress(stored)
