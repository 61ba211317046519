"""What processes use, read from /proc: CPU seconds and memory of trees of processes. Linux only.

Above: the benchmark of the index. Figures are sums; memory that processes share counts once for
each of them where it is not told apart, so it is an upper bound.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PROC = Path("/proc")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
# Fields of /proc/PID/stat after the command's name, counted from its closing bracket.
_PARENT, _UTIME, _CSTIME = 1, 11, 15


def parent_of(pid: int) -> int | None:
    """The parent of a process; None where it is gone or out of sight."""
    stat = _stat(pid)
    return None if stat is None else int(stat[_PARENT])


def tree(root: int) -> list[int]:
    """The process `root` with all that descend from it, as of now."""
    found = [root]
    for pid in found:
        found += _children(pid)
    return found


def cpu_s(root: int) -> float:
    """CPU seconds of a tree so far, with those of its ended and awaited processes."""
    stats = [stat for pid in tree(root) if (stat := _stat(pid)) is not None]
    ticks = sum(int(ticks) for stat in stats for ticks in stat[_UTIME : _CSTIME + 1])
    return ticks / _TICKS_PER_S


def resident_bytes(root: int) -> int:
    """Memory that a tree holds for itself: what is backed by no file and shared with nobody."""
    return sum(_anonymous_bytes(pid) for pid in tree(root))


class PeakMemory:
    """The most that was seen; `peak_bytes` grows while it is watched.

    `cpu_s` is what looking took of this process's CPU, known once it has ended.
    """

    def __init__(self) -> None:
        self.peak_bytes = 0
        self.cpu_s = 0.0


@contextmanager
def watched_memory(root: int, *, every_s: float = 0.2) -> Iterator[PeakMemory]:
    """Look at the memory of a tree every now and then while the block runs."""
    peak, ended = PeakMemory(), threading.Event()

    def watch() -> None:
        while True:
            peak.peak_bytes = max(peak.peak_bytes, resident_bytes(root))
            if ended.wait(every_s):
                break
        peak.cpu_s = time.thread_time()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()


def _children(pid: int) -> list[int]:
    found: list[int] = []
    # Any thread may have started one, and any of them may end meanwhile.
    with suppress(OSError):
        for task in (_PROC / str(pid) / "task").iterdir():
            with suppress(OSError):
                found += map(int, (task / "children").read_text().split())
    return found


def _stat(pid: int) -> list[str] | None:
    with suppress(OSError):
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return None


def _anonymous_bytes(pid: int) -> int:
    with suppress(OSError):
        for line in (_PROC / str(pid) / "status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return 0
