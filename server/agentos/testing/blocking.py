"""Notices what blocks the event loop, while the code of a plugin runs on it.

Two witnesses. Python's audit events tell of every file that is opened, program that is started,
name that is resolved, connection that is made and `time.sleep`, on the thread of the loop, below a
frame of the plugin: that needs no clock. A watching thread tells of computation: CPU time of the
loop's thread, not of the wall clock, so that a busy machine blames nobody.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import SupportsIndex

import agentos

CPU_LIMIT_S = 0.25
"""How long a plugin may compute on the loop without letting others run."""
WATCH_EVERY_S = 0.02

_AUDITED = {
    "open": "opens a file",
    "time.sleep": "sleeps",
    "subprocess.Popen": "starts a program",
    "os.system": "runs a shell",
    "socket.connect": "connects",
    "socket.getaddrinfo": "resolves a name",
    "sqlite3.connect": "opens a database",
}
_OURS = f"{Path(agentos.__file__).parent}/"
# Below these nothing blocks on the plugin's behalf: the loop's own work, imports, and the kernel,
# through which a plugin reaches others.
_INNOCENT = ("/asyncio/", "/anyio/", "<frozen importlib", "/importlib/", _OURS)


@dataclass(frozen=True)
class BlockingCall:
    """What blocked, and the line of the plugin that it came from."""

    what: str
    path: str
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.what} on the event loop; use asyncio.to_thread"


class LoopWatch:
    """Collects blocking calls of code below `folders`, on the thread that made it."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.found: list[BlockingCall] = []
        self._folders = tuple(f"{folder.resolve()}/" for folder in folders)
        self._thread = threading.get_ident()
        self._is_active = False

    def audit(self, event: str, arguments: object) -> None:
        """What Python tells of; called for everything the process does, so it leaves early."""
        what = _AUDITED.get(event)
        if what is None or not self._is_active or threading.get_ident() != self._thread:
            return
        if asyncio._get_running_loop() is not None:
            self._blame(sys._getframe(), what)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Watch for as long as the block lasts."""
        _install(self)
        self._is_active = True
        try:
            yield
        finally:
            self._is_active = False
            _watches.discard(self)

    @contextmanager
    def computing(self, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
        """Watch for computation as well, on the loop that runs this."""
        stopping = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(loop, stopping), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            stopping.set()
            watcher.join()

    def _watch(self, loop: asyncio.AbstractEventLoop, stopping: threading.Event) -> None:
        clock = time.pthread_getcpuclockid(self._thread)
        beat = _Beat(lambda: time.clock_gettime(clock))
        is_told = False
        while not stopping.wait(WATCH_EVERY_S):
            if beat.has_arrived:
                is_told = False
                beat.send(loop)
            elif not is_told and beat.cpu_s() > CPU_LIMIT_S:
                frame = sys._current_frames().get(self._thread)
                what = f"computes for more than {CPU_LIMIT_S:g} s"
                is_told = frame is not None and self._blame(frame, what)

    def _blame(self, frame: FrameType | None, what: str) -> bool:
        while frame is not None:
            path = frame.f_code.co_filename
            if path.startswith(self._folders):
                call = BlockingCall(what, path, frame.f_lineno)
                if call not in self.found:
                    self.found.append(call)
                return True
            if path != __file__ and any(part in path for part in _INNOCENT):
                return False
            frame = frame.f_back
        return False


class _Beat:
    """A message to the loop, and how much CPU its thread has used since it was sent."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sent_at = 0.0
        self.has_arrived = True

    def send(self, loop: asyncio.AbstractEventLoop) -> None:
        self.has_arrived = False
        self._sent_at = self._clock()
        loop.call_soon_threadsafe(self._arrive)

    def cpu_s(self) -> float:
        return self._clock() - self._sent_at

    def _arrive(self) -> None:
        self.has_arrived = True


_watches: set[LoopWatch] = set()
_is_installed = False


def _install(watch: LoopWatch) -> None:
    global _is_installed
    _watches.add(watch)
    if not _is_installed:
        # Python has no way to take an audit hook away: one for the process, which passes on.
        sys.addaudithook(_pass_on)
        if sys.version_info < (3, 13):
            time.sleep = _audited_sleep
        _is_installed = True


_sleep = time.sleep


def _audited_sleep(seconds: float | SupportsIndex, /) -> None:
    """What `time.sleep` is from Python 3.13 on: it tells that it is called."""
    _pass_on("time.sleep", (seconds,))
    _sleep(seconds)


def _pass_on(event: str, arguments: object) -> None:
    for watch in tuple(_watches):
        watch.audit(event, arguments)
