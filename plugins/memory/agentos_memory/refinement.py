"""Lets language servers answer, in the background, what resolution left open in a graph.

What is to do follows from the graph and the stored answers alone, so a killed process repeats
nothing that it had stored, and whoever runs next goes on. Runs are bounded in time and calls, one
at a time in a process and for a repository; the servers work at low priority. Above: the plugin,
which starts it, and the tools that tell how far it is. Below: runs, their store, the pool.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg
import structlog

from agentos import AgentOSError, Clock, Database, UnavailableError
from agentos_memory.catalog import Catalog
from agentos_memory.generations import Repository
from agentos_memory.git_files import find_shared_folder
from agentos_memory.graph import SymbolGraph
from agentos_memory.language_servers import (
    SERVERS,
    InstalledServer,
    LanguageServerSettings,
    ServerPool,
    find_server,
)
from agentos_memory.languages import find_language
from agentos_memory.open_calls import KnownFile, waiting_calls
from agentos_memory.refinement_metrics import RefinementMetrics
from agentos_memory.refinement_run import RefinementRun
from agentos_memory.refinement_store import RefinementProgress, RefinementStore
from agentos_memory.server_answers import decode_answers

# Most processes are over before this.
STARTS_AFTER_S = 15.0
POLL_EVERY_S = 5.0
# Answers become part of the graph at the end of a run, and in a long one this often.
PUBLISH_EVERY_S = 60.0
FIRST_BACKOFF_S, MAX_BACKOFF_S = 10.0, 3_600.0

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Rest:
    """When a repository is looked at again, and how often it failed in a row."""

    until: float = 0.0
    n_failures: int = 0


class Refinement:
    """The background work of one process; `run` is its one task."""

    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        clock: Clock,
        pool: ServerPool,
        settings: LanguageServerSettings,
        programs: Mapping[str, str],
        metrics: RefinementMetrics,
    ) -> None:
        self._catalog = catalog
        self._clock = clock
        self._pool = pool
        self._settings = settings
        self._programs = programs
        self._metrics = metrics
        self._store = RefinementStore(database)
        self._rests: dict[int, _Rest] = {}
        self._found: dict[tuple[str, Path], InstalledServer | None] = {}
        self._refining = asyncio.Lock()

    @property
    def is_on(self) -> bool:
        """Whether the settings let any server work unasked."""
        if self._settings.refine == "configured":
            return bool(self._programs)
        return self._settings.refine == "installed"

    async def run(self) -> None:
        """Refine what is not, until cancelled; failures are logged and tried again ever later."""
        if not self.is_on:
            return
        try:
            await asyncio.sleep(STARTS_AFTER_S)
            while True:
                await self.refine_all()
                await asyncio.sleep(POLL_EVERY_S)
        finally:
            await self._store.close()

    async def progress(self, repository: Repository) -> RefinementProgress | None:
        """How far the repository is; None where no server has looked at it."""
        return await self._store.progress(repository.id)

    async def refine_all(self) -> None:
        """One run over each repository whose graph is not refined as far as it can be."""
        async with self._refining:
            await self._refine_all()

    async def _refine_all(self) -> None:
        try:
            known = await self._store.all_progress()
            repositories = await self._catalog.repositories()
        except (AgentOSError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            _log.warning("refinement_interrupted", error=type(error).__name__)
            return
        for repository in repositories:
            await self._guarded_run(repository, known.get(repository.id))
        self._metrics.servers.set(self._pool.n_running)

    async def _guarded_run(self, repository: Repository, known: RefinementProgress | None) -> None:
        rest = self._rests.setdefault(repository.id, _Rest())
        if time.monotonic() < rest.until or repository.graph_generation is None:
            return
        try:
            names = await asyncio.to_thread(self._server_names, repository.root)
            if names and not _is_refined(repository, known, names):
                await self._refine(repository, names, rest)
        except (AgentOSError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            await self._fail(repository, known, rest, error)
        except Exception as error:  # noqa: BLE001 - the owner of a background task
            _log.error("refinement_failed", repository=repository.id, exc_info=error)
            await self._fail(repository, known, rest, error)

    def _server_names(self, root: Path) -> str:
        """The servers that may be asked about a repository."""
        languages = sorted({name for server in SERVERS for name in server.languages})
        found = [self._server(name, root) for name in languages]
        return ", ".join(sorted({each.server.name for each in found if each is not None}))

    async def _refine(self, repository: Repository, names: str, rest: _Rest) -> None:
        if not await asyncio.to_thread(repository.root.is_dir):
            return
        if not await self._store.claim(repository.id):
            return
        try:
            run = await self._open_run(repository)
            await self._advance(repository, run, names, rest)
        finally:
            await self._store.release(repository.id)

    async def _open_run(self, repository: Repository) -> RefinementRun:
        repository = await self._adopt(repository)
        graph = await self._catalog.graph(repository)
        rows = await self._store.files(repository.id)

        def prepare() -> RefinementRun:
            files = {
                row["path"]: KnownFile(
                    row["content_id"],
                    row["sha256"],
                    decode_answers(row["answers"]) if row["answers"] is not None else (),
                )
                for row in rows
            }
            servers = self._servers(repository, graph, files)
            names = {path: each.server.name for path, each in servers.items()}
            waiting = waiting_calls(graph, files, names)
            return RefinementRun(repository, graph, files, servers, waiting, self._metrics)

        return await asyncio.to_thread(prepare)

    def _servers(
        self, repository: Repository, graph: SymbolGraph, files: Mapping[str, KnownFile]
    ) -> dict[str, InstalledServer]:
        """The server of each file that has one; only files of which the graph has open calls."""
        wanted = {site.path for site in graph.unresolved_sites()}
        found = {}
        for path in files:
            language = find_language(path)
            if language is None or (path not in wanted and not files[path].answers):
                continue
            server = self._server(language.name, repository.root)
            if server is not None:
                found[path] = server
        return found

    def _server(self, language: str, root: Path) -> InstalledServer | None:
        if (language, root) not in self._found:
            is_narrow = self._settings.refine == "configured"
            servers = [s for s in SERVERS if not is_narrow or s.name in self._programs]
            self._found[language, root] = find_server(
                language, programs=self._programs, servers=servers, shown=root
            )
        return self._found[language, root]

    async def _adopt(self, repository: Repository) -> Repository:
        """The repository with what other work trees of the same one were answered."""
        repositories = await self._catalog.repositories()
        own = await find_shared_folder(repository.root)
        others = [
            other.id
            for other in repositories
            if other.id != repository.id and own is not None
            and await find_shared_folder(other.root) == own
        ]  # fmt: skip
        if not others or not await self._store.adopt(repository.id, others):
            return repository
        await self._store.publish(repository.id)
        again = await self._catalog.repositories()
        return next((each for each in again if each.id == repository.id), repository)

    async def _advance(
        self, repository: Repository, run: RefinementRun, names: str, rest: _Rest
    ) -> None:
        """Steps until nothing waits, the run's budget is spent, or the server fails."""
        started = published = time.monotonic()
        n_new = 0
        progress = _progress(repository, run, names)
        await self._store.store({}, progress, self._clock.now())
        try:
            while run.waiting and not self._is_spent(run, started):
                step = await run.step(self._pool)
                n_new += step.n_settled
                progress = _progress(repository, run, names, step.failure)
                await self._store.store(step.answers, progress, self._clock.now())
                self._metrics.waiting.set(progress.waiting)
                if step.failure is not None:
                    raise UnavailableError(step.failure)
                rest.n_failures = 0
                if n_new and time.monotonic() - published > PUBLISH_EVERY_S:
                    await self._publish(repository)
                    n_new, published = 0, time.monotonic()
        finally:
            if n_new:
                await self._publish(repository)
            self._metrics.seconds.inc(time.monotonic() - started)
        if run.refused is not None and not run.n_answered:
            raise UnavailableError(run.refused)
        # Also where nothing was left to ask: so it is known for this generation.
        await self._store.store({}, replace(progress, failure=None), self._clock.now())
        rest.until = time.monotonic() + (self._settings.pause_s if run.waiting else 0.0)

    async def _publish(self, repository: Repository) -> None:
        """Make the graph with the answers, so that the next question need not wait for it."""
        await self._store.publish(repository.id)
        for current in await self._catalog.repositories():
            if current.id == repository.id:
                await self._catalog.graph(current)

    def _is_spent(self, run: RefinementRun, started: float) -> bool:
        is_late = time.monotonic() - started > self._settings.run_s
        return is_late or run.n_asked >= self._settings.sites_per_run

    async def _fail(
        self,
        repository: Repository,
        known: RefinementProgress | None,
        rest: _Rest,
        error: Exception,
    ) -> None:
        message = error.message if isinstance(error, AgentOSError) else type(error).__name__
        pause_s = min(FIRST_BACKOFF_S * 2**rest.n_failures, MAX_BACKOFF_S)
        rest.n_failures, rest.until = rest.n_failures + 1, time.monotonic() + pause_s
        _log.warning("refinement_interrupted", repository=repository.id, error=message)
        self._metrics.failures.inc()
        generation = repository.graph_generation or 1
        found = known or RefinementProgress(repository.id, generation, "", 0, 0)
        # Where the database does not answer, the next run tells.
        with suppress(AgentOSError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            found = await self._store.progress(repository.id) or found
            await self._store.store({}, replace(found, failure=message[:500]), self._clock.now())


def _is_refined(repository: Repository, known: RefinementProgress | None, names: str) -> bool:
    """Whether everything was asked about that can be."""
    if known is None or known.waiting or known.failure is not None or known.servers != names:
        return False
    return known.graph_generation >= (repository.graph_generation or 0)


def _progress(
    repository: Repository, run: RefinementRun, names: str, failure: str | None = None
) -> RefinementProgress:
    return RefinementProgress(
        repository.id, repository.graph_generation or 1, names, run.n_done, len(run.waiting),
        failure,
    )  # fmt: skip
