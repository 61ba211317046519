"""Writing one index run as one new generation, inside the call's transaction.

Readers see the generation before or the one after. Files that did not change keep their rows;
edges are compared with the stored ones, so that a small edit writes few rows. Above: the indexer.
Below: SQL of `sql/queries.sql`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from asyncpg import Record

from agentos import Queries, Transaction
from agentos_memory.chunks import Chunk
from agentos_memory.model import Resolution, Symbol

_sql = Queries("agentos_memory")

_SYMBOL_COLUMNS = (
    "repository_id", "path", "qualified_name", "name", "kind", "start_line", "end_line",
    "name_line", "signature", "docstring", "parent",
)  # fmt: skip
_CHUNK_COLUMNS = (
    "repository_id", "path", "qualified_name", "name", "kind", "start_line", "end_line",
    "signature", "body", "embed_text", "digest", "name_text", "name_digest",
)  # fmt: skip
_EDGE_COLUMNS = (
    "repository_id", "path", "line", "source", "target_path", "target", "kind", "tier", "rule",
    "confidence",
)  # fmt: skip
_UNRESOLVED_COLUMNS = ("repository_id", "path", "line", "caller", "callee", "receiver")


@dataclass(frozen=True, slots=True)
class Repository:
    """An indexed repository at one generation."""

    id: int
    name: str
    root: Path
    commit: str | None
    generation: int


@dataclass(frozen=True, slots=True)
class FileRecord:
    """What is stored of one file that changed; `facts` or a reason to skip it."""

    path: str
    language: str
    module: str
    sha256: str | None
    line_count: int = 0
    skip_reason: str | None = None
    skip_detail: str | None = None
    facts: bytes | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """How a run differs from the generation it started from."""

    removed: Sequence[str]
    files: Sequence[FileRecord]
    symbols: Sequence[Symbol]
    chunks: Sequence[Chunk]
    resolution: Resolution | None
    """Edges of the whole repository; None where no file changed."""

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


async def is_current(transaction: Transaction, target: Target) -> bool:
    """Whether the stored generation is still the base; keeps it so until the transaction ends."""
    if target.base is None:
        return True
    row = await transaction.fetch_row(_sql.lock_repository, target.base.id)
    return row is not None and row["generation"] == target.base.generation


async def write_generation(
    transaction: Transaction, target: Target, changes: Changes, *, analyser: str, now: datetime
) -> Repository | None:
    """Store `changes` on a base that `is_current`; None where the name or root was just taken."""
    repository = await _advance(transaction, target, changes, now)
    if repository is not None and not changes.is_empty:
        await _write_files(transaction, repository.id, changes, analyser)
        await _copy_contents(transaction, repository.id, changes)
        if changes.resolution is not None:
            await _write_edges(transaction, repository.id, changes.resolution)
    return repository


async def _advance(
    transaction: Transaction, target: Target, changes: Changes, now: datetime
) -> Repository | None:
    root = str(target.root)
    if target.base is None:
        row = await transaction.fetch_row(
            _sql.insert_repository, target.name, root, target.commit, now
        )
    else:
        advance = _sql.move_repository if changes.is_empty else _sql.advance_repository
        row = await transaction.fetch_row(
            advance, target.base.id, target.name, root, target.commit, now
        )
    return None if row is None else repository_from_row(row)


def repository_from_row(row: Record) -> Repository:
    """The repository that a row of `list_repositories` and its kin says."""
    return Repository(row["id"], row["name"], Path(row["root"]), row["commit"], row["generation"])


async def _write_files(
    transaction: Transaction, repository_id: int, changes: Changes, analyser: str
) -> None:
    paths = [file.path for file in changes.files]
    await transaction.execute(_sql.delete_files, repository_id, list(changes.removed))
    await transaction.execute(_sql.delete_file_contents, repository_id, paths)
    await transaction.execute(
        _sql.upsert_files,
        repository_id,
        paths,
        [file.language for file in changes.files],
        [file.module for file in changes.files],
        [file.sha256 for file in changes.files],
        [file.line_count for file in changes.files],
        [file.skip_reason for file in changes.files],
        [file.skip_detail for file in changes.files],
        [analyser] * len(paths),
        [file.facts for file in changes.files],
    )


async def _copy_contents(transaction: Transaction, repository_id: int, changes: Changes) -> None:
    await _copy(
        transaction,
        "symbol",
        _SYMBOL_COLUMNS,
        (
            (
                repository_id, s.path, s.qualified_name, s.name, s.kind, s.start_line, s.end_line,
                s.name_line, s.signature, s.docstring, s.parent,
            )
            for s in changes.symbols
        ),
    )  # fmt: skip
    await _copy(
        transaction,
        "chunk",
        _CHUNK_COLUMNS,
        (
            (
                repository_id, c.path, c.qualified_name, c.name, c.kind, c.start_line, c.end_line,
                c.signature, c.body, c.embed_text, c.digest, c.name_text, c.name_digest,
            )
            for c in changes.chunks
        ),
    )  # fmt: skip


async def _write_edges(
    transaction: Transaction, repository_id: int, resolution: Resolution
) -> None:
    await transaction.execute(_sql.create_new_edges)
    edges = {
        (
            repository_id, e.path, e.line, e.source, e.target_path, e.target, e.kind, e.tier,
            e.rule, e.confidence,
        ): None
        for e in resolution.edges
    }  # fmt: skip
    await _copy(transaction, "new_edge", _EDGE_COLUMNS, edges, schema=None)
    await transaction.execute(_sql.analyze_new_edges)
    await transaction.execute(_sql.delete_stale_edges, repository_id)
    await transaction.execute(_sql.insert_fresh_edges, repository_id)
    await _write_unresolved_calls(transaction, repository_id, resolution)


async def _write_unresolved_calls(
    transaction: Transaction, repository_id: int, resolution: Resolution
) -> None:
    await transaction.execute(_sql.create_new_unresolved_calls)
    sites = {
        (repository_id, u.path, u.line, u.caller, u.callee, u.receiver): None
        for u in resolution.unresolved
    }
    await _copy(transaction, "new_unresolved_call", _UNRESOLVED_COLUMNS, sites, schema=None)
    await transaction.execute(_sql.analyze_new_unresolved_calls)
    await transaction.execute(_sql.delete_stale_unresolved_calls, repository_id)
    await transaction.execute(_sql.insert_fresh_unresolved_calls, repository_id)


async def _copy(
    transaction: Transaction,
    table: str,
    columns: Sequence[str],
    records: Iterable[tuple[object, ...]],
    *,
    schema: str | None = "memory",
) -> None:
    await transaction.connection.copy_records_to_table(
        table, schema_name=schema, columns=list(columns), records=list(records)
    )
