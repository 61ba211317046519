"""The process of a language server: a limited environment, a group of its own, no orphans.

Above: the client. Below: the supervisor, which ends the group when this process is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from agentos import UnavailableError
from agentos_memory.language_servers import supervision
from agentos_memory.language_servers.declarations import (
    MEMORY_LIMIT_MB,
    InstalledServer,
    search_path,
)

# Above the limit that servers keep by themselves, which is of one heap.
MAX_GROUP_BYTES = (MEMORY_LIMIT_MB + 1024) << 20

_KEPT_VARIABLES = ("HOME", "TMPDIR", "GOPATH", "GOCACHE", "GOMODCACHE", "GOROOT")


@asynccontextmanager
async def start_process(
    installed: InstalledServer,
    folder: Path,
    *,
    niceness: int = 0,
    max_bytes: int = MAX_GROUP_BYTES,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The server running in `folder`, led by its supervisor; the whole group ends with the block.

    It also ends when this process is killed, and when it takes more than `max_bytes`.
    """
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    # A relative folder in PATH would be one of the repository.
    environment = {**kept, "PATH": search_path(), "LC_ALL": "C.UTF-8"}
    theirs, ours = os.pipe()
    try:
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", supervision.__file__),
                *(str(theirs), str(max_bytes), str(niceness)),
                *installed.command,
                cwd=folder,
                env={**environment, **installed.server.environment},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
                pass_fds=[theirs],
            )
        except OSError as error:
            raise UnavailableError(
                f"{installed.server.name} does not start: {error.strerror}"
            ) from error
        finally:
            os.close(theirs)
        try:
            yield process
        finally:
            await _end(process)
    finally:
        os.close(ours)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the whole group: servers start helpers of their own, which must not stay behind."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
    if process.stdin is not None:
        process.stdin.close()
