"""Reading single files of a working tree without being led out of it.

Above: scanning, the analysis session, freshness, anchors. Imports nothing of the kernel, since the
process that analyses files starts with every large run.
"""

from __future__ import annotations

import os
import stat
from functools import lru_cache
from pathlib import Path


def read_file(root: Path, path: str, *, max_bytes: int) -> bytes | int | None:
    """The content of a regular file, its size when over `max_bytes`, or None.

    None stands for a file that is gone, or is reached through a symbolic link, which is never
    followed: it may lead out of the repository. `root` must be resolved.
    """
    folder, _, _ = path.rpartition("/")
    if not _is_inside(str(root), folder):
        return None
    try:
        # Without O_NONBLOCK a named pipe would block here for ever.
        handle = os.open(
            f"{root}/{path}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        )
    except OSError:
        return None
    try:
        status = os.fstat(handle)
        # Its folder may have become a link since it was looked at.
        if not stat.S_ISREG(status.st_mode) or not _stands_at(handle, f"{root}/{path}"):
            return None
        if status.st_size > max_bytes:
            return status.st_size
        # One byte more than there should be, and no buffer for the largest file there may be.
        return _read_at_most(handle, status.st_size + 1)
    except OSError:
        return None
    finally:
        os.close(handle)


def forget_folders() -> None:
    """Look at folders anew; called when a run starts, since links may have come since."""
    _is_inside.cache_clear()


def _read_at_most(handle: int, n_bytes: int) -> bytes:
    """Up to `n_bytes`; a file that grows while it is read ends somewhere within."""
    content = os.read(handle, n_bytes)
    while len(content) < n_bytes:
        more = os.read(handle, n_bytes - len(content))
        if not more:
            break
        content += more
    return content


def _stands_at(handle: int, path: str) -> bool:
    """Whether the open file was reached by exactly `path`, without a symbolic link."""
    try:
        return os.readlink(f"/proc/self/fd/{handle}") == path
    except OSError:
        # Systems without /proc; here a link that comes and goes in between is not seen.
        return os.path.realpath(path) == path


@lru_cache(maxsize=8192)
def _is_inside(root: str, folder: str) -> bool:
    """Whether no component of `folder` is a symbolic link."""
    joined = os.path.join(root, folder) if folder else root
    return os.path.realpath(joined) == joined
