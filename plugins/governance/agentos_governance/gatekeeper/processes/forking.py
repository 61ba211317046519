"""The process that forks processes of checks: `python -m agentos_governance.gatekeeper.processes.forking`.

It has loaded every check and has seen no work, so a fork of it is ready in milliseconds and knows
nothing of another review. Above: template starts it, once for each server process. Below:
session, which a fork runs. It ends with its server: at the end of its socket it kills what it
forked, and what it forked dies with it.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import socket
import sys
from contextlib import suppress
from typing import NoReturn

from agentos_governance.gatekeeper.foreign.syntax_trees import load_grammars
from agentos_governance.gatekeeper.processes.message import MESSAGE
from agentos_governance.gatekeeper.processes.session import run_session

_PR_SET_PDEATHSIG = 1


def serve(control: socket.socket) -> None:
    """Fork and bury as the server says, until it is gone."""
    alive: set[int] = set()
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, MESSAGE.size, 1)
        if len(message) < MESSAGE.size:
            break
        (value,) = MESSAGE.unpack(message)
        if descriptors:
            pid = _fork(control, descriptors[0], starts_programs=bool(value))
            alive.add(pid)
            control.sendall(MESSAGE.pack(pid))
        elif value in alive:
            # Until now its id was nobody else's, so that the server could kill it safely.
            os.waitpid(value, 0)
            alive.remove(value)
    for pid in alive:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def _fork(control: socket.socket, descriptor: int, *, starts_programs: bool) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        control.close()
        _live(parent, descriptor, starts_programs)
    # By both, so that the group is there whoever is faster.
    with suppress(OSError):
        os.setpgid(pid, pid)
    os.close(descriptor)
    return pid


def _live(parent: int, descriptor: int, starts_programs: bool) -> NoReturn:
    status = 1
    try:
        with suppress(OSError):
            os.setpgid(0, 0)
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == parent:
            run_session(descriptor, starts_programs=starts_programs)
            status = 0
    finally:
        # Nothing of the process that was forked is to be tidied up here.
        os._exit(status)


def main() -> None:
    """Serve the process that started this one; the number of the socket is the argument."""
    control = socket.socket(fileno=int(sys.argv[1]))
    for number in (signal.SIGTERM, signal.SIGINT):
        # Whoever ends a server and all its processes leaves it time for calls in flight.
        signal.signal(number, signal.SIG_IGN)
    load_grammars()
    gc.collect()
    gc.freeze()
    with suppress(ConnectionError):
        control.sendall(MESSAGE.pack(0))
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stderr.fileno())
        serve(control)


if __name__ == "__main__":
    main()
