"""The files of one run on their way to a generation: known, found by content, read or skipped.

Above: the attempt of a run. Below: scans and the records of generations. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agentos_memory.content_store import StoredContent
from agentos_memory.file_contents import FileContent
from agentos_memory.generations import Changes, FileRecord
from agentos_memory.model import SkippedFile
from agentos_memory.scanning import Scan, ScannedFile, moved_files
from agentos_memory.skipped_files import encode_skipped
from agentos_memory.versions import analyser_version


class FileSet:
    """Decides for each file of a scan what its record is; `known` is the base generation."""

    def __init__(self, scan: Scan, known: Mapping[str, FileRecord]) -> None:
        self.scan = scan
        self.n_analysed = 0
        self._known = known
        self._analyser = analyser_version()
        self._records: dict[str, FileRecord] = {}
        self._sought: dict[str, str] = {}
        for file in scan.files.values():
            self._start(file)

    @property
    def missing(self) -> list[str]:
        """Paths that have to be analysed, sorted."""
        return sorted(self._sought.values())

    @property
    def differs(self) -> bool:
        """Whether a file was changed, added or removed since the base generation."""
        return self._records != self._known or bool(self._sought)

    @property
    def content_ids(self) -> dict[str, int]:
        """The contents of the generation by path."""
        return {
            path: record.content_id
            for path, record in self._records.items()
            if record.content_id is not None
        }

    @property
    def skipped(self) -> list[SkippedFile]:
        """Files that a language claims but that have no content, by path."""
        return [
            SkippedFile(path, record.skip_reason, record.skip_detail or "")  # type: ignore[arg-type]
            for path, record in sorted(self._records.items())
            if record.skip_reason is not None
        ]

    @property
    def n_changed(self) -> int:
        """Files that were added or changed since the base generation."""
        return len(self._records) - self.n_unchanged

    @property
    def n_unchanged(self) -> int:
        """Files that are as the base generation has them."""
        return sum(self._known.get(path) == record for path, record in self._records.items())

    @property
    def n_removed(self) -> int:
        """Files of the base generation that are gone."""
        return len(set(self._known) - set(self._records))

    def sought_keys(self) -> list[str]:
        """Keys of files whose content another generation may have."""
        return list(self._sought)

    def found(self, stored: Mapping[str, StoredContent]) -> None:
        """Take contents that are stored already."""
        for key, content in stored.items():
            path = self._sought.pop(key)
            self._records[path] = self._with_content(self.scan.files[path], content.id)

    def read(self, content: FileContent, content_id: int) -> None:
        """Take a content that was read just now; the file may have changed since the scan."""
        self.n_analysed += 1
        scanned = self.scan.files[content.path]
        file = ScannedFile(content.path, scanned.language, content.module, content.sha256)
        self._sought.pop(scanned.key, None)
        self._records[content.path] = self._with_content(file, content_id)

    def skip(self, skipped: SkippedFile) -> None:
        """Take a file that has no content."""
        file = self.scan.files[skipped.path]
        if file.sha256 is not None:
            self._sought.pop(file.key, None)
        self._records[skipped.path] = self._without_content(file, skipped)

    def changes(self, *, is_first: bool) -> Changes:
        """How the generation differs from the base."""
        removed = sorted(set(self._known) - set(self._records))
        files = [
            record for path, record in self._records.items() if self._known.get(path) != record
        ]
        added = {file.path: file.sha256 for file in files if file.path not in self._known}
        gone = {path: self._known[path].sha256 for path in removed}
        renames = {} if is_first else moved_files(gone, added)
        return Changes(removed, files, renames, encode_skipped(self.scan.left_out))

    def _start(self, file: ScannedFile) -> None:
        known = self._known.get(file.path)
        too_large = self.scan.skipped.get(file.path)
        if too_large is not None:
            self.skip(too_large)
        elif known is not None and self._is_unchanged(file, known):
            self._records[file.path] = known
        else:
            self._sought[file.key] = file.path

    def _is_unchanged(self, file: ScannedFile, known: FileRecord) -> bool:
        now = (file.sha256, file.module, file.language, self._analyser)
        return (known.sha256, known.module, known.language, known.analyser) == now

    def _with_content(self, file: ScannedFile, content_id: int) -> FileRecord:
        return FileRecord(
            file.path, file.language, file.module, file.sha256, None, None, self._analyser,
            content_id,
        )  # fmt: skip

    def _without_content(self, file: ScannedFile, skipped: SkippedFile) -> FileRecord:
        return FileRecord(
            file.path, file.language, file.module, file.sha256, skipped.reason, skipped.detail,
            self._analyser, None,
        )  # fmt: skip


def count_by_reason(files: Sequence[SkippedFile]) -> dict[str, int]:
    """How many files are not indexed, by reason."""
    counts: dict[str, int] = {}
    for file in files:
        counts[file.reason] = counts.get(file.reason, 0) + 1
    return dict(sorted(counts.items()))
