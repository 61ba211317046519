"""Makes the vectors that are missing, in the background of a process, names before bodies.

What is to do follows from the database alone: texts whose digest has no vector of a model in use.
So a killed process loses one step at most, and whoever runs next goes on. Processes share the
work by claims on scopes. A source that fails is put off, ever longer, and holds up no other one.
Above: the plugin, which starts it; tools and commands that wait for it.
Below: text sources, embedders, the writer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import asyncpg
import structlog

from agentos import AgentOSError, Clock, Database, Queries, UnavailableError
from agentos_memory.embedding import EmbedderSettings
from agentos_memory.embedding_metrics import EmbeddingMetrics
from agentos_memory.embedding_models import EmbeddingModels, Model
from agentos_memory.embedding_run import ScopeRun
from agentos_memory.embedding_sweep import EmbeddingSweep
from agentos_memory.knowledge.retries import Retries
from agentos_memory.text_sources import SourceProvider, TextSource
from agentos_memory.vector_writer import VectorWriter

# Most processes are over before this; those that index are woken at once.
STARTS_AFTER_S = 5.0
POLL_EVERY_S = 1.0
FIRST_BACKOFF_S, MAX_BACKOFF_S = 2.0, 60.0
REMEMBERED_SCOPES = 8

_sql = Queries("agentos_memory", "sql/embedding.sql")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class EmbeddingProgress:
    """How far a scope's current version is; totals are 0 until somebody has looked at it."""

    names_done: int = 0
    names_total: int = 0
    bodies_done: int = 0
    bodies_total: int = 0
    n_unreadable: int = 0
    is_complete: bool = False
    failure: str | None = None
    """Why it does not get on now; it is tried again."""

    @property
    def n_waiting(self) -> int:
        """Texts without a vector."""
        return self.names_total + self.bodies_total - self.names_done - self.bodies_done


Report = Callable[[EmbeddingProgress], Awaitable[None]]


