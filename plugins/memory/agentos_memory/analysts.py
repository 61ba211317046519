"""Who does the analysing of a run: a thread for small ones, a process of its own for large ones.

Above: the indexer. Below: `analysis_session`, and `analysis_process` at the other end of a pipe.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from agentos import UnavailableError
from agentos_memory.analysis_session import AnalysisSession, StoredFacts
from agentos_memory.file_contents import FileContent
from agentos_memory.frames import Frame, pack_frame, receive_frame
from agentos_memory.languages import IN_USE
from agentos_memory.model import SkippedFile
from agentos_memory.relations import FileRelations
from agentos_memory.run_timing import RunTiming

# What the pipe holds while the indexer writes to the database, so that both go on.
_PIPE_BYTES = 16 * 1024 * 1024
_FILES_PER_STEP = 25
_FACTS_PER_FRAME = 200
_PROCESS_GONE = (asyncio.IncompleteReadError, BrokenPipeError, ConnectionResetError)


class Analyst(Protocol):
    """One run's analysing and resolving."""

    analysed: set[str]
    """Paths whose analyses it holds, so that nothing needs to be recalled for them."""

    def analyse(self, paths: Sequence[str]) -> AsyncIterator[FileContent | SkippedFile]:
        """The content of each file, or why there is none, in the order of `paths`."""
        ...

    async def recall(self, stored: Sequence[StoredFacts]) -> None:
        """Take files from what an earlier run stored of them."""
        ...

    async def resolve(self) -> list[FileRelations]:
        """The relations of all files that were analysed or recalled."""
        ...


class ThreadAnalyst:
    """Works in a thread of this process."""

    def __init__(self, root: Path, package_dirs: AbstractSet[str]) -> None:
        self.analysed: set[str] = set()
        self._session = AnalysisSession(root, package_dirs)

    async def analyse(self, paths: Sequence[str]) -> AsyncIterator[FileContent | SkippedFile]:
        """See `Analyst`."""
        for start in range(0, len(paths), _FILES_PER_STEP):
            step = paths[start : start + _FILES_PER_STEP]
            for found in await asyncio.to_thread(self._analyse, step):
                self.analysed.add(found.path)
                yield found

    async def recall(self, stored: Sequence[StoredFacts]) -> None:
        """See `Analyst`."""
        await asyncio.to_thread(self._recall, stored)

    async def resolve(self) -> list[FileRelations]:
        """See `Analyst`."""
        return await asyncio.to_thread(self._session.resolve)

    def _analyse(self, paths: Sequence[str]) -> list[FileContent | SkippedFile]:
        return [self._session.analyse(path) for path in paths]

    def _recall(self, stored: Sequence[StoredFacts]) -> None:
        for each in stored:
            self._session.recall(each)


class ProcessAnalyst:
    """Works in a process of its own; a file that crashes it is skipped, and the others go on.

    Use it as a context manager, which ends the process.
    """

    def __init__(self, root: Path, package_dirs: AbstractSet[str], timing: RunTiming) -> None:
        self.analysed: set[str] = set()
        self._timing = timing
        self._opening = pack_frame([str(root), sorted(package_dirs)], [IN_USE.packed()])
        self._running: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """The process that works at present."""
        assert self._running is not None
        return self._running.pid

    async def __aenter__(self) -> Self:
        await self._start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._end()

    async def analyse(self, paths: Sequence[str]) -> AsyncIterator[FileContent | SkippedFile]:
        """See `Analyst`."""
        remaining = list(paths)
        while remaining:
            answered = 0
            try:
                await self._ask(["analyse", remaining])
                while answered < len(remaining):
                    found = _found(await self._answer())
                    answered += 1
                    self.analysed.add(found.path)
                    yield found
                return
            except (*_PROCESS_GONE, ValueError):
                culprit, remaining = remaining[answered], remaining[answered + 1 :]
                self.analysed.clear()
                await self._end()
                await self._start()
                yield SkippedFile(culprit, "crashed", "the process that analysed it ended")

    async def recall(self, stored: Sequence[StoredFacts]) -> None:
        """See `Analyst`."""
        with _reporting_end():
            for start in range(0, len(stored), _FACTS_PER_FRAME):
                step = stored[start : start + _FACTS_PER_FRAME]
                blobs = [blob for each in step for blob in (each.facts, each.symbols)]
                await self._ask(["recall", [each.path for each in step]], blobs)

    async def resolve(self) -> list[FileRelations]:
        """See `Analyst`."""
        relations: list[FileRelations] = []
        with _reporting_end():
            await self._ask(["resolve", []])
            while True:
                (kind, listed), blobs = await self._answer()
                if kind == "resolved":
                    self._timing.add_child(*listed)
                    return relations
                relations += [
                    FileRelations(path, digest, edge_count, blob)
                    for (path, digest, edge_count), blob in zip(listed, blobs, strict=True)
                ]

    async def _start(self) -> None:
        self._running = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "agentos_memory.analysis_process",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=_PIPE_BYTES,
            # Ctrl-C would end it alone, and a file would be blamed for that.
            start_new_session=True,
        )  # fmt: skip
        await self._write(self._opening)

    async def _end(self) -> None:
        process, self._running = self._running, None
        if process is None:
            return
        if process.returncode is None:
            # It may be in the middle of a long computation, and holds nothing worth keeping.
            with suppress(ProcessLookupError):
                process.kill()
        await process.wait()

    async def _ask(self, request: Sequence[object], blobs: Sequence[bytes] = ()) -> None:
        await self._write(pack_frame(request, blobs))

    async def _write(self, frame: bytes) -> None:
        assert self._running is not None and self._running.stdin is not None
        self._running.stdin.write(frame)
        await self._running.stdin.drain()

    async def _answer(self) -> Frame:
        assert self._running is not None and self._running.stdout is not None
        return await receive_frame(self._running.stdout)


def _found(frame: Frame) -> FileContent | SkippedFile:
    (kind, plain), blobs = frame
    if kind == "skipped":
        return SkippedFile(*plain)
    fields, (has_facts, has_outline) = plain
    optional = list(blobs[2:])
    facts = optional.pop(0) if has_facts else None
    outline = optional.pop(0) if has_outline else None
    path, module, sha256, line_count, symbol_count, chunk_count = fields
    return FileContent(
        path, module, sha256, line_count, symbol_count, chunk_count, blobs[0], blobs[1], facts,
        outline,
    )  # fmt: skip


@contextmanager
def _reporting_end() -> Iterator[None]:
    try:
        yield
    except _PROCESS_GONE as error:
        raise UnavailableError(
            "the process that resolves the repository ended early",
            remedy="repeat the call; what was read is kept",
        ) from error
