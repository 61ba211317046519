"""One run's analysing and resolving, in memory: files in, stored contents and relations out.

Above: `analysis_process`, which runs sessions in a process of its own. Below: contents of files,
resolution. Knows neither database nor git.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from agentos_memory.facts import decode_facts
from agentos_memory.file_contents import FileContent, content_of, read_content
from agentos_memory.model import FileAnalysis, SkippedFile
from agentos_memory.relations import FileRelations, encode_relations
from agentos_memory.resolution import resolve


@dataclass(frozen=True, slots=True)
class StoredFacts:
    """What an earlier run stored of a file that did not change."""

    path: str
    facts: bytes
    symbols: bytes


class AnalysisSession:
    """Analyses files of one working tree and resolves them together with recalled ones.

    What was analysed stays in memory for `resolve`, so that nothing is decoded in the run that
    made it.
    """

    def __init__(self, root: Path, package_dirs: AbstractSet[str]) -> None:
        self._root = root
        self._package_dirs = package_dirs
        self._analyses: dict[str, FileAnalysis] = {}

    def analyse(self, path: str) -> FileContent | SkippedFile:
        """The content of the file at `path` as it is now, or why there is none."""
        read = read_content(self._root, path, self._package_dirs)
        if isinstance(read, SkippedFile):
            return read
        content, self._analyses[path] = read
        return content

    def read(self, path: str, source: bytes) -> FileContent | SkippedFile:
        """The content of a file that holds `source`; takes no part in `resolve`."""
        read = content_of(path, source, self._package_dirs)
        return read if isinstance(read, SkippedFile) else read[0]

    def recall(self, stored: StoredFacts) -> None:
        """Take part of a file from what an earlier run stored."""
        self._analyses[stored.path] = decode_facts(stored.facts, stored.symbols)

    def resolve(self) -> list[FileRelations]:
        """The relations of every file, by path."""
        paths = sorted(self._analyses)
        resolution = resolve([self._analyses[path] for path in paths])
        return encode_relations(resolution, paths)
