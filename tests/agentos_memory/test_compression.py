"""What is stored of an index stays readable, and equal contents are stored as equal bytes."""

from __future__ import annotations

import random
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest

from agentos_memory.compression import compress, decompress

CONTENTS = [b"", b"x", b"def parse(text): ...\n" * 4_000, bytes(range(256)) * 64]
SOURCES = sorted(Path(sys.modules[compress.__module__].__file__ or "").parent.rglob("*.py"))

DIGESTS = """
import random, sys
from hashlib import sha256
from pathlib import Path
from agentos_memory.compression import compress
paths = sys.stdin.read().split("\\n")
order = paths[:]
random.Random(int(sys.argv[1])).shuffle(order)
digests = {path: sha256(compress(Path(path).read_bytes())).hexdigest() for path in order}
print("\\n".join(digests[path] for path in paths))
"""


@pytest.mark.parametrize("content", CONTENTS, ids=["empty", "short", "long", "binary"])
def test_what_is_compressed_is_read_again(content: bytes) -> None:
    assert decompress(compress(content)) == content


@pytest.mark.parametrize("level", [0, 1, 6, 9])
def test_what_zlib_has_stored_is_read(level: int) -> None:
    for content in CONTENTS:
        assert decompress(zlib.compress(content, level)) == content


def test_what_repeats_gets_small() -> None:
    assert len(compress(CONTENTS[2])) < len(CONTENTS[2]) / 50


def test_equal_contents_give_equal_bytes_whatever_came_before_and_in_every_process() -> None:
    assert len(SOURCES) > 100
    shuffled = random.Random(0).sample(SOURCES, len(SOURCES))
    here = {path: sha256(compress(path.read_bytes())).hexdigest() for path in shuffled}
    for seed in ("1", "2"):
        told = subprocess.run(
            [sys.executable, "-c", DIGESTS, seed],
            input="\n".join(map(str, SOURCES)),
            capture_output=True,
            text=True,
            check=True,
        )
        assert told.stdout.split() == [here[path] for path in SOURCES]


def test_threads_that_compress_at_once_do_not_disturb_each_other() -> None:
    contents = [path.read_bytes() for path in SOURCES]
    alone = list(map(compress, contents))
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(compress, contents * 4, chunksize=1))
    assert together == alone * 4


@pytest.mark.parametrize("stored", [b"", b"neither", compress(CONTENTS[2])[:-9]])
def test_what_is_damaged_is_refused(stored: bytes) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        decompress(stored)
