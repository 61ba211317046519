"""The code of each step of a path, from files that are still what was indexed.

Above: `explain_code_path`. Below: the working tree, the digests of the index.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agentos import Database, Queries, sha256_hex
from agentos_memory.adjacency import Relation
from agentos_memory.analysis import MAX_FILE_BYTES
from agentos_memory.chunks import source_lines
from agentos_memory.generations import Repository
from agentos_memory.graph import SymbolGraph
from agentos_memory.shown_lines import key_lines, redact_lines, without_keys
from agentos_memory.work_files import forget_folders, read_file

LINES_AROUND = 2
MAX_HEAD_LINES = 3

_sql = Queries("agentos_memory", "sql/code_paths.sql")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Lines of a file as they are but for secrets, `start_line` the number of the first."""

    path: str
    start_line: int
    lines: Sequence[str]
    is_redacted: bool

    @property
    def end_line(self) -> int:
        """The number of the last line."""
        return self.start_line + len(self.lines) - 1

    def text(self) -> str:
        """The lines with their numbers."""
        return "\n".join(f"{n:>5}  {line}" for n, line in enumerate(self.lines, self.start_line))


async def read_excerpts(
    database: Database,
    repository: Repository,
    graph: SymbolGraph,
    start: int,
    relations: Sequence[Relation],
    may_read: Callable[[str], bool],
) -> list[Excerpt | None]:
    """The head of the start, and around each call.

    None for a file that has changed since, or that may not be read.
    """
    first = graph.definitions[start]
    last = min(first.start_line + MAX_HEAD_LINES - 1, first.end_line)
    wanted = [(first.path, first.start_line, last)]
    for relation in relations:
        inside = graph.definitions[relation.source]
        wanted.append(
            (
                relation.path,
                max(relation.line - LINES_AROUND, inside.start_line),
                min(relation.line + LINES_AROUND, max(inside.end_line, relation.line)),
            )
        )
    paths = sorted(filter(may_read, {path for path, _, _ in wanted}))
    rows = await database.fetch(_sql.read_digests, repository.id, paths)
    digests = {row["path"]: row["sha256"] for row in rows}
    files = await asyncio.to_thread(_read_unchanged, repository, digests)
    return [
        _excerpt(path, begin, files[path][begin - 1 : end]) if path in files else None
        for path, begin, end in wanted
    ]


def _excerpt(path: str, begin: int, lines: Sequence[str]) -> Excerpt:
    shown, is_redacted = redact_lines(lines)
    return Excerpt(path, begin, shown, is_redacted)


def _read_unchanged(repository: Repository, digests: dict[str, str]) -> dict[str, Sequence[str]]:
    forget_folders()
    files: dict[str, Sequence[str]] = {}
    for path, digest in digests.items():
        content = read_file(repository.root, path, max_bytes=MAX_FILE_BYTES)
        if isinstance(content, bytes) and sha256_hex(content) == digest:
            files[path] = without_keys(source_lines(content), 1, key_lines(content))
    return files
