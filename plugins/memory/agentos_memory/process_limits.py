"""What a process that reads untrusted text may do and use: no effects, bounded time and memory.

Above: the processes that analyse a repository's files and that read references, and who starts
them. Imports nothing of ours, since such a process starts often.
"""

from __future__ import annotations

import os
import resource
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

_FORBIDDEN = ("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn",
              "os.spawn", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link",
              "os.symlink", "shutil.")  # fmt: skip
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_KEPT_VARIABLES = ("PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH")


def child_environment() -> dict[str, str]:
    """Where Python finds its modules, and no secrets of this process."""
    return {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ} | {
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        # One arena instead of one per thread: address space is what is limited.
        "MALLOC_ARENA_MAX": "1",
    }


def limit_resources(*, memory_bytes: int | None = None, cpu_s: int | None = None) -> None:
    """What this process may use at most from now on, and no file that it writes.

    Systems without a limit go without it.
    """
    for what, amount in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        if amount is not None:
            with suppress(OSError, ValueError):
                resource.setrlimit(what, (amount, amount))


def refuse_effects(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: whatever a file makes a parser do, it reads modules and nothing else."""
    if event.startswith(_FORBIDDEN):
        raise PermissionError(f"{event} is not allowed here")
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING:
        raise PermissionError("writing files is not allowed here")


def peak_bytes() -> int:
    """The most memory that this process has held so far.

    Not by getrusage: there a process begins with what its parent held when it was started.
    """
    try:
        status = Path("/proc/self/status").read_bytes()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return int(status.partition(b"VmHWM:")[2].split(maxsplit=1)[0]) * 1024


class Budget:
    """What one piece of work may use, in a process that does many; enter it for each.

    Past the CPU seconds the kernel ends the process with SIGPROF, whatever it is in the middle of;
    past the memory, beyond what is held at the start, allocations fail.
    """

    def __init__(self, *, cpu_s: float, memory_bytes: int) -> None:
        self._cpu_s = cpu_s
        self._memory_bytes = memory_bytes
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        self._hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        try:
            self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            # Systems without /proc; limited address space means little there.
            self._statm = -1

    def __enter__(self) -> Self:
        signal.setitimer(signal.ITIMER_PROF, self._cpu_s)
        self._limit_memory()
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        if self._statm >= 0:
            resource.setrlimit(resource.RLIMIT_AS, (self._hard, self._hard))

    def close(self) -> None:
        """It is not entered again."""
        if self._statm >= 0:
            os.close(self._statm)
            self._statm = -1

    def _limit_memory(self) -> None:
        if self._statm < 0:
            return
        held = int(os.pread(self._statm, 32, 0).split(b" ", 1)[0]) * _PAGE_BYTES
        limit = held + self._memory_bytes
        if self._hard != resource.RLIM_INFINITY:
            limit = min(limit, self._hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit, self._hard))
