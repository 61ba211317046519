"""Keeps what is known of each repository up to date, in the background after index runs.

A build looks at files that changed, reads git's log where HEAD moved, and replaces the rows in one
transaction, so that readers see one build or the next. Two processes may build the same; the
second one's result is dropped. Above: the plugin that starts it, the tools that wait for it.
Below: extraction, history, PostgreSQL.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import structlog

from agentos import AgentOSError, Clock, Connection, Database, Queries, UnavailableError
from agentos_memory.catalog import Catalog
from agentos_memory.generations import Repository
from agentos_memory.git_files import WorkTree, list_files, read_head
from agentos_memory.knowledge.extraction import ExtractionRun
from agentos_memory.knowledge.graph import KnowledgeGraph
from agentos_memory.knowledge.history import history_extraction, read_commits
from agentos_memory.knowledge.linking import link
from agentos_memory.knowledge.records import decode_extraction, encode_extraction
from agentos_memory.knowledge.sources import KnowledgeExtractor
from agentos_memory.residents import Residents
from agentos_memory.work_files import forget_folders

# Most processes are over before this; what asks for an answer does not wait for it.
STARTS_AFTER_S = 5.0
POLL_EVERY_S = 5.0
RESIDENT_GRAPHS = 8
_FILES_PER_STEP = 100
_COMPRESSION = 1
# Part of what is stored: raise it when history or linking keep something else.
_FORMAT = "1"

_sql = Queries("agentos_memory", "sql/knowledge.sql")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Build:
    """One repository's build: what it started from and what it belongs to."""

    repository_id: int
    root: Path
    commit: str | None
    wanted_at: datetime
    build: int | None
    is_fresh_start: bool
    history_commit: str | None


