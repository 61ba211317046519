"""Looks at the files of a repository before an answer shows them.

A file that is met for the first time takes ten times as long as one that was looked at before, and
an answer shows a dozen. Above: search. Below: the files as they are now.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import structlog

from agentos_memory.current_files import CurrentFiles

# Some milliseconds of work at once, and as long again for whoever searches meanwhile.
_FILES_PER_STEP = 25
_PAUSE_S = 0.01

_log = structlog.get_logger(__name__)


class ReadAhead:
    """Goes through each repository once, in the background, until as much as is kept is read."""

    def __init__(self, files: CurrentFiles) -> None:
        self._files = files
        self._begun: dict[Path, asyncio.Task[None]] = {}

    def begin(self, root: Path, digests: Mapping[str, str], committed: Mapping[str, str]) -> None:
        """Read the files of `digests` under `root`, unless that was begun before."""
        if root not in self._begun:
            self._begun[root] = asyncio.create_task(self._read(root, digests, committed))

    async def wait(self) -> None:
        """Until all that was begun is read."""
        await asyncio.gather(*self._begun.values())

    async def _read(
        self, root: Path, digests: Mapping[str, str], committed: Mapping[str, str]
    ) -> None:
        paths = list(digests)
        try:
            for start in range(0, len(paths), _FILES_PER_STEP):
                if self._files.is_full:
                    return
                step = paths[start : start + _FILES_PER_STEP]
                await asyncio.to_thread(self._files.read, root, digests, committed, step)
                await asyncio.sleep(_PAUSE_S)
        except Exception as error:  # noqa: BLE001 - whoever shows a file looks at it again
            _log.warning("files_not_read_ahead", error=type(error).__name__)
