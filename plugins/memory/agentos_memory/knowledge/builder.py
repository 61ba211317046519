"""Keeps what is known of each repository up to date, in the background after index runs.

A build looks at files that changed, reads git's log where HEAD moved, and replaces the rows in one
transaction, so that readers see one build or the next. Two processes may build the same; the
second one's result is dropped. Above: the plugin that starts it, the tools that wait for it.
Below: extraction, history, PostgreSQL.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import structlog
from asyncpg import Record

from agentos import AgentOSError, Clock, Connection, Database, Queries, UnavailableError
from agentos_memory.activity import Activity
from agentos_memory.catalog import Catalog
from agentos_memory.compression import compress, decompress
from agentos_memory.generations import Repository
from agentos_memory.git_files import WorkTree, list_files, read_head
from agentos_memory.knowledge.blame import blame_extraction, blame_step, decode_blame
from agentos_memory.knowledge.extraction import ExtractionRun
from agentos_memory.knowledge.graph import KnowledgeGraph
from agentos_memory.knowledge.history import history_extraction, read_commits
from agentos_memory.knowledge.linking import link
from agentos_memory.knowledge.model import Extraction
from agentos_memory.knowledge.records import decode_extraction, encode_extraction
from agentos_memory.knowledge.remote_extraction import RemoteExtraction, pack_extractors
from agentos_memory.knowledge.retries import Retries
from agentos_memory.knowledge.sources import KnowledgeExtractor
from agentos_memory.model import SkippedFile
from agentos_memory.residents import Residents
from agentos_memory.work_files import forget_folders
from agentos_memory.workers import Workers

# Most processes are over before this; what asks for an answer does not wait for it.
STARTS_AFTER_S = 5.0
POLL_EVERY_S = 5.0
# After a change somebody asks for it at once: a build waits until nobody has asked for a while,
# and in between its steps, but is made on a busy server, too.
QUIET_S = 2.0
MAX_DELAY_S = 60.0
STEP_QUIET_S = 0.2
MAX_STEP_DELAY_S = 0.5
RESIDENT_GRAPHS = 8
# Few enough that a step's contents are held, and that a build can be given up between two.
_FILES_PER_STEP = 50
# Where nobody waits for it, unlike for what else the machine does.
_NICE = 10
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
    left_out: Sequence[SkippedFile]


class KnowledgeBase:
    """The knowledge of all repositories; `run` is its background task."""

    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        clock: Clock,
        extractors: Sequence[KnowledgeExtractor],
        workers: Workers,
        activity: Activity,
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._clock = clock
        self._extractors = extractors
        self._packed = pack_extractors(extractors)
        self._workers = workers
        self._activity = activity
        self._n_waiting = 0
        versions = [f"{each.name} {each.version}" for each in extractors]
        self._version = ", ".join([_FORMAT, *versions])
        self._building: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._graphs: Residents[int, KnowledgeGraph] = Residents(RESIDENT_GRAPHS)
        self._retries = Retries()
        self._woken = asyncio.Event()

    async def graph(self, repository: Repository) -> KnowledgeGraph:
        """Code and knowledge of the repository's last index run; built now where it is missing.

        UnavailableError while there is no symbol graph, or where the work tree is not here and
        nothing was built before.
        """
        code = await self._catalog.graph(repository)
        generation = repository.graph_version
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
            paths = orjson.loads(decompress(state["paths"]))

            def build() -> KnowledgeGraph:
                extractions = [decode_extraction(state["history"]), *_with_blame(files)]
                return KnowledgeGraph(code, link(extractions, paths), state["build"])

            return state["build"] + generation, await asyncio.to_thread(build)

        # Both numbers only grow, so their sum tells each pair of a graph and a build.
        return await self._graphs.get(repository.id, row["build"] + generation, load)

    async def refresh(self, repository_id: int, root: Path) -> None:
        """Bring the knowledge of a repository to its last index run; nothing where it is there.

        A build that is at work already no longer gives way to other calls.
        """
        with self._waiting():
            await self._refresh(repository_id, root)

    async def _refresh(self, repository_id: int, root: Path) -> None:
        async with self._building[repository_id]:
            build = await self._wanted(repository_id, root)
            if build is not None and await asyncio.to_thread(root.is_dir):
                await self._run(build)

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        self._n_waiting += 1
        try:
            yield
        finally:
            self._n_waiting -= 1

    def wake(self) -> None:
        """Look for work now; never blocks."""
        self._woken.set()

    async def run(self) -> None:
        """Build what is outdated until cancelled; what failed is tried again, ever later."""
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
            await self._activity.quiet(QUIET_S, at_most_s=MAX_DELAY_S)
            build = partial(self._refresh, row["id"], Path(row["root"]))
            await self._try(row["id"], row["indexed_at"], build)
        for row in await self._database.fetch(_sql.find_blamable):
            await self._try(("blame", row["id"]), None, partial(self._blame, **dict(row)))

    async def _try(
        self, key: Hashable, version: Hashable, work: Callable[[], Awaitable[None]]
    ) -> None:
        """Do some work, unless it has failed a moment ago."""
        now_s = time.monotonic()
        if not self._retries.may_try(key, version, now_s):
            return
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - the owner of a background task
            delay_s = self._retries.failed(key, version, now_s)
            _log.warning("knowledge_failed", key=key, retry_s=delay_s, exc_info=error)
        else:
            self._retries.succeeded(key)

    async def _blame(self, id: int, root: str) -> None:
        if await asyncio.to_thread(Path(root).is_dir):
            await blame_step(self._database, id, Path(root))

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
            _stored_left_out(state["skipped"]) if same else [],
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
        stored_paths = compress(orjson.dumps(paths))
        told = (
            build.repository_id, build.wanted_at, self._version, build.commit, head, history,
            stored_paths, _as_stored(run), self._clock.now(),
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
        run = ExtractionRun(build.root, self._extractors, known, indexed, build.left_out)
        forget_folders()
        async with self._workers.hire(nice=0 if self._n_waiting else _NICE) as worker:
            remote = RemoteExtraction(worker, build.root, self._packed, self._workers.limits)
            for start in range(0, len(paths), _FILES_PER_STEP):
                await self._give_way()
                step = paths[start : start + _FILES_PER_STEP]
                claimed = await asyncio.to_thread(run.look_at, step)
                for extracted, skipped in await remote.of(claimed):
                    run.take(extracted, skipped)
        return run

    async def _give_way(self) -> None:
        """Let calls be answered first, unless one of them waits for this build."""
        if not self._n_waiting:
            await self._activity.quiet(STEP_QUIET_S, at_most_s=MAX_STEP_DELAY_S)


def _as_stored(run: ExtractionRun) -> dict[str, object]:
    files = {each.path: [each.reason, each.detail] for each in run.left_out}
    return {"counts": dict(run.skipped), "files": files}


def _stored_left_out(skipped: Mapping[str, Any] | None) -> list[SkippedFile]:
    files = (skipped or {}).get("files", {})
    return [SkippedFile(path, *told) for path, told in files.items()]


def _with_blame(files: Sequence[Record]) -> Iterator[Extraction]:
    """What files gave, and who changed it last."""
    for file in files:
        extraction = decode_extraction(file["extraction"])
        yield extraction
        if file["blame"] is not None:
            yield blame_extraction(file["path"], extraction, decode_blame(file["blame"]))


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
