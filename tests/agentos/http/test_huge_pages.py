"""What lives as long as a server process is put into huge pages, and stays what it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agentos.http import huge_pages
from agentos.http.huge_pages import HUGE_PAGE_BYTES, collapse_memory, filled_ranges

_SWITCH = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def _mapping(start: int, size: int, rss: int, what: str = "rw-p 00000000 00:00 0") -> str:
    return (
        f"{start:x}-{start + size:x} {what}\n"
        f"Size:           {size // 1024} kB\n"
        f"Rss:            {rss // 1024} kB\n"
        "VmFlags: rd wr mr mw me ac sd\n"
    )


def test_only_whole_huge_pages_of_own_memory_in_use_are_collapsed() -> None:
    page, at = HUGE_PAGE_BYTES, 64 * HUGE_PAGE_BYTES
    smaps = "".join(
        [
            _mapping(at - 4096, 3 * page, 3 * page),
            _mapping(2 * at, 3 * page, page),
            _mapping(3 * at, 3 * page, 3 * page, "rw-p 00000000 00:00 0          [heap]"),
            _mapping(4 * at, 3 * page, 3 * page, "rw-p 00000000 00:00 0          [stack]"),
            _mapping(5 * at, 3 * page, 3 * page, "r-xp 00000000 00:00 0"),
            _mapping(6 * at, 3 * page, 3 * page, "rw-s 00000000 00:05 7  /dev/zero (deleted)"),
            _mapping(7 * at, 3 * page, 3 * page, "rw-p 00001000 fe:00 99 /usr/lib/with space.so"),
            _mapping(8 * at + 4096, page, page),
            _mapping(9 * at, page, page, "r--p 00001000 fe:00 99 /tmp/a\x0cb\x85c\u2028d.so"),
        ]
    )
    assert list(filled_ranges(smaps)) == [(at, at + 2 * page), (3 * at, 3 * at + 3 * page)]


_PROGRAM = """
from pathlib import Path
from agentos.http.huge_pages import collapse_memory, filled_ranges

def huge():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("AnonHugePages:"))

objects = [str(n) * 4 for n in range(400_000)]
collapsed = collapse_memory()
assert objects == [str(n) * 4 for n in range(400_000)]
ranges = list(filled_ranges(Path("/proc/self/smaps").read_text("utf-8", "replace")))
print(collapsed, huge(), sum(end - start for start, end in ranges))
"""


@pytest.mark.skipif(
    not _SWITCH.exists() or "[never]" in _SWITCH.read_text(), reason="no huge pages here"
)
def test_objects_of_a_process_lie_in_huge_pages_after_it() -> None:
    found = subprocess.run(
        [sys.executable, "-c", _PROGRAM], check=True, capture_output=True, text=True
    )
    collapsed, huge_kb, filled_bytes = map(int, found.stdout.split())
    assert filled_bytes >= 10 * HUGE_PAGE_BYTES
    if not collapsed:
        pytest.skip("this kernel cannot collapse, or has no huge page to give")
    assert huge_kb * 1024 >= collapsed * HUGE_PAGE_BYTES // 2


def test_it_takes_no_longer_than_it_may() -> None:
    assert collapse_memory(limit_s=-1) == 0


def test_an_administrator_who_wants_no_huge_pages_gets_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    switch = tmp_path / "enabled"
    switch.write_text("always madvise [never]\n")
    monkeypatch.setattr(huge_pages, "_SWITCH", switch)
    assert collapse_memory() == 0


def test_another_system_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert collapse_memory() == 0
