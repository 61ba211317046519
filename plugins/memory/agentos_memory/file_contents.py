"""What one file gives to an index: its facts, symbols and chunks in their stored forms.

Above: the analysis session. Below: `analysis`, `chunks` and their stored forms. Pure, but for
reading the file; runs in a thread or in a process of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from agentos_memory.analysis import MAX_FILE_BYTES, analyse_file
from agentos_memory.chunk_records import encode_chunks
from agentos_memory.chunks import chunk_file
from agentos_memory.facts import EncodedFacts, encode_facts, encode_symbols
from agentos_memory.model import FileAnalysis, SkippedFile
from agentos_memory.resolution.outlines import outline_of
from agentos_memory.stored_outlines import encode_outline
from agentos_memory.versions import analyser_version
from agentos_memory.work_files import read_file


@dataclass(frozen=True, slots=True)
class FileContent:
    """The stored forms of one file, with what finds them again.

    `facts` is None where they cannot be stored, `outline` where the language has none.
    """

    path: str
    module: str
    sha256: str
    line_count: int
    symbol_count: int
    chunk_count: int
    symbols: bytes
    chunks: bytes
    facts: bytes | None
    outline: bytes | None

    @property
    def key(self) -> str:
        """See `content_key`."""
        return content_key(self.path, self.module, self.sha256)


Analysed: TypeAlias = tuple[FileContent, FileAnalysis]


def content_key(path: str, module: str, sha256: str) -> str:
    """Digest of all that a file's content depends on: bytes, path, module and this analysis."""
    parts = (analyser_version(), path, module, sha256)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def read_content(root: Path, path: str, package_dirs: AbstractSet[str]) -> Analysed | SkippedFile:
    """The content of the file at `path` as it is now, or why there is none."""
    source = read_file(root, path, max_bytes=MAX_FILE_BYTES)
    if source is None:
        return unreadable(path)
    if isinstance(source, int):
        return too_large(path, source)
    return content_of(path, source, package_dirs)


def content_of(path: str, source: bytes, package_dirs: AbstractSet[str]) -> Analysed | SkippedFile:
    """The content of a file at `path` that holds `source`, or why there is none."""
    analysis = analyse_file(path, source, package_dirs=package_dirs)
    if isinstance(analysis, SkippedFile):
        return analysis
    chunks = chunk_file(analysis, source)
    facts = encode_facts(analysis)
    content = FileContent(
        path,
        analysis.module,
        analysis.sha256,
        analysis.line_count,
        len(analysis.symbols),
        len(chunks),
        encode_symbols(analysis.symbols),
        encode_chunks(chunks),
        None if facts is None else facts.stored,
        _outline(analysis, facts),
    )
    return content, analysis


def _outline(analysis: FileAnalysis, facts: EncodedFacts | None) -> bytes | None:
    if analysis.language != "python":
        return None
    return encode_outline(outline_of(analysis, None if facts is None else facts.mentions))


def unreadable(path: str) -> SkippedFile:
    """For a file that is gone, is not a regular file, or lies behind a symbolic link."""
    return SkippedFile(path, "unreadable", "gone, not a regular file, or behind a symbolic link")


def too_large(path: str, size_bytes: int) -> SkippedFile:
    """For a file over the limit, which is not read."""
    return SkippedFile(path, "too_large", f"{size_bytes} bytes; the limit is {MAX_FILE_BYTES}")
