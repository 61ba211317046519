"""Building and refreshing the index of one git repository.

A run has two stages, each atomic for readers. First the files: what changed is analysed, each
content is stored as it comes, and a generation is written that search reads at once. Then the
graph: the whole repository is resolved, and written together with the call's outcome. Vectors
follow outside of the run. Above: the tool `index_repository`. Below: attempts of a run.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agentos import ConflictError, Database, Queries, ToolCall
from agentos_memory.catalog import Catalog
from agentos_memory.embedding_queue import EmbeddingQueue
from agentos_memory.file_records import count_by_reason
from agentos_memory.generations import Repository, Target
from agentos_memory.git_files import WorkTree, open_work_tree
from agentos_memory.index_attempt import IndexAttempt
from agentos_memory.model import SkippedFile
from agentos_memory.run_timing import RunTiming
from agentos_memory.shard_loading import Shards
from agentos_memory.workers import Workers

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"

# The second attempt usually holds the repository's row; a third is for two first runs at once.
_ATTEMPTS = 3

_sql = Queries("agentos_memory", "sql/index.sql")


@dataclass(frozen=True, slots=True)
class IndexRun:
    """What a run did, and what the index holds after it.

    `changed` files differ from the generation before; `analysed` of them were parsed, the others
    were known from another branch, work tree or repository. `skipped_by_reason` counts every file
    that is not indexed, `skipped` lists those that a language claims.
    """

    repository: Repository
    files: int
    symbols: int
    edges: int
    chunks: int
    changed: int
    unchanged: int
    removed: int
    analysed: int
    renamed: Mapping[str, str]
    skipped_by_reason: Mapping[str, int]
    skipped: Sequence[SkippedFile]
    timing: RunTiming


class Indexer:
    """Runs index builds, one at a time per repository and process."""

    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        shards: Shards,
        queue: EmbeddingQueue,
        workers: Workers,
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._shards = shards
        self._queue = queue
        self._workers = workers
        self._running: defaultdict[Path, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def run(self, call: ToolCall, path: str, name: str | None) -> IndexRun:
        """Bring the index of the repository at `path` up to date.

        The files are committed as soon as they are read, the graph with the call.
        """
        timing = RunTiming()
        tree = await open_work_tree(path)
        async with self._running[tree.root], self._shards.changing(tree.root):
            for _ in range(_ATTEMPTS):
                target = await self._target(tree, name)
                attempt = IndexAttempt(call, self._database, target, timing, self._workers)
                repository = await attempt.run(tree)
                if repository is not None:
                    self._queue.wake()
                    # Whoever is told of the new generation finds what is in it.
                    await self._shards.renew(repository)
                    return await _finished(call, repository, attempt, timing)
        raise ConflictError(
            f"other runs keep changing the index of {tree.root}", remedy="repeat the call"
        )

    async def _target(self, tree: WorkTree, name: str | None) -> Target:
        repositories = await self._catalog.repositories()
        base = next((r for r in repositories if r.root == tree.root), None)
        if name is None and base is not None:
            return Target(base.name, tree.root, tree.commit, base)
        name = name or default_name(tree.root)
        namesake = next((r for r in repositories if r.name == name and r != base), None)
        if namesake is None:
            return Target(name, tree.root, tree.commit, base)
        if base is None and not await asyncio.to_thread(namesake.root.is_dir):
            # The folder of that name is gone: the repository was moved, or cloned anew.
            return Target(name, tree.root, tree.commit, namesake)
        raise ConflictError(
            f"{name!r} is the name of another indexed repository",
            remedy="give this one another `name`",
        )


async def _finished(
    call: ToolCall, repository: Repository, attempt: IndexAttempt, timing: RunTiming
) -> IndexRun:
    transaction = await call.begin()
    counts = await transaction.fetch_row(_sql.count_index, repository.id)
    assert counts is not None
    timing.end_stage("write graph")
    files = attempt.files
    return IndexRun(
        repository=repository,
        **counts,
        changed=files.n_changed,
        unchanged=files.n_unchanged,
        removed=files.n_removed,
        analysed=files.n_analysed,
        renamed=attempt.renamed,
        skipped_by_reason=count_by_reason([*files.skipped, *files.scan.left_out]),
        skipped=files.skipped,
        timing=timing,
    )


def default_name(root: Path) -> str:
    """The folder's name, reduced to what a repository's name may hold."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", root.name).lstrip("-._")
    return name[:100] or "repository"
