"""Lines cut out of files: what `bytes.splitlines` would give, without making all the lines."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from agentos_memory.spans import cut_lines

_PIECES = st.lists(
    st.sampled_from([b"a", b"\n", b"\r", b"\r\n", b"\x0b", b"x" * 5_000]), max_size=12
)


@given(_PIECES, st.integers(1, 9), st.integers(0, 5))
def test_lines_are_those_of_splitlines(pieces: list[bytes], first: int, more: int) -> None:
    content = b"".join(pieces)
    lines = content.splitlines(keepends=True)
    last = first + more
    expected = b"".join(lines[first - 1 : last]) if last <= len(lines) else len(lines)
    assert cut_lines(content, first, last) == expected


def test_the_last_of_a_million_lines_is_found_at_once() -> None:
    content = b"\n" * 1_000_000 + b"end"
    started = time.thread_time()
    assert cut_lines(content, 1_000_001, 1_000_001) == b"end"
    assert cut_lines(content, 1, 2_000_000) == 1_000_001
    assert time.thread_time() - started < 1