class KnowledgeBase:
    """The knowledge of all repositories; `run` is its background task."""

    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        clock: Clock,
        extractors: Sequence[KnowledgeExtractor],
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._clock = clock
        self._extractors = extractors
        versions = [f"{each.name} {each.version}" for each in extractors]
        self._version = ", ".join([_FORMAT, *versions])
        self._building: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._graphs: Residents[int, KnowledgeGraph] = Residents(RESIDENT_GRAPHS)
        self._failed: dict[int, datetime] = {}
        self._woken = asyncio.Event()

    async def graph(self, repository: Repository) -> KnowledgeGraph:
        """Code and knowledge of the repository's last index run; built now where it is missing.

        UnavailableError while there is no symbol graph, or where the work tree is not here and
        nothing was built before.
        """
        code = await self._catalog.graph(repository)
        generation = repository.graph_generation or 0
        await self.refresh(repository.id, repository.root)
        row = await self._database.fetch_row(_sql.read_knowledge, repository.id)
        if row is None:
            raise UnavailableError(
                f"nothing is known of {repository.name} beyond its code yet",
                remedy="ask where its working tree is, or index it again",
            )

        async def load() -> tuple[int, KnowledgeGraph]:
            async with self._catalog.snapshot() as connection:
                state = await connection.fetchrow(_sql.read_knowledge, repository.id)
                files = await connection.fetch(_sql.read_extractions, repository.id)
            assert state is not None
            blobs = [state["history"], *(each["extraction"] for each in files)]
            paths = orjson.loads(zlib.decompress(state["paths"]))

            def build() -> KnowledgeGraph:
                extractions = [decode_extraction(blob) for blob in blobs]
                return KnowledgeGraph(code, link(extractions, paths), state["build"])

            return state["build"] + generation, await asyncio.to_thread(build)

        # Both numbers only grow, so their sum tells each pair of a graph and a build.
        return await self._graphs.get(repository.id, row["build"] + generation, load)

    async def refresh(self, repository_id: int, root: Path) -> None:
        """Bring the knowledge of a repository to its last index run; nothing where it is there."""
        async with self._building[repository_id]:
            build = await self._wanted(repository_id, root)
            if build is not None and await asyncio.to_thread(root.is_dir):
                await self._run(build)

    def wake(self) -> None:
        """Look for work now; never blocks."""
        self._woken.set()

    async def run(self) -> None:
        """Build what is outdated until cancelled; a failure waits for the next index run."""
        await self._sleep(STARTS_AFTER_S)
        while True:
            try:
                await self._step()
            except AgentOSError as error:
                _log.warning("knowledge_interrupted", code=error.code)
            except Exception as error:  # noqa: BLE001 - the owner of a background task
                _log.error("knowledge_failed", exc_info=error)
            await self._sleep(POLL_EVERY_S)

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()

    async def _step(self) -> None:
        for row in await self._database.fetch(_sql.find_outdated, self._version):
            if self._failed.get(row["id"]) == row["indexed_at"]:
                continue
            try:
                await self.refresh(row["id"], Path(row["root"]))
            except Exception as error:  # noqa: BLE001 - the owner of a background task
                self._failed[row["id"]] = row["indexed_at"]
                _log.warning("knowledge_failed", repository=row["id"], exc_info=error)

    async def _wanted(self, repository_id: int, root: Path) -> _Build | None:
        state = await self._database.fetch_row(_sql.get_state, repository_id)
        if state is None:
            return None
        same = state["extractors"] == self._version
        if same and state["indexed_at"] == state["wanted_at"]:
            return None
        return _Build(
            repository_id, root, state["wanted_commit"], state["wanted_at"], state["build"],
            not same, state["history_commit"] if same else None,
        )  # fmt: skip

    async def _run(self, build: _Build) -> None:
        head = await read_head(build.root)
        paths = (await list_files(WorkTree(build.root, head))).paths
        run = await self._extract(build, paths)
        history = None
        if head != build.history_commit or build.build is None or build.is_fresh_start:
            commits = await read_commits(build.root) if head is not None else []
            extraction = await asyncio.to_thread(history_extraction, commits, set(paths))
            history = encode_extraction(extraction)
        stored_paths = zlib.compress(orjson.dumps(paths), _COMPRESSION)
        told = (
            build.repository_id, build.wanted_at, self._version, build.commit, head, history,
            stored_paths, dict(run.skipped), self._clock.now(),
        )  # fmt: skip
        async with self._database.connection() as connection, connection.transaction():
            await _write(connection, build, run, told)

    async def _extract(self, build: _Build, paths: Sequence[str]) -> ExtractionRun:
        known: dict[str, str] = {}
        if not build.is_fresh_start:
            rows = await self._database.fetch(_sql.list_files, build.repository_id)
            known = {row["path"]: row["sha256"] for row in rows}
        rows = await self._database.fetch(_sql.list_indexed_files, build.repository_id)
        indexed = {row["path"]: row["sha256"] for row in rows}
        run = ExtractionRun(build.root, self._extractors, known, indexed)
        forget_folders()
        for start in range(0, len(paths), _FILES_PER_STEP):
            await asyncio.to_thread(run.look_at, paths[start : start + _FILES_PER_STEP])
        return run


async def _write(
    connection: Connection, build: _Build, run: ExtractionRun, told: tuple[Any, ...]
) -> None:
    """Replace what differs, unless another process has built meanwhile."""
    if await connection.fetchval(_sql.lock_knowledge, build.repository_id) != build.build:
        return
    if build.build is None:
        if await connection.fetchval(_sql.insert_knowledge, *told) is None:
            return
    else:
        await connection.fetchval(_sql.advance_knowledge, *told)
    if build.is_fresh_start:
        await connection.execute(_sql.delete_all_files, build.repository_id)
    elif run.gone:
        await connection.execute(_sql.delete_files, build.repository_id, run.gone)
    if run.changed:
        await connection.execute(
            _sql.upsert_files,
            build.repository_id,
            [each.path for each in run.changed],
            [each.sha256 for each in run.changed],
            [each.entity_count for each in run.changed],
            [each.edge_count for each in run.changed],
            [each.stored for each in run.changed],
        )
