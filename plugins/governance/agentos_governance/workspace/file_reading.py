"""Reads one file of a workspace that a worker may change at the same moment.

Above: evidence recording, gates. Below: paths, the file system. The file is opened once, folder by
folder and never through a link, and only what was opened is looked at and read: a file that is
swapped for a link, a pipe or a device meanwhile is refused, and nothing waits for a pipe's writer.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

from agentos import InvalidArgumentError, NotFoundError
from agentos_governance.workspace.paths import resolve_path

_CHUNK_BYTES = 1 << 20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NO_FILE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO})


def read_workspace_file(workspace: Path, path: str, max_bytes: int) -> tuple[str, bytes]:
    """Where `path` leads, relative to the workspace with `/`, and the bytes of the file there.

    Raises as `resolve_path` does, NotFoundError where there is no regular file, and
    InvalidArgumentError for one that is larger than `max_bytes`, cannot be read, or is a hard link.
    """
    relative = resolve_path(workspace, path, for_write=False)
    return relative, read_listed_file(workspace, relative, max_bytes)


def read_listed_file(workspace: Path, path: str, max_bytes: int) -> bytes:
    """The same for a path that git itself listed, whatever its name is made of."""
    try:
        descriptor = _open_beneath(workspace, path)
    except OSError as error:
        if error.errno in _NO_FILE:
            raise _no_file(path) from error
        raise InvalidArgumentError(f"{path!r} cannot be read: {error.strerror}") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise _no_file(path)
        if status.st_nlink > 1:
            raise InvalidArgumentError(
                f"{path!r} is a hard link: the file has {status.st_nlink} names, perhaps outside "
                "the workspace",
                remedy="put a copy in its place: cp FILE COPY && mv COPY FILE",
            )
        content = None if status.st_size > max_bytes else _read(descriptor, max_bytes)
    except OSError as error:
        raise InvalidArgumentError(f"{path!r} cannot be read: {error.strerror}") from error
    finally:
        os.close(descriptor)
    if content is None:
        raise InvalidArgumentError(f"{path!r} is larger than {max_bytes} bytes")
    return content


def _open_beneath(workspace: Path, relative: str) -> int:
    """A descriptor of the file; every link of the path was resolved before, so none is left."""
    *folders, name = relative.split("/")
    with contextlib.ExitStack() as opened:
        folder = os.open(workspace, _FOLDER)
        opened.callback(os.close, folder)
        for part in folders:
            folder = os.open(part, _FOLDER, dir_fd=folder)
            opened.callback(os.close, folder)
        return os.open(name, _FILE, dir_fd=folder)


def _read(descriptor: int, max_bytes: int) -> bytes | None:
    """The content, or None once it exceeds `max_bytes`: a file may grow while it is read."""
    chunks = []
    left = max_bytes
    while chunk := os.read(descriptor, min(_CHUNK_BYTES, left + 1)):
        left -= len(chunk)
        if left < 0:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def _no_file(path: str) -> NotFoundError:
    return NotFoundError(f"the workspace has no regular file {path!r}")
