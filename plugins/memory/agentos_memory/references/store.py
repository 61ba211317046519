"""References as they are stored: a source with its sections, changed section by section.

`reference.added` and `reference.removed` say that it happened and what it made of the sections;
the text stands in the tables alone, since the file is its source. Above: the tools.
Below: parsing, and the tables.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from asyncpg import Record

from agentos import (
    Database,
    EventType,
    InvalidArgumentError,
    NewEvent,
    NotFoundError,
    Queries,
    ToolCall,
    Transaction,
    redact_text,
)
from agentos_memory.embedding_queue import EmbeddingQueue
from agentos_memory.references.parsing import ParsedSource, Parsing
from agentos_memory.references.section_texts import digest_of
from agentos_memory.references.sections import Section
from agentos_memory.references.source_files import SourceFile, load_source

NAME_PATTERN = r"^[A-Za-z0-9@][A-Za-z0-9@._/+-]{0,99}$"
# Part of what says that nothing changed: a newer reader reads the same file anew.
READER = "reader-1"
_ROWS_AT_ONCE = 500
_MAX_ANCHOR_CHARS = 2_000

REFERENCE_ADDED = EventType(
    "reference.added", "A document was made searchable, or brought up to date."
)
REFERENCE_REMOVED = EventType("reference.removed", "A document is no longer searched.")

_sql = Queries("agentos_memory", "sql/references.sql")


@dataclass(frozen=True, slots=True)
class ReferenceSource:
    """One source."""

    id: int
    name: str
    format: str
    title: str
    path: str
    sha256: str
    reader: str
    size_bytes: int
    notices: Sequence[str]
    section_count: int
    version: int
    is_removed: bool
    added_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class SectionChanges:
    """What an addition did with the sections; moved ones have the same text at another anchor."""

    added: int = 0
    changed: int = 0
    moved: int = 0
    removed: int = 0
    unchanged: int = 0


class References:
    """Adds, lists and removes sources."""

    def __init__(self, database: Database, queue: EmbeddingQueue) -> None:
        self._database = database
        self._queue = queue
        self._parsing = Parsing()

    async def add(
        self, call: ToolCall, path: str, name: str | None
    ) -> tuple[ReferenceSource, SectionChanges]:
        """Make the file at `path` searchable in the call's transaction, under its own name if none
        is given; errors are those of reading the file.
        """
        file = await load_source(path)
        if name is not None and (known := await self._unchanged(file, name)) is not None:
            return known, SectionChanges(unchanged=known.section_count)
        parsed = await self._parsing.run(file.path.name, file.content)
        name = name or default_name(parsed.name or file.path.name)
        rows = await asyncio.to_thread(_rows, parsed.sections, name, file)
        transaction = await call.begin()
        await transaction.execute(_sql.lock_sources)
        before = await transaction.fetch_row(_sql.find_source, name)
        source_id = await transaction.fetch_value(
            _sql.put_source, name, parsed.format, _clean(parsed.title), str(file.path), file.sha256,
            len(file.content), list(parsed.notices), len(rows), call.now(), READER,
        )  # fmt: skip
        changes = await _write_sections(transaction, source_id, rows)
        if before is None or before["is_removed"] or changes != SectionChanges(unchanged=len(rows)):
            await _record_addition(call, transaction, name, file, parsed, changes)
        self._queue.wake()
        row = await transaction.fetch_row(_sql.find_source, name)
        assert row is not None
        return ReferenceSource(**dict(row)), changes

    async def remove(self, call: ToolCall, name: str) -> ReferenceSource:
        """Forget a source and its sections; NotFoundError where there is none of that name."""
        transaction = await call.begin()
        await transaction.execute(_sql.lock_sources)
        row = await transaction.fetch_row(_sql.find_source, name)
        if row is None or row["is_removed"]:
            raise unknown_source(name)
        await _write_sections(transaction, row["id"], [])
        await transaction.execute(_sql.remove_source, row["id"], call.now())
        data = {"source": name, "call": call.id, "sections": row["section_count"]}
        await transaction.append(
            NewEvent(call.stream, "reference.removed", call.principal.name, call.now(), data)
        )
        return ReferenceSource(**dict(row))

    async def sources(self) -> list[ReferenceSource]:
        """All sources by name."""
        rows = await self._database.fetch(_sql.list_sources)
        return [ReferenceSource(**dict(row)) for row in rows]

    async def _unchanged(self, file: SourceFile, name: str) -> ReferenceSource | None:
        row = await self._database.fetch_row(_sql.find_source, name)
        if row is None or row["is_removed"] or row["reader"] != READER:
            return None
        if (row["sha256"], row["path"]) != (file.sha256, str(file.path)):
            return None
        return ReferenceSource(**dict(row))


def default_name(name: str) -> str:
    """A file's or package's name, reduced to what a source's name may hold."""
    found = re.sub(r"[^A-Za-z0-9@._/+-]+", "-", name).lstrip("-._/+")[:100]
    if not re.match(NAME_PATTERN, found):
        raise InvalidArgumentError(
            f"{name!r} gives the source no name", remedy="give it one by argument `name`"
        )
    return found


