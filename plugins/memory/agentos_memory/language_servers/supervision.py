"""Leads the process group of one language server, and ends it with whoever started it.

    python -I -S supervision.py LIFELINE MAX_BYTES NICENESS PROGRAM [ARGUMENT ...]

Servers start helpers of their own, and a process that is killed cannot clean up after itself. So
this one holds the other end of a pipe (LIFELINE): once nobody holds the first end any more, the
whole group is killed, also when its memory exceeds MAX_BYTES. Above: `processes`. Imports nothing
but the standard library, since it is there once for each server.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import NoReturn

LOOKS_EVERY_S = 2.0
# What shells say of a program that cannot be started.
NOT_STARTED = 127

_PR_SET_PDEATHSIG = 1
_GROUP_FIELD, _RESIDENT_FIELD = 2, 21


def main() -> None:
    """Run the server until it ends, its memory is too much, or nobody is there any more."""
    lifeline, max_bytes, niceness = map(int, sys.argv[1:4])
    if niceness:
        os.nice(niceness)
    try:
        # No thread runs yet, so that code may run between fork and exec.
        server = subprocess.Popen(sys.argv[4:], preexec_fn=_end_with_parent)  # noqa: PLW1509
    except OSError as error:
        print(f"it does not start: {error.strerror}", file=sys.stderr, flush=True)
        sys.exit(NOT_STARTED)
    # The server alone holds them, so that its end is seen at once.
    os.close(0)
    os.close(1)
    threading.Thread(target=_watch, args=(lifeline, max_bytes), daemon=True).start()
    server.wait()
    _kill_group()


def _end_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _watch(lifeline: int, max_bytes: int) -> None:
    while not select.select([lifeline], [], [], LOOKS_EVERY_S)[0]:
        if sum(_resident_bytes()) > max_bytes:
            said = f"it was ended, since it took more than {max_bytes >> 20} MiB"
            print(said, file=sys.stderr, flush=True)
            break
    _kill_group()


def _resident_bytes() -> Iterator[int]:
    """Memory of each process of this group; nothing on systems without /proc."""
    own, page = os.getpgrp(), os.sysconf("SC_PAGE_SIZE")
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        if name.isdecimal():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                    # The name before it may hold anything.
                    fields = file.read().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[_GROUP_FIELD]) == own:
                yield int(fields[_RESIDENT_FIELD]) * page


def _kill_group() -> NoReturn:
    os.killpg(0, signal.SIGKILL)
    raise SystemExit


if __name__ == "__main__":
    main()
