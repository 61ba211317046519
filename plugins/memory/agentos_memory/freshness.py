"""Which commit a working tree has checked out, asked for at every query.

Above: search and tracing. Below: git, which is asked only when its log of HEAD moved.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from agentos_memory.git_files import find_git_folder, read_head

HEAD_TRUSTED_FOR_S = 5.0

_Signature = tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class _Head:
    signature: tuple[_Signature, ...]
    commit: str | None
    read_at: float


class Freshness:
    """Reads the HEAD of working trees, remembering what did not change since."""

    def __init__(self) -> None:
        self._git_folders: dict[Path, str] = {}
        self._heads: dict[Path, _Head] = {}

    async def head(self, root: Path) -> str | None:
        """The commit checked out at `root`; None where there is none."""
        folder = self._git_folders.get(root)
        if folder is None:
            found = await find_git_folder(root)
            if found is None:
                return None
            folder = self._git_folders[root] = str(found)
        signature = (_signature(f"{folder}/HEAD"), _signature(f"{folder}/logs/HEAD"))
        known = self._heads.get(root)
        now = time.monotonic()
        if known and known.signature == signature and now - known.read_at < HEAD_TRUSTED_FOR_S:
            return known.commit
        commit = await read_head(root)
        self._heads[root] = _Head(signature, commit, now)
        return commit


def _signature(path: str) -> _Signature:
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
