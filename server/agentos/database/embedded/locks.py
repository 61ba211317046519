"""Kernel-held file locks: who is alive is asked of flock(2), never of a process-id file.

A lock belongs to an open file, which children inherit; it is free exactly when every process
that holds the file has gone, however it went. Above it: `cluster` and `server`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from agentos.database.embedded.account import ServerAccount

POLL_S = 0.01


def open_private(path: Path, account: ServerAccount, flags: int = os.O_RDWR) -> int:
    """A descriptor of `path`, created for its owner alone if absent; the caller closes it."""
    flags |= os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        fd = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return os.open(path, flags)
    if account.drops:
        os.fchown(fd, account.uid, account.gid)
    return fd


def try_lock(fd: int, *, shared: bool = False) -> bool:
    """Take the lock now, or return False."""
    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unlock(fd: int) -> None:
    """Give the lock up for every process that shares the open file."""
    fcntl.flock(fd, fcntl.LOCK_UN)


def is_locked(path: Path) -> bool:
    """Whether somebody holds the lock of `path` exclusively; False when there is no such file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not try_lock(fd, shared=True)
    finally:
        os.close(fd)


@contextlib.contextmanager
def exclusive(fd: int, *, deadline: float) -> Iterator[None]:
    """Hold the lock of `fd`, which is closed at the end.

    Raises TimeoutError when `time.monotonic()` passes `deadline` before the lock is free.
    """
    try:
        while not try_lock(fd):
            if time.monotonic() > deadline:
                raise TimeoutError("another process is still starting or stopping the server")
            time.sleep(POLL_S)
        yield
    finally:
        os.close(fd)
