"""Whether an answer still says what the working tree says.

Above: search. Below: git and the files. Looking is cheap enough for every query: git is asked
only when its log of HEAD moved, and a file is read only when its size or time changed.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from agentos import sha256_hex
from agentos_memory.analysis import MAX_FILE_BYTES
from agentos_memory.git_files import find_git_folder, read_file, read_head

HEAD_TRUSTED_FOR_S = 5.0
MAX_REMEMBERED_FILES = 20_000

_Signature = tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class _Head:
    signature: tuple[_Signature, ...]
    commit: str | None
    read_at: float


class Freshness:
    """Compares the index with working trees, remembering what did not change since."""

    def __init__(self) -> None:
        self._git_folders: dict[Path, Path] = {}
        self._heads: dict[Path, _Head] = {}
        self._digests: dict[Path, tuple[_Signature, str]] = {}

    async def head(self, root: Path) -> str | None:
        """The commit checked out at `root`; None where there is none."""
        folder = self._git_folders.get(root)
        if folder is None:
            folder = await find_git_folder(root)
            if folder is None:
                return None
            self._git_folders[root] = folder
        signature = (_signature(folder / "HEAD"), _signature(folder / "logs" / "HEAD"))
        known = self._heads.get(root)
        now = time.monotonic()
        if known and known.signature == signature and now - known.read_at < HEAD_TRUSTED_FOR_S:
            return known.commit
        commit = await read_head(root)
        self._heads[root] = _Head(signature, commit, now)
        return commit

    async def changed_files(
        self, root: Path, paths: Iterable[str], digests: Mapping[str, str]
    ) -> set[str]:
        """Those of `paths` whose content is not what `digests` says, or that are gone."""
        return await asyncio.to_thread(self._changed, root, list(paths), digests)

    def _changed(self, root: Path, paths: list[str], digests: Mapping[str, str]) -> set[str]:
        return {path for path in paths if self._digest(root, path) != digests.get(path)}

    def _digest(self, root: Path, path: str) -> str | None:
        file = root / path
        signature = _signature(file)
        known = self._digests.get(file)
        if known is not None and signature is not None and known[0] == signature:
            return known[1]
        content = read_file(root, path, max_bytes=MAX_FILE_BYTES)
        if not isinstance(content, bytes):
            return None
        if len(self._digests) >= MAX_REMEMBERED_FILES:
            self._digests.clear()
        digest = sha256_hex(content)
        self._digests[file] = (signature, digest)
        return digest


def _signature(path: Path) -> _Signature:
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
