"""Huge pages for what lives as long as a server process.

A call steps through so many of the interpreter's objects that the processor does not keep the
places of their 4 KiB pages, which is dear most of all in a virtual machine. Above: the server
process, once it is started. Below: madvise(2) with MADV_COLLAPSE, of Linux 6.1; anywhere else
nothing is done. What is in a page stays as it is.
"""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

HUGE_PAGE_BYTES = 2 * 1024 * 1024
# Of a range that is mostly in use already: what is not, is made room for as well.
MIN_RESIDENT_SHARE = 0.75
MAX_COLLAPSE_S = 1.0

_MADV_COLLAPSE = 25
_SMAPS = Path("/proc/self/smaps")
_SWITCH = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def collapse_memory(limit_s: float = MAX_COLLAPSE_S) -> int:
    """Put this process's own memory into huge pages where it fills them; how many there are now.

    It stops after `limit_s` seconds, since the system may have to make room, and where the
    machine's administrator wants no huge pages it does not begin. Nothing is raised: what cannot
    be had stays as it is.
    """
    if sys.platform != "linux":
        return 0
    n_collapsed = 0
    # A C library without the call is an AttributeError.
    with suppress(OSError, AttributeError):
        if "[never]" in _SWITCH.read_text("utf-8"):
            return 0
        madvise = ctypes.CDLL(None).madvise
        madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        deadline = time.monotonic() + limit_s
        for start, end in filled_ranges(_SMAPS.read_text("utf-8", "replace")):
            for page in range(start, end, HUGE_PAGE_BYTES):
                if time.monotonic() > deadline:
                    return n_collapsed
                n_collapsed += madvise(page, HUGE_PAGE_BYTES, _MADV_COLLAPSE) == 0
    return n_collapsed


def filled_ranges(smaps: str) -> Iterator[tuple[int, int]]:
    """First address and end of each range of whole huge pages of private memory that is in use.

    `smaps` is the text of /proc/PID/smaps.
    """
    bounds: tuple[int, int] | None = None
    # Names of files may hold whatever else `splitlines` takes for the end of a line.
    for line in smaps.split("\n"):
        name, _, rest = line.partition(" ")
        if rest and not name.endswith(":"):
            bounds = _private_bounds(name, rest)
        elif name == "Rss:" and bounds is not None:
            start, end = bounds
            if int(rest.split()[0]) * 1024 >= MIN_RESIDENT_SHARE * (end - start):
                first = -(-start // HUGE_PAGE_BYTES) * HUGE_PAGE_BYTES
                last = end // HUGE_PAGE_BYTES * HUGE_PAGE_BYTES
                if first < last:
                    yield first, last


def _private_bounds(addresses: str, rest: str) -> tuple[int, int] | None:
    """Where a mapping begins and ends; None for one of a file, one that is shared, or a stack."""
    permissions, _, _, inode, *names = rest.split(maxsplit=4)
    is_own = permissions.startswith("rw") and permissions.endswith("p") and inode == "0"
    if not is_own or (names and not names[0].startswith(("[heap", "[anon"))):
        return None
    start, _, end = addresses.partition("-")
    return int(start, 16), int(end, 16)
