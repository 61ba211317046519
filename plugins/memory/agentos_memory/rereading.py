"""Files that changed since they were indexed, read anew for an answer that shows them as they are.

Above: search, references of observations. Below: a worker, since a hostile file may take minutes;
an answer does not wait for that. What a file gave, or that it gave nothing, is remembered.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from agentos import sha256_hex
from agentos_memory.analysts import content_of_frame
from agentos_memory.chunk_records import FileChunks, decode_chunks
from agentos_memory.facts import decode_symbols
from agentos_memory.file_contents import FileContent
from agentos_memory.model import Symbol
from agentos_memory.workers import Ended, FileLimits, Worker, Workers

LIMITS = FileLimits(cpu_s=2.0, memory_bytes=512 * 1024 * 1024, wall_s=10.0)
# All files of one answer.
WAIT_S = 10.0
REMEMBERED_FILES = 256

_Key = tuple[str, str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Reread:
    """What a file says now: its symbols but the module, and its chunks, in line order."""

    symbols: Sequence[Symbol]
    chunks: FileChunks


class Rereading:
    """Reads changed files within LIMITS."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._remembered: OrderedDict[_Key, Reread | None] = OrderedDict()

    async def read(
        self, root: Path, files: Mapping[str, bytes], is_package: Callable[[str], bool]
    ) -> dict[str, Reread]:
        """What `files` say, by path, without those that cannot be read in time.

        `is_package` says of a folder of the tree whether it is a Python package.
        """
        keys = {path: _key(path, content, is_package) for path, content in files.items()}
        missing = {p: content for p, content in files.items() if keys[p] not in self._remembered}
        if missing:
            try:
                async with asyncio.timeout(WAIT_S), self._workers.borrow(root) as worker:
                    await self._read(worker, root, missing, keys)
            except OSError:
                # Workers are busy with others, or none can be started: TimeoutError is one, too.
                # The next answer tries again.
                pass
        found = {path: self._remembered.get(key) for path, key in keys.items()}
        while len(self._remembered) > REMEMBERED_FILES:
            self._remembered.popitem(last=False)
        return {path: each for path, each in found.items() if each is not None}

    async def symbols(self, root: Path, path: str, content: bytes) -> Sequence[Symbol]:
        """The symbols of one file; none where it cannot be read in time."""
        found = await self.read(root, {path: content}, lambda folder: _has_init(root / folder))
        return found[path].symbols if path in found else ()

    async def _read(
        self, worker: Worker, root: Path, files: Mapping[str, bytes], keys: Mapping[str, _Key]
    ) -> None:
        packages = sorted(folder for path in files for folder in keys[path][2])
        remaining = list(files)
        while remaining:
            await worker.open(root, packages, LIMITS)
            n_answered = 0
            contents = [files[path] for path in remaining]
            async for answer in worker.ask("read", remaining, contents):
                key = keys[remaining[n_answered]]
                n_answered += 1
                if isinstance(answer, Ended):
                    # The file that ended the process is not asked about again.
                    self._remembered[key] = None
                    break
                found = content_of_frame(answer)
                self._remembered[key] = await asyncio.to_thread(_decoded, found)
            remaining = remaining[n_answered:]


def _decoded(found: object) -> Reread | None:
    if not isinstance(found, FileContent):
        return None
    symbols = [each for each in decode_symbols(found.symbols) if each.kind != "module"]
    return Reread(symbols, decode_chunks(found.path, found.chunks))


def _key(path: str, content: bytes, is_package: Callable[[str], bool]) -> _Key:
    above = [str(each) for each in PurePosixPath(path).parents if str(each) != "."]
    return path, sha256_hex(content), frozenset(folder for folder in above if is_package(folder))


def _has_init(folder: Path) -> bool:
    return (folder / "__init__.py").is_file() or (folder / "__init__.pyi").is_file()