def unknown_source(name: str) -> NotFoundError:
    """Nothing was added under this name."""
    return NotFoundError(
        f"no reference source is named {name!r}", remedy="list_references lists the names"
    )


def _rows(sections: Sequence[Section], name: str, file: SourceFile) -> list[dict[str, Any]]:
    """Sections as rows without ids; secrets are replaced before anything is stored."""
    return [_row(section, position, name, file.path) for position, section in enumerate(sections)]


def _row(section: Section, position: int, name: str, path: Path) -> dict[str, Any]:
    text = _clean(section.text)
    headings = [_clean(heading) for heading in section.headings]
    return {
        "position": position,
        "anchor": f"{name}#{_clean(section.fragment)}"[:_MAX_ANCHOR_CHARS],
        "title": _clean(section.title),
        "headings": headings,
        "text": text,
        "summary": _clean(section.summary),
        "path": section.path or str(path),
        "start_line": section.start_line,
        "end_line": section.end_line,
        "page": section.page,
        "digest": digest_of(headings, text),
    }


def _clean(text: str) -> str:
    # PostgreSQL stores no NUL.
    return redact_text(text.replace("\0", ""))


async def _write_sections(
    transaction: Transaction, source_id: int, rows: Sequence[dict[str, Any]]
) -> SectionChanges:
    stored = await transaction.fetch(_sql.list_section_keys, source_id)
    matches = _matches(stored, rows)
    kept = {row["id"]: row for row in stored if row["id"] in matches.values()}
    gone = [row["id"] for row in stored if row["id"] not in kept]
    moved = [kept[id]["id"] for n, id in matches.items() if kept[id]["anchor"] != rows[n]["anchor"]]
    changed = [
        n for n, id in matches.items()
        if kept[id]["anchor"] == rows[n]["anchor"] and kept[id]["digest"] != rows[n]["digest"]
    ]  # fmt: skip
    await transaction.execute(_sql.delete_sections, gone)
    await transaction.execute(_sql.set_anchors_aside, moved)
    updated = [{"id": id} | rows[n] for n, id in matches.items()]
    for start in range(0, len(updated), _ROWS_AT_ONCE):
        await transaction.execute(_sql.update_sections, updated[start : start + _ROWS_AT_ONCE])
    new = [row for n, row in enumerate(rows) if n not in matches]
    for start in range(0, len(new), _ROWS_AT_ONCE):
        await transaction.execute(
            _sql.insert_sections, source_id, new[start : start + _ROWS_AT_ONCE]
        )
    if gone or changed:
        await transaction.execute(_sql.delete_unused_summaries)
    n_unchanged = len(matches) - len(moved) - len(changed)
    return SectionChanges(len(new), len(changed), len(moved), len(gone), n_unchanged)


def _matches(stored: Sequence[Record], rows: Sequence[Mapping[str, Any]]) -> dict[int, int]:
    """Which row goes on under which id: by anchor and text, by text, else by anchor."""
    matches: dict[int, int] = {}
    taken: set[int] = set()
    for names in (("anchor", "digest"), ("digest",), ("anchor",)):
        free: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
        for row in reversed(stored):
            if row["id"] not in taken:
                free[tuple(row[name] for name in names)].append(row["id"])
        for n, new in enumerate(rows):
            key = tuple(new[name] for name in names)
            if n not in matches and free[key]:
                matches[n] = free[key].pop()
                taken.add(matches[n])
    return matches


async def _record_addition(
    call: ToolCall,
    transaction: Transaction,
    name: str,
    file: SourceFile,
    parsed: ParsedSource,
    changes: SectionChanges,
) -> None:
    data = {
        "source": name,
        "call": call.id,
        "format": parsed.format,
        "path": str(file.path),
        "sha256": file.sha256,
        "added": changes.added,
        "changed": changes.changed,
        "moved": changes.moved,
        "removed": changes.removed,
        "unchanged": changes.unchanged,
    }
    await transaction.append(
        NewEvent(call.stream, "reference.added", call.principal.name, call.now(), data)
    )
