"""Reading a working tree against what is stored of it: which files changed, and what they hold.

Blocking code, run in a thread by the indexer. Below: `analysis`, `chunks`, and files from git.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path

from agentos import sha256_hex
from agentos_memory.analysis import MAX_FILE_BYTES, analyse_file
from agentos_memory.chunks import Chunk, chunk_file
from agentos_memory.facts import encode_facts
from agentos_memory.generations import FileRecord
from agentos_memory.git_files import read_file
from agentos_memory.languages import Language, find_language
from agentos_memory.model import FileAnalysis, SkippedFile, Symbol
from agentos_memory.python_modules import package_directories, python_module_name


@dataclass(frozen=True, slots=True)
class KnownFile:
    """What is stored of a file; it is unchanged while all of this still holds."""

    sha256: str | None
    module: str
    analyser: str
    skipped: SkippedFile | None
    has_facts: bool


@dataclass(slots=True)
class Scan:
    """What reading the files gave so far."""

    unchanged: list[str] = field(default_factory=list)
    files: list[FileRecord] = field(default_factory=list)
    analyses: list[FileAnalysis] = field(default_factory=list)
    symbols: list[Symbol] = field(default_factory=list)
    chunks: list[Chunk] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


class Scanner:
    """Reads the files of one repository."""

    def __init__(
        self,
        root: Path,
        paths: Sequence[str],
        known: Mapping[str, KnownFile],
        analyser: str,
    ) -> None:
        self._root = root
        self._known = known
        self._analyser = analyser
        self._package_dirs: AbstractSet[str] = package_directories(paths)

    def read(self, paths: Sequence[str], scan: Scan) -> None:
        """Add the files at `paths` to `scan`."""
        for path in paths:
            language = find_language(path)
            if language is None:
                scan.left_out["unsupported"] += 1
            else:
                self._read_one(path, language, scan)

    def _read_one(self, path: str, language: Language, scan: Scan) -> None:
        content = read_file(self._root, path, max_bytes=MAX_FILE_BYTES)
        if content is None:
            scan.left_out["unreadable"] += 1
            return
        module = self._module(path, language)
        if isinstance(content, int):
            detail = f"{content} bytes; the limit is {MAX_FILE_BYTES}"
            self._skip(SkippedFile(path, "too_large", detail), language, module, None, scan)
            return
        sha256 = sha256_hex(content)
        if self._is_unchanged(path, sha256, module):
            self._keep(path, scan)
            return
        found = analyse_file(path, content, package_dirs=self._package_dirs)
        if isinstance(found, SkippedFile):
            self._skip(found, language, module, sha256, scan)
        else:
            self._add(found, content, scan)

    def _module(self, path: str, language: Language) -> str:
        return python_module_name(path, self._package_dirs) if language.dotted_modules else path

    def _is_unchanged(self, path: str, sha256: str, module: str) -> bool:
        known = self._known.get(path)
        return (
            known is not None
            and (known.sha256, known.module, known.analyser) == (sha256, module, self._analyser)
            and (known.has_facts or known.skipped is not None)
        )

    def _keep(self, path: str, scan: Scan) -> None:
        skipped = self._known[path].skipped
        if skipped is None:
            scan.unchanged.append(path)
        else:
            scan.skipped.append(skipped)

    def _skip(
        self, skipped: SkippedFile, language: Language, module: str, sha256: str | None, scan: Scan
    ) -> None:
        scan.skipped.append(skipped)
        known = self._known.get(skipped.path)
        if known is not None and (known.skipped, known.sha256) == (skipped, sha256):
            return
        scan.files.append(
            FileRecord(
                skipped.path,
                language.name,
                module,
                sha256,
                skip_reason=skipped.reason,
                skip_detail=skipped.detail,
            )
        )

    def _add(self, analysis: FileAnalysis, content: bytes, scan: Scan) -> None:
        scan.analyses.append(analysis)
        scan.symbols.extend(analysis.symbols)
        scan.chunks.extend(chunk_file(analysis, content))
        scan.files.append(
            FileRecord(
                analysis.path,
                analysis.language,
                analysis.module,
                analysis.sha256,
                analysis.line_count,
                facts=encode_facts(analysis),
            )
        )
