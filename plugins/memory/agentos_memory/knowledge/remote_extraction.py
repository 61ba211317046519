"""The extractors at work in a process of their own: files in, what they say in stored form out.

Above: the builder. Below: a worker. A file that ends the process is left out, the others go on.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path

from agentos import ConfigurationError
from agentos_memory.frames import Frame
from agentos_memory.knowledge.extraction import ClaimedFile, ExtractedFile
from agentos_memory.knowledge.sources import KnowledgeExtractor
from agentos_memory.model import SkippedFile
from agentos_memory.workers import Ended, FileLimits, Worker


def pack_extractors(extractors: Sequence[KnowledgeExtractor]) -> bytes:
    """Their functions by reference, for another process.

    Raises ConfigurationError for one that another process could not import.
    """
    for extractor in extractors:
        try:
            pickle.dumps(extractor.extract)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise ConfigurationError(
                f"the knowledge extractor {extractor.name!r} must be a function that a module "
                f"defines at its top level, so that another process can import it: {error}"
            ) from error
    return pickle.dumps([extractor.extract for extractor in extractors])


class RemoteExtraction:
    """Extracts from files of one tree; the process starts with the first file that has to be read.

    `packed` is what `pack_extractors` gave.
    """

    def __init__(self, worker: Worker, root: Path, packed: bytes, limits: FileLimits) -> None:
        self._worker = worker
        self._root = root
        self._packed = packed
        self._limits = limits
        self._is_open = False

    async def of(
        self, files: Sequence[ClaimedFile]
    ) -> list[tuple[ExtractedFile, SkippedFile | None]]:
        """What each file gave, in their order, and why one gave nothing or not everything."""
        found: list[tuple[ExtractedFile, SkippedFile | None]] = []
        while len(found) < len(files):
            remaining = files[len(found) :]
            ended = await self._ask(remaining, found)
            if ended is not None:
                self._is_open = False
                culprit = files[len(found)]
                skipped = SkippedFile(culprit.path, ended.reason, ended.detail)
                found.append((ExtractedFile(culprit.path, culprit.sha256, 0, 0, None), skipped))
        return found

    async def _ask(
        self,
        files: Sequence[ClaimedFile],
        found: list[tuple[ExtractedFile, SkippedFile | None]],
    ) -> Ended | None:
        await self._open()
        about = [[each.path, each.extractors] for each in files]
        pending = iter(files)
        async for answer in self._worker.ask("extract", about, [each.content for each in files]):
            if isinstance(answer, Ended):
                return answer
            found.append(_extracted(next(pending), answer))
        return None

    async def _open(self) -> None:
        if not self._is_open:
            await self._worker.open(self._root, [], self._limits)
            # A process that ends here says so again at the first file.
            await self._worker.tell("extractors", [], [self._packed])
            self._is_open = True


def _extracted(file: ClaimedFile, frame: Frame) -> tuple[ExtractedFile, SkippedFile | None]:
    (_, (n_entities, n_edges, failures)), blobs = frame
    skipped = SkippedFile(file.path, "crashed", "; ".join(failures)) if failures else None
    stored = blobs[0] if blobs else None
    return ExtractedFile(file.path, file.sha256, n_entities, n_edges, stored), skipped
