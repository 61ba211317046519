"""One try of an index run, from the generation that it found; another process may overtake it.

Above: the indexer, which repeats an overtaken try. Below: git, scanning, analysts, the store of
contents, generations.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

from agentos import Database, Queries, ToolCall
from agentos_memory.analysts import Analyst, analysing
from agentos_memory.content_store import ContentStore
from agentos_memory.file_contents import FileContent
from agentos_memory.file_records import FileSet
from agentos_memory.generations import (
    FileRecord,
    Repository,
    Target,
    read_files,
    write_files,
    write_graph,
)
from agentos_memory.git_files import WorkTree, list_files
from agentos_memory.graph_refresh import refresh_relations
from agentos_memory.run_timing import RunTiming
from agentos_memory.scanning import Scan, Scanner
from agentos_memory.work_files import forget_folders
from agentos_memory.workers import Workers

# Contents that no generation points at may belong to a branch that is soon checked out again.
UNUSED_CONTENTS_KEPT_FOR = timedelta(days=3)

_FILES_PER_STEP = 200
_CONTENTS_PER_STATEMENT = 100
_RECALLED_PER_STEP = 500

_sql = Queries("agentos_memory", "sql/index.sql")


class IndexAttempt:
    """Reads the files, writes them as a generation, resolves, writes the graph."""

    def __init__(
        self,
        call: ToolCall,
        database: Database,
        target: Target,
        timing: RunTiming,
        workers: Workers,
    ) -> None:
        self.files = FileSet(Scan(), {})
        self.renamed: Mapping[str, str] = {}
        self._call = call
        self._database = database
        self._target = target
        self._timing = timing
        self._workers = workers
        self._store = ContentStore(database)

    async def run(self, tree: WorkTree) -> Repository | None:
        """The repository as written; None where the stored generation was not the target's base.

        Its graph is written in the call's transaction, so it is there once the call has ended.
        """
        scanner = await self._scan(tree)
        self.files = FileSet(scanner.scan, await self._known_files())
        self.files.found(await self._store.find(self.files.sought_keys()))
        self._timing.end_stage("scan")
        async with (
            self._workers.borrow(self._target.root) as worker,
            analysing(
                worker,
                self._target.root,
                scanner.package_dirs,
                self._timing,
                self._workers.limits,
            ) as analyst,
        ):
            await self._read(analyst, self.files.missing)
            self._timing.end_stage("analyse")
            repository = await self._write_files()
            if repository is None:
                return None
            if repository.has_current_graph:
                return await self._move_on(repository)
            return await self._make_graph(repository, analyst)

    async def _scan(self, tree: WorkTree) -> Scanner:
        await self._call.progress(0, 100, "listing files")
        forget_folders()
        listing = await list_files(tree)
        paths = listing.paths
        scanner = Scanner(self._target.root, paths, listing.left_out)
        for start in range(0, len(paths), _FILES_PER_STEP):
            step = paths[start : start + _FILES_PER_STEP]
            await asyncio.to_thread(scanner.look_at, step)
            done = start + len(step)
            await self._call.progress(
                10 * done / len(paths), 100, f"looked at {done} of {len(paths)} files"
            )
        return scanner

    async def _known_files(self) -> Mapping[str, FileRecord]:
        base = self._target.base
        return {} if base is None else await read_files(self._database, base)

    async def _read(self, analyst: Analyst, missing: Sequence[str]) -> None:
        batch: list[FileContent] = []
        n_read = 0
        async for found in analyst.analyse(missing):
            n_read += 1
            if isinstance(found, FileContent):
                batch.append(found)
            else:
                self.files.skip(found)
            if len(batch) >= _CONTENTS_PER_STATEMENT:
                await self._keep(batch)
                batch = []
                await self._call.progress(
                    10 + 50 * n_read / len(missing),
                    100,
                    f"analysed {n_read} of {len(missing)} files",
                )
        if batch:
            await self._keep(batch)

    async def _keep(self, batch: list[FileContent]) -> None:
        ids = await self._store.store(batch, self._call.now())
        for content in batch:
            self.files.read(content, ids[content.key])

    async def _write_files(self) -> Repository | None:
        await self._call.progress(60, 100, "writing the files for search")
        changes = self.files.changes(is_first=self._target.base is None)
        self.renamed = changes.renames
        repository = await write_files(self._database, self._target, changes, self._call.now())
        self._timing.files_ready()
        return repository

    async def _move_on(self, repository: Repository) -> Repository:
        """The graph is that of these files already; the call's transaction holds its outcome."""
        await self._call.progress(97, 100, "nothing to resolve")
        await self._call.begin()
        return repository

    async def _make_graph(self, repository: Repository, analyst: Analyst) -> Repository | None:
        await self._call.progress(65, 100, "resolving calls, imports and bases")
        contents = self.files.content_ids
        relations = await refresh_relations(self._database, self._store, repository, contents)
        is_whole = relations is None
        if relations is None:
            await self._recall(analyst)
            relations = [each for each in await analyst.resolve() if each.path in contents]
        self._timing.end_stage("resolve")
        await self._call.progress(95, 100, "writing the graph")
        transaction = await self._call.begin()
        done = await write_graph(transaction, repository, contents, relations, is_whole=is_whole)
        if done is not None:
            await transaction.execute(
                _sql.delete_unused_contents, self._call.now() - UNUSED_CONTENTS_KEPT_FOR
            )
        self._timing.graph_ready()
        return done

    async def _recall(self, analyst: Analyst) -> None:
        """Give the analyst the files that it has not analysed itself."""
        contents = self.files.content_ids
        # Anew each time: a file that ends the process takes along what was recalled before.
        while missing := sorted(set(contents) - analyst.held - analyst.given_up):
            step = missing[:_RECALLED_PER_STEP]
            stored = await self._store.recall({path: contents[path] for path in step})
            await analyst.recall(stored)
            without_facts = sorted(set(step) - {each.path for each in stored})
            async for _ in analyst.analyse(without_facts):
                pass
