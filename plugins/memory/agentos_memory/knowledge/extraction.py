"""One look of the extractors at a work tree: which files have to be read, and what came of them.

Reading is blocking code, run in a thread by the builder, some files at a time. A file that cannot
be read, or at which an extractor fails, is left out and counted. Above: the builder. Below: the
declarations of extractors, files.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agentos_memory.analysis import MAX_FILE_BYTES
from agentos_memory.knowledge.sources import KnowledgeExtractor, SourceFile
from agentos_memory.model import SkippedFile
from agentos_memory.work_files import read_file


@dataclass(frozen=True, slots=True)
class ExtractedFile:
    """What a file gave, as stored; None for nothing."""

    path: str
    sha256: str
    entity_count: int
    edge_count: int
    stored: bytes | None


@dataclass(frozen=True, slots=True)
class ClaimedFile:
    """A file that has to be read, and the numbers of the extractors that it concerns."""

    path: str
    sha256: str
    content: bytes
    extractors: Sequence[int]


class ExtractionRun:
    """One look at a work tree.

    `known` are digests of files that were looked at before, `indexed` those of the code index: a
    file that changed since it was indexed keeps what it gave then, as its symbols do. `left_out`
    are files that an earlier look could not read to the end.
    """

    def __init__(
        self,
        root: Path,
        extractors: Sequence[KnowledgeExtractor],
        known: Mapping[str, str],
        indexed: Mapping[str, str],
        left_out: Iterable[SkippedFile] = (),
    ) -> None:
        self.changed: list[ExtractedFile] = []
        self.kept: set[str] = set()
        self.skipped: Counter[str] = Counter()
        self._root = root
        self._extractors = extractors
        self._known = known
        self._indexed = indexed
        self._left_out = {each.path: each for each in left_out}

    @property
    def gone(self) -> list[str]:
        """Files that were looked at before and are no longer there, or no longer claimed."""
        return sorted(set(self._known) - self.kept - {each.path for each in self.changed})

    @property
    def left_out(self) -> list[SkippedFile]:
        """Files of which something is missing, since reading them failed or took too much."""
        current = self.kept | {each.path for each in self.changed}
        return [each for path, each in sorted(self._left_out.items()) if path in current]

    def look_at(self, paths: Sequence[str]) -> list[ClaimedFile]:
        """Those of the files at `paths` that have to be read anew."""
        claimed = [self._look_at(path) for path in paths]
        return [each for each in claimed if each is not None]

    def take(self, extracted: ExtractedFile, skipped: SkippedFile | None) -> None:
        """What a file gave, and why it gave nothing or not everything."""
        self.changed.append(extracted)
        self._left_out.pop(extracted.path, None)
        if skipped is not None:
            self.skipped[skipped.reason] += 1
            self._left_out[skipped.path] = skipped

    def _look_at(self, path: str) -> ClaimedFile | None:
        if not any(extractor.claims(path) for extractor in self._extractors):
            return None
        if path in self._known and self._known[path] == self._indexed.get(path):
            # As the code index has it; a change since then counts from the next run on.
            self.kept.add(path)
            return None
        content = read_file(self._root, path, max_bytes=MAX_FILE_BYTES)
        if not isinstance(content, bytes):
            self.skipped["unreadable" if content is None else "too_large"] += 1
            return None
        if b"\0" in content[:8192]:
            self.skipped["binary"] += 1
            return None
        sha256 = hashlib.sha256(content).hexdigest()
        if self._indexed.get(path, sha256) != sha256:
            self.skipped["changed"] += 1
            self.kept.add(path)
            return None
        if self._known.get(path) == sha256:
            self.kept.add(path)
            return None
        file = SourceFile(path, content)
        concerned = [n for n, each in enumerate(self._extractors) if each.concerns(file)]
        if not concerned:
            self.changed.append(ExtractedFile(path, sha256, 0, 0, None))
            return None
        return ClaimedFile(path, sha256, content, concerned)
