"""The analysing and resolving of one run, in a process of its own.

Above: the attempt of a run. Below: a worker, which is started anew where a file ended it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from pathlib import Path

from agentos import UnavailableError
from agentos_memory.analysis_session import StoredFacts
from agentos_memory.file_contents import FileContent
from agentos_memory.frames import Frame
from agentos_memory.model import SkippedFile
from agentos_memory.relations import FileRelations
from agentos_memory.run_timing import RunTiming
from agentos_memory.workers import Ended, FileLimits, Worker

_FACTS_PER_FRAME = 200
# A whole repository is decoded and resolved; the call that waits for it has a limit of its own.
_WHOLE_WALL_S = 1_800.0


class Analyst:
    """One run's analysing and resolving; a file that ends the process is skipped, others go on."""

    def __init__(
        self,
        worker: Worker,
        root: Path,
        package_dirs: AbstractSet[str],
        timing: RunTiming,
        limits: FileLimits | None = None,
    ) -> None:
        self.held: set[str] = set()
        """Paths of files that take part in `resolve`: analysed, or recalled."""
        self.given_up: set[str] = set()
        """Paths of files that ended the process."""
        self._worker = worker
        self._root = root
        self._package_dirs = sorted(package_dirs)
        self._timing = timing
        self._limits = limits or FileLimits()
        self._is_open = False

    async def analyse(self, paths: Sequence[str]) -> AsyncIterator[FileContent | SkippedFile]:
        """The content of each file, or why there is none, in the order of `paths`."""
        remaining = list(paths)
        while remaining:
            await self._open()
            n_answered = 0
            ended: Ended | None = None
            async for answer in self._worker.ask("analyse", remaining):
                if isinstance(answer, Ended):
                    ended = answer
                else:
                    found = content_of_frame(answer)
                    n_answered += 1
                    self.held.add(found.path)
                    yield found
            if ended is None:
                return
            self._lost()
            for culprit in remaining[n_answered : n_answered + 1]:
                self.given_up.add(culprit)
                yield SkippedFile(culprit, ended.reason, ended.detail)
            remaining = remaining[n_answered + 1 :]

    async def recall(self, stored: Sequence[StoredFacts]) -> None:
        """Take files from what an earlier run stored of them."""
        await self._open()
        for start in range(0, len(stored), _FACTS_PER_FRAME):
            step = stored[start : start + _FACTS_PER_FRAME]
            blobs = [blob for each in step for blob in (each.facts, each.symbols)]
            about = [each.path for each in step]
            if await self._worker.tell("recall", about, blobs, wall_s=_WHOLE_WALL_S) is not None:
                raise self._lost_all()
            self.held.update(each.path for each in step)

    async def resolve(self) -> list[FileRelations]:
        """The relations of all files that were analysed or recalled."""
        await self._open()
        relations: list[FileRelations] = []
        async for answer in self._worker.ask("resolve", [], wall_s=_WHOLE_WALL_S):
            if isinstance(answer, Ended):
                raise self._lost_all()
            (_, listed), blobs = answer
            relations += [
                FileRelations(path, digest, edge_count, blob)
                for (path, digest, edge_count), blob in zip(listed, blobs, strict=True)
            ]
        return relations

    def finish(self) -> None:
        """Add what the process has used to the run's timing."""
        if self._is_open:
            self._timing.add_child(self._worker.cpu_s, int(self._worker.peak_bytes))

    async def _open(self) -> None:
        if not self._is_open:
            await self._worker.open(self._root, self._package_dirs, self._limits)
            self._is_open = True

    def _lost(self) -> None:
        """The process is gone, and with it all that it held."""
        self.finish()
        self._is_open = False
        self.held.clear()

    def _lost_all(self) -> UnavailableError:
        self._lost()
        return UnavailableError(
            "the process that resolves the repository ended early",
            remedy="repeat the call; what was read is kept",
        )


@asynccontextmanager
async def analysing(
    worker: Worker,
    root: Path,
    package_dirs: AbstractSet[str],
    timing: RunTiming,
    limits: FileLimits,
) -> AsyncIterator[Analyst]:
    """An analyst; what its process has used belongs to `timing` when the block ends."""
    analyst = Analyst(worker, root, package_dirs, timing, limits)
    try:
        yield analyst
    finally:
        analyst.finish()


def content_of_frame(frame: Frame) -> FileContent | SkippedFile:
    """What a worker answers about one file."""
    (kind, plain), blobs = frame
    if kind == "skipped":
        return SkippedFile(*plain)
    fields, has = plain
    optional: Iterator[bytes] = iter(blobs[2:])
    facts, outline = (next(optional) if is_there else None for is_there in has)
    path, module, sha256, line_count, symbol_count, chunk_count = fields
    return FileContent(
        path, module, sha256, line_count, symbol_count, chunk_count, blobs[0], blobs[1], facts,
        outline,
    )  # fmt: skip
