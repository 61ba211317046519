"""What the files of an answer hold now, and whether that is what was indexed and committed.

Above: search, which cuts lines from here. Below: git and the files. Every file of an answer is
read anew, so that no line is ever given that is not there.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from agentos import Git, sha256_hex
from agentos_memory.analysis import MAX_FILE_BYTES, analyse_file
from agentos_memory.chunks import Chunk, chunk_file
from agentos_memory.git_files import GIT_TIMEOUT_S
from agentos_memory.model import FileAnalysis
from agentos_memory.python_modules import package_directories
from agentos_memory.work_files import read_file

REMEMBERED_COMMITS = 16
REMEMBERED_FILES = 20_000

_Signature: TypeAlias = tuple[int, int, int, int] | None


@dataclass(frozen=True, slots=True)
class CurrentFile:
    """A file as it is; `content` is None where it is gone or cannot be indexed any more.

    `is_indexed`: it is what the index was made from. `is_committed`: the commit of the index has
    exactly this content.
    """

    path: str
    content: bytes | None
    is_indexed: bool
    is_committed: bool


@dataclass(frozen=True, slots=True)
class _Digests:
    sha256: str
    object_id: str


class CurrentFiles:
    """Reads files, and remembers the digests of those that did not change since."""

    def __init__(self) -> None:
        self._digests: dict[Path, tuple[_Signature, _Digests]] = {}

    def read(
        self,
        root: Path,
        digests: Mapping[str, str],
        committed: Mapping[str, str],
        paths: Iterable[str],
    ) -> dict[str, CurrentFile]:
        """The files at `paths`, compared with indexed `digests` and `committed` object ids."""
        return {
            path: self._read(root, path, digests.get(path), committed.get(path)) for path in paths
        }

    def _read(
        self, root: Path, path: str, digest: str | None, object_id: str | None
    ) -> CurrentFile:
        # Taken before the content: a change in between is seen by the next look.
        signature = _signature(root / path)
        content = read_file(root, path, max_bytes=MAX_FILE_BYTES)
        if not isinstance(content, bytes):
            return CurrentFile(path, None, False, False)
        known = self._digests.get(root / path)
        if known is not None and signature is not None and known[0] == signature:
            found = known[1]
        else:
            found = _Digests(sha256_hex(content), _object_id(content, object_id))
            if len(self._digests) >= REMEMBERED_FILES:
                self._digests.clear()
            self._digests[root / path] = (signature, found)
        return CurrentFile(path, content, found.sha256 == digest, found.object_id == object_id)


def _signature(path: Path) -> _Signature:
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def _object_id(content: bytes, like: str | None) -> str:
    """The id that git gives the content, in the repository's own hash."""
    name = "sha256" if like is not None and len(like) == 64 else "sha1"
    return hashlib.new(name, b"blob %d\0" % len(content) + content).hexdigest()


def found_again(
    file: CurrentFile, symbol: str, kind: str, near_line: int, all_paths: Iterable[str]
) -> Chunk | None:
    """The chunk of `symbol` in a file that changed, the nearest to where it was; None: gone."""
    if file.content is None:
        return None
    packages = package_directories(all_paths)
    analysis = analyse_file(file.path, file.content, package_dirs=packages)
    if not isinstance(analysis, FileAnalysis):
        return None
    chunks = [c for c in chunk_file(analysis, file.content) if c.qualified_name == symbol]
    same = [chunk for chunk in chunks if chunk.kind == kind]
    return min(same, key=lambda chunk: abs(chunk.start_line - near_line), default=None)


class CommittedFiles:
    """Object ids of all files of commits, listed once per commit."""

    def __init__(self) -> None:
        self._listed: OrderedDict[tuple[Path, str], Mapping[str, str]] = OrderedDict()

    async def of(self, root: Path, commit: str | None) -> Mapping[str, str]:
        """Object id by path; empty without a commit, or where git does not know it (any more)."""
        if commit is None:
            return {}
        found = self._listed.get((root, commit))
        if found is None:
            found = await _list(root, commit)
            self._listed[root, commit] = found
            if len(self._listed) > REMEMBERED_COMMITS:
                self._listed.popitem(last=False)
        return found


async def _list(root: Path, commit: str) -> Mapping[str, str]:
    if not await asyncio.to_thread(root.is_dir):
        return {}
    git = Git(root, timeout_s=GIT_TIMEOUT_S)
    listed = await git.run("ls-tree", "-r", "-z", "--full-tree", commit)
    if listed.status != 0:
        return {}
    objects: dict[str, str] = {}
    for entry in listed.output.split(b"\0"):
        about, _, path = entry.partition(b"\t")
        if b" blob " in about:
            objects[path.decode("utf-8", "replace")] = about.rpartition(b" ")[2].decode("ascii")
    return objects
