"""Loading the shard of a repository's current generation from the database and git's log.

Above: search. Below: stored chunks, vectors, and shards that hold them in memory.
"""

from __future__ import annotations

import asyncio
from array import array
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

import structlog
from asyncpg import Record

from agentos import Queries, UnavailableError
from agentos_memory.bulk import bulk_work
from agentos_memory.catalog import Catalog, reread
from agentos_memory.chunk_records import FileChunks, decode_chunks
from agentos_memory.file_history import FileHistory
from agentos_memory.generations import Repository
from agentos_memory.knowledge.history import Commit, read_commits
from agentos_memory.residents import Residents
from agentos_memory.shards import FileEntry, Shard, counted
from agentos_memory.term_counts import TermCounts
from agentos_memory.vector_matrix import VectorMatrix
from agentos_memory.vectors import Vectors

RESIDENT_SHARDS = 16
# Of all shards together: with vectors of 384 numbers, 4 KB each.
RESIDENT_CHUNKS = 400_000
# Without its log a repository is searched as well; whoever waits for a first answer does not
# wait longer for git.
LOG_TIMEOUT_S = 10.0

Tell: TypeAlias = Callable[[str], Awaitable[None]]
"""Told what is at work."""

_sql = Queries("agentos_memory", "sql/index.sql")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Part:
    """The chunks of one content, without their identifiers, which are counted."""

    chunks: FileChunks
    counts: TermCounts


@dataclass(frozen=True, slots=True)
class _Log:
    """The last commits of a repository; `head` is None where git could not say."""

    head: str | None
    commits: Sequence[Commit]


@dataclass(frozen=True, slots=True)
class _Resident:
    shard: Shard
    log: _Log
    names: VectorMatrix
    bodies: VectorMatrix
    parts: Mapping[int, _Part]
    """By content; the next generation shares most of them."""


class Shards:
    """Resident shards by repository; a new generation replaces the old one at its first query.

    While this process changes an index, nobody has been told of the new generation yet, so that
    queries are answered from the one before and wait for nothing.
    """

    def __init__(self, catalog: Catalog, vectors: Vectors) -> None:
        self._catalog = catalog
        self._vectors = vectors
        self._residents: Residents[int, _Resident] = Residents(
            RESIDENT_SHARDS, weigh=_n_chunks, max_weight=RESIDENT_CHUNKS
        )
        self._changing: Counter[Path] = Counter()
        self._renewals: dict[int, asyncio.Task[_Resident]] = {}

    async def get(
        self, repository: Repository, *, with_vectors: bool, tell: Tell | None = None
    ) -> Shard:
        """The shard of the repository's generation or of a newer one; see `changing` for another.

        `with_vectors` takes in the vectors that were made since; nothing is read for them before.
        `tell` hears of what takes seconds, which is reading a repository for the first time.
        """
        resident = self._residents.find(repository.id, repository.generation)
        if resident is None and self._changing[repository.root]:
            resident = self._residents.latest(repository.id)
            if resident is not None:
                self._renew(repository)
        if resident is None:
            resident = await self._load(repository, tell)
        if with_vectors:
            if tell is not None and resident.names.current.model is None:
                await tell(f"loading the vectors of {repository.name}")
            await resident.names.refresh()
            await resident.bodies.refresh()
        return resident.shard

    @asynccontextmanager
    async def changing(self, root: Path) -> AsyncIterator[None]:
        """While the block runs, queries of the repository at `root` may get the shard before."""
        self._changing[root] += 1
        try:
            yield
        finally:
            self._changing[root] -= 1

    async def renew(self, repository: Repository) -> None:
        """Load a new generation of a repository that queries were answered from before."""
        if self._residents.latest(repository.id) is not None:
            await self._load(repository, None)

    def _renew(self, repository: Repository) -> None:
        if repository.id not in self._renewals:
            task = asyncio.create_task(self._load(repository, None))
            self._renewals[repository.id] = task
            task.add_done_callback(partial(self._renewed, repository.id))

    def _renewed(self, id: int, task: asyncio.Task[_Resident]) -> None:
        del self._renewals[id]
        if not task.cancelled() and (error := task.exception()) is not None:
            # The next query that has to wait loads it again, and is told.
            _log.warning("shard_not_renewed", error=type(error).__name__)

    async def _load(self, repository: Repository, tell: Tell | None) -> _Resident:
        async def load() -> tuple[int, _Resident]:
            if tell is not None:
                await tell(f"loading the index of {repository.name}")
            before = self._residents.latest(repository.id)
            known: Mapping[int, _Part] = before.parts if before is not None else {}
            reading = asyncio.create_task(_read_log(repository, before))
            try:
                async with self._catalog.snapshot() as connection:
                    current = await reread(connection, repository)
                    files = await connection.fetch(_sql.list_chunked_files, repository.id)
                    unknown = [row["content_id"] for row in files if row["content_id"] not in known]
                    rows = await connection.fetch(_sql.read_chunks, unknown)
                log = await reading
            finally:
                reading.cancel()
            resident = await asyncio.to_thread(
                self._build_in_bulk, current, files, rows, log, before
            )
            return current.generation, resident

        return await self._residents.get(repository.id, repository.generation, load)

    def _build_in_bulk(
        self,
        repository: Repository,
        files: Sequence[Record],
        rows: Sequence[Record],
        log: _Log,
        before: _Resident | None,
    ) -> _Resident:
        # Hundreds of thousands of names and lines stay; walking them would double the time.
        with bulk_work():
            return self._build(repository, files, rows, log, before)

    def _build(
        self,
        repository: Repository,
        files: Sequence[Record],
        rows: Sequence[Record],
        log: _Log,
        before: _Resident | None,
    ) -> _Resident:
        known: Mapping[int, _Part] = before.parts if before is not None else {}
        paths = {row["content_id"]: row["path"] for row in files}
        fresh = {row["id"]: _part(paths[row["id"]], row["chunks"]) for row in rows}
        parts = {content: fresh.get(content) or known[content] for content in paths}
        stored = [part.chunks for part in parts.values()]
        counts = [part.counts for part in parts.values()]
        entries = [FileEntry(row["path"], row["language"], row["sha256"]) for row in files]
        names = VectorMatrix(
            self._vectors,
            [digest for part in stored for digest in part.name_digests],
            before=before.names if before is not None else None,
        )
        bodies = VectorMatrix(
            self._vectors,
            [digest for part in stored for digest in part.digests],
            before=before.bodies if before is not None else None,
        )
        history = FileHistory.of_commits([file.path for file in entries], log.commits)
        shard = Shard(
            repository, entries, stored, counts=counts, names=names, bodies=bodies, history=history
        )
        return _Resident(shard, log, names, bodies, parts)


async def _read_log(repository: Repository, before: _Resident | None) -> _Log:
    """The commits that led to the repository's, which a change of files alone leaves as they were."""
    if before is not None and before.log.head == repository.commit:
        return before.log
    try:
        commits = await read_commits(repository.root, timeout_s=LOG_TIMEOUT_S)
    except UnavailableError as error:
        _log.warning("log_not_read", repository=repository.name, error=error.message)
        return _Log(None, ())
    return _Log(repository.commit, commits)


def _n_chunks(resident: _Resident) -> int:
    return len(resident.shard)


def _part(path: str, blob: bytes) -> _Part:
    chunks = decode_chunks(path, blob)
    none = array("I")
    return _Part(replace(chunks, identifiers=(), sizes=none, tokens=none), counted(chunks))
