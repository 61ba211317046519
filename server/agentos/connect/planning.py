"""What connect would change: every file's text now, and as it will be; nothing is written here.

Above: `connecting`. Below: entries, files, store.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from agentos.canonical import sha256_hex
from agentos.connect.entries import Entry, Undo, holds, open_document, put, take_out
from agentos.connect.files import read_text
from agentos.connect.request import Layout
from agentos.connect.store import FileRecord, Record, load_before
from agentos.redaction import redact_text


@dataclass(frozen=True, slots=True)
class Change:
    """One file: its text now, as it will be, and as it was without the connection."""

    path: Path
    now: str | None
    after: str | None
    """None removes the file, or leaves it missing."""
    before: str | None
    undos: tuple[Undo, ...]

    @property
    def is_change(self) -> bool:
        """Whether anything is to be written."""
        return self.now != self.after

    def diff(self) -> str:
        """What changes, as a unified diff; secrets in what was there already are redacted."""
        name = str(self.path)
        there = (self.now or "").splitlines()
        lines = difflib.unified_diff(
            there,
            (self.after or "").splitlines(),
            "/dev/null" if self.now is None else name,
            "/dev/null" if self.after is None else name,
            n=2,
            lineterm="",
        )
        known = {line.strip().rstrip(",") for line in there}
        return "".join(f"{_shown(line, known)}\n" for line in lines)


def _shown(line: str, known: Collection[str]) -> str:
    is_ours = line.startswith("+") and line[1:].strip().rstrip(",") not in known
    return line if is_ours else redact_text(line)


def plan_connection(layout: Layout, folder: Path, record: Record | None) -> list[Change]:
    """The changes that connect; ConfigurationError where a file cannot be changed safely."""
    paths = list(dict.fromkeys(entry.path for entry in layout.entries))
    changes = []
    for path in paths:
        entries = [entry for entry in layout.entries if entry.path == path]
        kept = _file_of(record, path)
        changes.append(_put_in(path, entries, layout.bases, folder, record, kept))
    left = [Path(file.path) for file in (record.files if record else ())]
    removed = [_taken_out(p, (), layout.bases, folder, record) for p in left if p not in paths]
    return [*changes, *removed]


def plan_removal(layout: Layout, folder: Path, record: Record | None) -> list[Change]:
    """The changes that take the connection out, with a record of it or by what it looks like."""
    paths = dict.fromkeys(Path(file.path) for file in (record.files if record else ()))
    paths |= dict.fromkeys(entry.path for entry in layout.entries)
    return [
        _taken_out(
            path,
            [entry for entry in layout.entries if entry.path == path],
            layout.bases,
            folder,
            record,
        )
        for path in paths
    ]


def _put_in(
    path: Path,
    entries: Sequence[Entry],
    bases: Collection[Path],
    folder: Path,
    record: Record | None,
    kept: FileRecord | None,
) -> Change:
    now = read_text(path, bases)
    document = open_document(path, now or "")
    is_same = kept is None or {u.keys for u in kept.undos} == {e.keys for e in entries}
    if is_same and all(holds(document, entry) for entry in entries):
        undos = kept.undos if kept else tuple(Undo(e.keys, e.mark) for e in entries)
        before = _without(path, now, undos, folder, record)
        return Change(path, now, now, before, undos)
    before = now if kept is None else _without(path, now, kept.undos, folder, record)
    document = open_document(path, before or "")
    undos = tuple(put(document, entry) for entry in entries)
    return Change(path, now, document.text, before, undos)


def _taken_out(
    path: Path,
    entries: Sequence[Entry],
    bases: Collection[Path],
    folder: Path,
    record: Record | None,
) -> Change:
    now = read_text(path, bases)
    kept = _file_of(record, path)
    undos = kept.undos if kept else tuple(Undo(entry.keys, entry.mark) for entry in entries)
    after = _without(path, now, undos, folder, record)
    return Change(path, now, after, after, ())


def _without(
    path: Path, now: str | None, undos: Sequence[Undo], folder: Path, record: Record | None
) -> str | None:
    """The text without the connection: the very one of before, unless the file has changed."""
    if now is None:
        return None
    kept = _file_of(record, path)
    if record is not None and kept is not None and sha256_hex(now.encode()) == kept.sha256:
        if not kept.existed:
            return None
        before = load_before(folder, record, str(path))
        if before is not None:
            return before
    document = open_document(path, now)
    for undo in reversed(undos):
        take_out(document, undo)
    is_empty = document.get(()) == {}
    return None if is_empty and kept is not None and not kept.existed else document.text


def _file_of(record: Record | None, path: Path) -> FileRecord | None:
    files = record.files if record is not None else ()
    return next((file for file in files if file.path == str(path)), None)