class EmbeddingQueue:
    """The background work of one process; `run` is its one task."""

    def __init__(
        self,
        database: Database,
        models: EmbeddingModels,
        clock: Clock,
        metrics: EmbeddingMetrics,
    ) -> None:
        self._database = database
        self._models = models
        self._clock = clock
        self._metrics = metrics
        self._writer = VectorWriter(database)
        self.sweep = EmbeddingSweep(database, models, self._all_sources)
        self._providers: list[SourceProvider] = []
        self._runs: dict[tuple[str, str], ScopeRun] = {}
        self._embedded: dict[tuple[str, str], AbstractSet[str]] = {}
        self._woken = asyncio.Event()
        self._moved = asyncio.Condition()
        self.n_steps = 0
        self._put_off = Retries(FIRST_BACKOFF_S, MAX_BACKOFF_S)
        self._problems: dict[Hashable, str] = {}
        # Of what all sources need, such as the database.
        self._failure: str | None = None
        self._backoff_s = FIRST_BACKOFF_S

    def add_provider(self, provider: SourceProvider) -> None:
        """Embed what `provider` gives, too; sources of earlier providers come first."""
        self._providers.append(provider)

    def wake(self) -> None:
        """Look for work now; never blocks."""
        self._woken.set()

    async def run(self) -> None:
        """Work until cancelled; failures are logged and tried again, ever less often."""
        try:
            await self._sleep(STARTS_AFTER_S)
            while True:
                pause_s = await self._guarded_step()
                if pause_s:
                    await self._sleep(pause_s)
        finally:
            await self._writer.close()
            await self._models.close()

    async def progress(self, scope: str) -> EmbeddingProgress:
        """How far the serving model is with the current version of `scope`."""
        if self._models.settings.kind == "none":
            return EmbeddingProgress(failure="setting memory.embedder.kind is 'none'")
        serving = (await self._models.current()).serving
        if serving is None:
            return EmbeddingProgress(failure=self._failure)
        problem = self._problems.get((scope, serving.model_id), self._failure)
        source = await self._find_source(scope, serving.settings)
        if source is None:
            return EmbeddingProgress(
                failure="setting memory.embedder.repositories does not admit it"
            )
        row = await self._database.fetch_row(_sql.find_progress, scope, serving.model_id)
        if row is None or row["version"] < source.version:
            return EmbeddingProgress(failure=problem)
        figures = {name: value for name, value in row.items() if name != "version"}
        failure = None if figures["is_complete"] else problem
        return EmbeddingProgress(**figures, failure=failure)

    async def wait(self, scope: str, report: Report | None = None) -> EmbeddingProgress:
        """Wait until the current version of `scope` is complete, or does not get on.

        Works in any process; where this one has nothing to do, another one does it.
        """
        self.wake()
        while True:
            progress = await self.progress(scope)
            if report is not None:
                await report(progress)
            if progress.is_complete or progress.failure is not None:
                return progress
            try:
                async with asyncio.timeout(POLL_EVERY_S):
                    await self.moved()
            except TimeoutError:
                continue

    async def moved(self) -> None:
        """Wait until this process has made, or tried, its next step."""
        async with self._moved:
            await self._moved.wait()

    async def _tell(self) -> None:
        self.n_steps += 1
        async with self._moved:
            self._moved.notify_all()

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()

    async def _guarded_step(self) -> float:
        """One step; how long to pause after it."""
        try:
            has_worked = await self._step()
        except (AgentOSError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            # Its own connection and endpoints fail with errors of theirs.
            return await self._fail(error)
        except Exception as error:  # noqa: BLE001 - the owner of a background task
            _log.error("embedding_failed", exc_info=error)
            return await self._fail(error)
        if has_worked:
            self._failure, self._backoff_s = None, FIRST_BACKOFF_S
        await self._tell()
        return 0 if has_worked else POLL_EVERY_S

    async def _fail(self, error: Exception) -> float:
        message = _described(error)
        if message != self._failure:
            _log.warning("embedding_interrupted", error=message)
        self._failure = message
        self._metrics.failures.inc()
        self._runs.clear()
        await self._writer.close()
        await self._tell()
        pause_s, self._backoff_s = self._backoff_s, min(self._backoff_s * 2, MAX_BACKOFF_S)
        return pause_s

    def _failed(self, key: Hashable, version: Hashable, error: Exception) -> None:
        """Put off what failed; a new version of it is tried at once."""
        message = _described(error)
        self._put_off.failed(key, version, time.monotonic())
        if self._problems.get(key) != message:
            of = key[0] if isinstance(key, tuple) else key
            _log.warning("embedding_put_off", of=of, error=message)
        self._problems[key] = message
        self._metrics.failures.inc()

    def _succeeded(self, key: Hashable) -> None:
        self._put_off.succeeded(key)
        self._problems.pop(key, None)

    async def _step(self) -> bool:
        """Embed some texts of the most urgent scope; False where nothing is left to do here."""
        models = await self._models.current()
        waiting = 0
        for model in models.active():
            sources, is_all = await self._sources(model.settings)
            run = await self._next_run(model, sources)
            waiting += sum(r.n_waiting for r in self._runs.values() if r.model == model)
            self._metrics.waiting.set(waiting)
            if run is not None:
                await self._advance(run)
                return True
            is_new = model.state == "building"
            if is_new and is_all and await self._is_complete(model, sources):
                await self._models.switch(model)
                return True
        self._runs.clear()
        await self._writer.close()
        return await self.sweep.step(models, self._clock.now())

    async def _advance(self, run: ScopeRun) -> None:
        started = time.perf_counter()
        key = (run.source.scope, run.model.model_id)
        try:
            embedded = await run.embed_some()
        except Exception as error:  # noqa: BLE001 - of a plugin's source or embedder, perhaps
            self._failed(key, run.source.version, error)
            self._runs.pop(key, None)
            await self._writer.release(*key)
            return
        self._succeeded(key)
        progress = run.progress()
        await self._writer.store(
            run.model.model_id, embedded.digests, embedded.vectors, progress, self._clock.now()
        )
        self._models.expire()
        self._metrics.embedded.labels(embedded.tier).inc(len(embedded.digests))
        self._metrics.seconds.inc(time.perf_counter() - started)
        if progress.is_complete:
            self._finish(run)
            await self._writer.release(*key)

    async def _next_run(self, model: Model, sources: Sequence[TextSource]) -> ScopeRun | None:
        """The run with the most urgent texts: names of any scope come before bodies."""
        rows = await self._database.fetch(_sql.list_progress, model.model_id)
        complete = {row["scope"]: row["version"] for row in rows if row["is_complete"]}
        runs = []
        for source in sources:
            if complete.get(source.scope, -1) < source.version:
                run = await self._opened(model, source)
                if run is not None:
                    runs.append(run)
        return min(runs, key=lambda run: run.urgency, default=None)

    async def _opened(self, model: Model, source: TextSource) -> ScopeRun | None:
        """The run over the source, unless it is put off."""
        key = (source.scope, model.model_id)
        if not self._put_off.may_try(key, source.version, time.monotonic()):
            return None
        return await self._open_run(model, source)

    async def _open_run(self, model: Model, source: TextSource) -> ScopeRun | None:
        """The run over this version of the source; None where another process has it."""
        key = (source.scope, model.model_id)
        run = self._runs.get(key)
        if run is not None and run.source.version == source.version:
            return run
        embedder = self._models.embedder(model)
        if embedder is None or not await self._writer.claim(*key):
            return None
        try:
            wanted = await source.wanted()
        except Exception as error:  # noqa: BLE001 - a plugin's source, perhaps
            self._failed(key, source.version, error)
            await self._writer.release(*key)
            return None
        known = self._embedded.get(key, frozenset())
        missing = await self._missing(model, [w.digest for w in wanted if w.digest not in known])
        run = ScopeRun(model, embedder, source, wanted, missing)
        self._runs[key] = run
        return run

    async def _missing(self, model: Model, digests: list[str]) -> set[str]:
        rows = await self._database.fetch(_sql.list_missing_digests, model.model_id, digests)
        return {row["digest"] for row in rows}

    async def _is_complete(self, model: Model, sources: Sequence[TextSource]) -> bool:
        rows = await self._database.fetch(_sql.list_progress, model.model_id)
        complete = {row["scope"]: row["version"] for row in rows if row["is_complete"]}
        return all(complete.get(source.scope, -1) >= source.version for source in sources)

    async def _sources(self, settings: EmbedderSettings) -> tuple[list[TextSource], bool]:
        """The sources there are, and whether these are all: a provider may be put off."""
        sources: list[TextSource] = []
        is_all = True
        for number, provide in enumerate(self._providers):
            key = f"provider {number}"
            if not self._put_off.may_try(key, None, time.monotonic()):
                is_all = False
                continue
            try:
                sources += await provide(settings)
            except Exception as error:  # noqa: BLE001 - a plugin's provider, perhaps
                self._failed(key, None, error)
                is_all = False
            else:
                self._succeeded(key)
        return sources, is_all

    async def _all_sources(self) -> list[TextSource]:
        """Every source, for whoever deletes what none of them has; raises where one is missing."""
        settings = EmbedderSettings()
        return [source for provide in self._providers for source in await provide(settings)]

    async def _find_source(self, scope: str, settings: EmbedderSettings) -> TextSource | None:
        """The source of a scope; UnavailableError where it may be that of a failing provider."""
        problem: Exception | None = None
        for provide in self._providers:
            try:
                sources = await provide(settings)
            except Exception as error:  # noqa: BLE001 - a plugin's provider, perhaps
                problem = error
            else:
                found = next((source for source in sources if source.scope == scope), None)
                if found is not None:
                    return found
        if problem is not None:
            raise UnavailableError(
                f"a source of texts fails: {_described(problem)}", remedy="retry later"
            ) from problem
        return None

    def _finish(self, run: ScopeRun) -> None:
        """Forget the run; its digests are remembered, since the next version has most of them."""
        key = (run.source.scope, run.model.model_id)
        self._runs.pop(key, None)
        self._embedded.pop(key, None)
        self._embedded[key] = run.embedded
        while len(self._embedded) > REMEMBERED_SCOPES:
            self._embedded.pop(next(iter(self._embedded)))


def _described(error: Exception) -> str:
    return error.message if isinstance(error, AgentOSError) else type(error).__name__
