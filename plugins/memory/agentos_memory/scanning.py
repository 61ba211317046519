"""What a working tree holds now: which files can be indexed, with their digests, and which not.

Blocking code, run in a thread by the indexer. Above: the indexer. Below: languages, files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agentos_memory.analysis import MAX_FILE_BYTES
from agentos_memory.file_contents import content_key, too_large, unreadable
from agentos_memory.languages import find_language
from agentos_memory.model import SkippedFile
from agentos_memory.python_modules import package_directories, python_module_name
from agentos_memory.work_files import read_file


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """A file that a language claims, as it was when it was looked at."""

    path: str
    language: str
    module: str
    sha256: str | None
    """None for a file that is too large to be read."""

    @property
    def key(self) -> str:
        """What its content is stored under."""
        assert self.sha256 is not None
        return content_key(self.path, self.module, self.sha256)


@dataclass(slots=True)
class Scan:
    """The files of a working tree, as far as they can be told without being analysed."""

    files: dict[str, ScannedFile] = field(default_factory=dict)
    skipped: dict[str, SkippedFile] = field(default_factory=dict)
    """Those of `files` that are too large to be read."""
    left_out: list[SkippedFile] = field(default_factory=list)
    """Claimed by no language, or nothing that could be read."""


class Scanner:
    """Looks at the files of one working tree."""

    def __init__(self, root: Path, paths: Sequence[str], left_out: Iterable[SkippedFile]) -> None:
        self.package_dirs = package_directories(paths)
        self.scan = Scan(left_out=list(left_out))
        self._root = root

    def look_at(self, paths: Sequence[str]) -> None:
        """Add the files at `paths` to the scan."""
        for path in paths:
            self._look_at(path)

    def _look_at(self, path: str) -> None:
        language = find_language(path)
        if language is None:
            detail = "no language claims such a file"
            self.scan.left_out.append(SkippedFile(path, "unsupported", detail))
            return
        content = read_file(self._root, path, max_bytes=MAX_FILE_BYTES)
        if content is None:
            self.scan.left_out.append(unreadable(path))
            return
        sha256 = None
        if isinstance(content, int):
            self.scan.skipped[path] = too_large(path, content)
        else:
            sha256 = hashlib.sha256(content).hexdigest()
        dotted = language.dotted_modules
        module = python_module_name(path, self.package_dirs) if dotted else path
        self.scan.files[path] = ScannedFile(path, language.name, module, sha256)


def moved_files(
    removed: Mapping[str, str | None], added: Mapping[str, str | None]
) -> dict[str, str]:
    """Old to new path where exactly one removed and one added file have one digest."""
    gone: dict[str, list[str]] = {}
    come: dict[str, list[str]] = {}
    for files, by_digest in ((removed, gone), (added, come)):
        for path, sha256 in files.items():
            if sha256 is not None:
                by_digest.setdefault(sha256, []).append(path)
    return {
        old[0]: come[sha256][0]
        for sha256, old in gone.items()
        if len(old) == 1 and len(come.get(sha256, ())) == 1
    }
