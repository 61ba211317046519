"""Running the extractors over the files of a work tree, with what changed since the last time.

Blocking code, run in a thread by the builder, some files at a time. A file that cannot be read, or
at which an extractor fails, is left out and counted. Above: the builder. Below: extractors.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from agentos_memory.analysis import MAX_FILE_BYTES
from agentos_memory.knowledge.model import Extraction
from agentos_memory.knowledge.records import encode_extraction
from agentos_memory.knowledge.sources import KnowledgeExtractor, SourceFile
from agentos_memory.work_files import read_file

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ExtractedFile:
    """What a file gave, as stored; None for nothing."""

    path: str
    sha256: str
    entity_count: int
    edge_count: int
    stored: bytes | None


class ExtractionRun:
    """One look at a work tree.

    `known` are digests of files that were looked at before, `indexed` those of the code index: a
    file that changed since it was indexed keeps what it gave then, as its symbols do.
    """

    def __init__(
        self,
        root: Path,
        extractors: Sequence[KnowledgeExtractor],
        known: Mapping[str, str],
        indexed: Mapping[str, str],
    ) -> None:
        self.changed: list[ExtractedFile] = []
        self.kept: set[str] = set()
        self.skipped: Counter[str] = Counter()
        self._root = root
        self._extractors = extractors
        self._known = known
        self._indexed = indexed

    @property
    def gone(self) -> list[str]:
        """Files that were looked at before and are no longer there, or no longer claimed."""
        return sorted(set(self._known) - self.kept - {each.path for each in self.changed})

    def look_at(self, paths: Sequence[str]) -> None:
        """Read the files at `paths` and extract from those that differ."""
        for path in paths:
            claiming = [each for each in self._extractors if each.claims(path)]
            if claiming:
                self._look_at(path, claiming)

    def _look_at(self, path: str, claiming: Sequence[KnowledgeExtractor]) -> None:
        content = read_file(self._root, path, max_bytes=MAX_FILE_BYTES)
        if not isinstance(content, bytes):
            self.skipped["unreadable" if content is None else "too_large"] += 1
            return
        if b"\0" in content[:8192]:
            self.skipped["binary"] += 1
            return
        sha256 = hashlib.sha256(content).hexdigest()
        if self._indexed.get(path, sha256) != sha256:
            self.skipped["changed"] += 1
            self.kept.add(path)
        elif self._known.get(path) == sha256:
            self.kept.add(path)
        else:
            self.changed.append(self._extract(SourceFile(path, content), sha256, claiming))

    def _extract(
        self, file: SourceFile, sha256: str, claiming: Sequence[KnowledgeExtractor]
    ) -> ExtractedFile:
        found = []
        for extractor in claiming:
            if extractor.concerns(file):
                try:
                    found.append(extractor.extract(file))
                except Exception as error:  # noqa: BLE001 - an extractor may be a plugin's
                    _log.warning("extractor_failed", extractor=extractor.name, exc_info=error)
                    self.skipped["failed"] += 1
        merged = Extraction(
            tuple(entity for each in found for entity in each.entities),
            tuple(edge for each in found for edge in each.edges),
        )
        stored = encode_extraction(merged) if merged.entities or merged.edges else None
        return ExtractedFile(file.path, sha256, len(merged.entities), len(merged.edges), stored)
