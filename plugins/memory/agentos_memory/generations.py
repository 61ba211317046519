"""Writing one run's findings as a generation: first the files, which search reads, then the graph.

Each of the two is one transaction, so that readers see all of it or what was before. Contents are
shared and never change, so a generation consists of pointers; only rows that differ are written.
Above: the indexer. Below: SQL of `sql/index.sql`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from asyncpg import ForeignKeyViolationError, Record

from agentos import Connection, Database, Queries, Transaction
from agentos_memory.relations import FileRelations
from agentos_memory.versions import resolver_version

_sql = Queries("agentos_memory", "sql/index.sql")


@dataclass(frozen=True, slots=True)
class Repository:
    """An indexed repository at one generation; its graph may be of an earlier one, or missing."""

    id: int
    name: str
    root: Path
    commit: str | None
    generation: int
    graph_generation: int | None = None
    resolver: str | None = None
    refinement: int = 0

    @property
    def graph_version(self) -> int:
        """Grows whenever the graph changes, by a run or by what language servers said."""
        return (self.graph_generation or 0) + self.refinement

    @property
    def has_current_graph(self) -> bool:
        """Whether the graph is that of the files which search reads, by this resolver."""
        wanted = (self.generation, resolver_version())
        return (self.graph_generation, self.resolver) == wanted


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One file of a generation: where its content is, or why there is none."""

    path: str
    language: str
    module: str
    sha256: str | None
    skip_reason: str | None
    skip_detail: str | None
    analyser: str
    content_id: int | None


@dataclass(frozen=True, slots=True)
class Changes:
    """How the files of a run differ from the generation it started from."""

    removed: Sequence[str]
    files: Sequence[FileRecord]
    renames: Mapping[str, str]
    """Old to new path of files that went on under another name."""
    left_out: bytes
    """Compressed list of the files that no analysis saw."""

    @property
    def is_empty(self) -> bool:
        """Whether the files say what the stored generation says."""
        return not (self.removed or self.files)


@dataclass(frozen=True, slots=True)
class Target:
    """Which repository a run writes, and the generation it compared with (None: a new one)."""

    name: str
    root: Path
    commit: str | None
    base: Repository | None


async def read_files(database: Database, repository: Repository) -> dict[str, FileRecord]:
    """The files of the repository's generation, by path."""
    rows = await database.fetch(_sql.list_files, repository.id)
    return {row["path"]: FileRecord(**row) for row in rows}


async def write_files(
    database: Database, target: Target, changes: Changes, now: datetime
) -> Repository | None:
    """Store `changes` as a generation of their own; None where another run was faster.

    From then on search finds them; the graph stays that of the generation before.
    """
    async with database.connection() as connection:
        try:
            async with connection.transaction():
                if not await _is_current(connection, target.base):
                    return None
                row = await _advance(connection, target, changes, now)
                if row is None:
                    return None
                repository = repository_from_row(row)
                await _write_changes(connection, repository, changes, now)
        except ForeignKeyViolationError:
            # A content that was found has been cleared away as unused meanwhile.
            return None
    return repository


async def write_graph(
    transaction: Transaction,
    repository: Repository,
    contents: Mapping[str, int],
    relations: Sequence[FileRelations],
    *,
    is_whole: bool,
) -> Repository | None:
    """Make `relations` the graph of the repository's generation; None where it has moved on.

    `contents` are the ids by path of all files with content. Unless `relations` are the whole, the
    files without any keep what is stored of them.
    """
    if not await _is_current(transaction.connection, repository):
        return None
    rows = await transaction.fetch(_sql.list_graph_files, repository.id)
    stored = {row["path"]: (row["content_id"], row["digest"]) for row in rows}
    fresh = [
        each for each in relations if stored.get(each.path) != (contents[each.path], each.digest)
    ]
    current = {each.path for each in relations} if is_whole else contents.keys()
    gone = [path for path in stored if path not in current]
    if gone:
        await transaction.execute(_sql.delete_graph_files, repository.id, gone)
    if fresh:
        await transaction.execute(
            _sql.upsert_graph_files,
            repository.id,
            [each.path for each in fresh],
            [contents[each.path] for each in fresh],
            [each.edge_count for each in fresh],
            [each.digest for each in fresh],
            [each.stored for each in fresh],
        )
    row = await transaction.fetch_row(_sql.complete_graph, repository.id, resolver_version())
    return None if row is None else repository_from_row(row)


def repository_from_row(row: Record) -> Repository:
    """The repository that a row of `list_repositories` and its kin says."""
    return Repository(
        row["id"], row["name"], Path(row["root"]), row["commit"], row["generation"],
        row["graph_generation"], row["resolver"], row["refinement"],
    )  # fmt: skip


async def _is_current(connection: Connection, base: Repository | None) -> bool:
    """Whether the stored generation is still the base; keeps it so until the transaction ends."""
    if base is None:
        return True
    row = await connection.fetchrow(_sql.lock_repository, base.id)
    return row is not None and row["generation"] == base.generation


async def _advance(
    connection: Connection, target: Target, changes: Changes, now: datetime
) -> Record | None:
    told = (target.name, str(target.root), target.commit, now, changes.left_out)
    if target.base is None:
        return await connection.fetchrow(_sql.insert_repository, *told)
    advance = _sql.move_repository if changes.is_empty else _sql.advance_repository
    return await connection.fetchrow(advance, target.base.id, *told)


async def _write_changes(
    connection: Connection, repository: Repository, changes: Changes, now: datetime
) -> None:
    if changes.removed:
        await connection.execute(_sql.delete_files, repository.id, list(changes.removed))
    if changes.files:
        columns = zip(*[_columns(file) for file in changes.files], strict=True)
        await connection.execute(_sql.upsert_files, repository.id, *map(list, columns))
    if changes.renames:
        await connection.execute(
            _sql.insert_renames,
            repository.id,
            repository.generation,
            list(changes.renames),
            list(changes.renames.values()),
            now,
        )


def _columns(file: FileRecord) -> tuple[object, ...]:
    return (
        file.path, file.language, file.module, file.sha256, file.skip_reason, file.skip_detail,
        file.analyser, file.content_id,
    )  # fmt: skip
