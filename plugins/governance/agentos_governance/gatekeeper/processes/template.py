"""The one process of each server from which processes of checks are forked: started, asked, ended.

Above: lanes. Below: forking. It starts once, when the first review or the server's own warming
asks for it, without this process's environment; it belongs to the whole process, not to a kernel or
an event loop, and ends when this process does, however that happens: it sees the end of its socket.
Everything here blocks for milliseconds, a start for a second: call it from threads.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass

import structlog

from agentos import UnavailableError
from agentos_governance.gatekeeper.processes.message import MESSAGE

WARM_AFTER_S = 3.0
"""The start of a server has other things to do first, and short-lived ones need no process."""
START_TIMEOUT_S = 60.0
FORK_TIMEOUT_S = 20.0
_MODULE = "agentos_governance.gatekeeper.processes.forking"
_KEPT_VARIABLES = ("PATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
_MAX_SAID_BYTES = 4_096

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Fork:
    """A process of checks, in a group of its own, and the socket to it."""

    pid: int
    connection: socket.socket
    template: subprocess.Popen[bytes]
    control: socket.socket

    @property
    def is_template_alive(self) -> bool:
        """Whether the process from which it was forked is there; it does not outlive that."""
        return self.template.poll() is None

    def end(self) -> None:
        """Kill it and whatever it started, and have it buried; it may be over already."""
        self.connection.close()
        # Its id is its own until its parent buries it, and without a parent it is dead.
        if self.is_template_alive:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            with suppress(OSError):
                self.control.sendall(MESSAGE.pack(self.pid))


class CheckTemplate:
    """See the module; any number of threads may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started: tuple[subprocess.Popen[bytes], socket.socket] | None = None

    def warm(self) -> None:
        """Start the process where it is not there; UnavailableError where it does not start."""
        with self._lock:
            self._ensure_started()

    def fork(self, *, starts_programs: bool) -> Fork:
        """A new process of checks; UnavailableError where none can be made."""
        with self._lock:
            try:
                return self._fork(starts_programs)
            except OSError:
                # It was killed since the last review; nobody's work did that.
                _log.warning("check_process_replaced")
                self._stop()
            try:
                return self._fork(starts_programs)
            except OSError as error:
                self._stop()
                raise UnavailableError(f"no process for checks can be made: {error}") from error

    def close(self) -> None:
        """End the process and all its forks; a later `fork` starts another."""
        with self._lock:
            self._stop()

    def forget(self) -> None:
        """In a fork of this process: the process belongs to the parent."""
        self._lock = threading.Lock()
        if self._started is not None:
            self._started[1].close()
            self._started = None

    @property
    def pid(self) -> int | None:
        """Of the process, where it was started and is there."""
        started = self._started
        return None if started is None or started[0].poll() is not None else started[0].pid

    def _fork(self, starts_programs: bool) -> Fork:
        process, control = self._ensure_started()
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                socket.send_fds(control, [MESSAGE.pack(int(starts_programs))], [theirs.fileno()])
            control.settimeout(FORK_TIMEOUT_S)
            (pid,) = MESSAGE.unpack(_receive(control))
        except BaseException:
            ours.close()
            raise
        return Fork(pid, ours, process, control)

    def _ensure_started(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        if self._started is None:
            self._started = _start()
        return self._started

    def _stop(self) -> None:
        if self._started is None:
            return
        (process, control), self._started = self._started, None
        control.close()
        try:
            process.wait(5.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _start() -> tuple[subprocess.Popen[bytes], socket.socket]:
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", _MODULE, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=_environment(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            # Whoever interrupts a terminal means the server, which ends this one.
            start_new_session=True,
        )
    assert process.stderr is not None
    try:
        ours.settimeout(START_TIMEOUT_S)
        _receive(ours)
    except OSError:
        ours.close()
        process.kill()
        said = process.stderr.read(_MAX_SAID_BYTES).decode("utf-8", "replace")
        _log.error("check_process_not_started", said=said)
        process.wait()
        raise UnavailableError("the process for checks of submitted work does not start") from None
    finally:
        process.stderr.close()
    return process, ours


def _receive(control: socket.socket) -> bytes:
    message = control.recv(MESSAGE.size, socket.MSG_WAITALL)
    if len(message) < MESSAGE.size:
        raise ConnectionResetError("the process for checks is gone")
    return message


def _environment() -> dict[str, str]:
    """Where Python finds its modules, and no secrets of this process."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    folders = [
        os.path.abspath(each) for each in os.environ.get("PYTHONPATH", "").split(":") if each
    ]
    return {
        **kept,
        "PYTHONPATH": ":".join(folders),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        # One arena instead of one per thread: address space is what is limited.
        "MALLOC_ARENA_MAX": "1",
    }


async def warm_up() -> None:
    """Start the process for the reviews to come; one that does not start is logged, and tried then."""
    await asyncio.sleep(WARM_AFTER_S)
    with suppress(UnavailableError):
        await asyncio.to_thread(TEMPLATE.warm)


TEMPLATE = CheckTemplate()
"""That of this process."""
atexit.register(TEMPLATE.close)
# A fork of this process must not speak on its socket.
os.register_at_fork(after_in_child=TEMPLATE.forget)
