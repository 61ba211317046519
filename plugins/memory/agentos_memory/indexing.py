"""Building and refreshing the index of one git repository.

Read what changed, resolve the whole, embed what is new, then write one generation. Everything
slow happens before the call's transaction begins, and off the event loop. Above: the tool
`index_repository`. Below: git, scanning, resolution, vectors, generations.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from asyncpg import Record

from agentos import ConflictError, Database, Queries, ToolCall
from agentos_memory.catalog import Catalog
from agentos_memory.facts import analyser_version, decode_facts
from agentos_memory.generations import Changes, Repository, Target, is_current, write_generation
from agentos_memory.git_files import Listing, WorkTree, forget_folders, list_files, open_work_tree
from agentos_memory.model import FileAnalysis, SkippedFile
from agentos_memory.resolution import resolve
from agentos_memory.scanning import KnownFile, Scan, Scanner
from agentos_memory.vectors import Vectors

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
UNUSED_VECTORS_KEPT_FOR = timedelta(days=1)

_FILES_PER_STEP = 25
# The second attempt usually holds the repository's row; a third is for two first runs at once.
_ATTEMPTS = 3

_sql = Queries("agentos_memory")


@dataclass(frozen=True, slots=True)
class IndexRun:
    """What a run did; `left_out` counts files by reason, `skipped` says more of some."""

    repository: Repository
    files: int
    symbols: int
    edges: int
    chunks: int
    changed: int
    unchanged: int
    removed: int
    embedded: int
    left_out: Mapping[str, int]
    skipped: Sequence[SkippedFile]
    seconds: float


class Indexer:
    """Runs index builds, one at a time per repository and process."""

    def __init__(self, database: Database, catalog: Catalog, vectors: Vectors) -> None:
        self._database = database
        self._catalog = catalog
        self._vectors = vectors
        self._running: defaultdict[Path, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def run(self, call: ToolCall, path: str, name: str | None) -> IndexRun:
        """Bring the index of the repository at `path` up to date, in the call's transaction."""
        started = time.perf_counter()
        tree = await open_work_tree(path)
        async with self._running[tree.root]:
            for _ in range(_ATTEMPTS):
                target = await self._target(tree, name)
                attempt = _Attempt(call, target, self._database, self._vectors)
                done = await attempt.run(tree, started)
                if done is not None:
                    return done
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


class _Attempt:
    """One try of a run, from the generation it found; another process may overtake it."""

    def __init__(
        self, call: ToolCall, target: Target, database: Database, vectors: Vectors
    ) -> None:
        self._call = call
        self._target = target
        self._database = database
        self._vectors = vectors
        self._analyser = analyser_version()
        self._scan = Scan()

    async def run(self, tree: WorkTree, started: float) -> IndexRun | None:
        """None where the stored generation is not the one that this attempt compared with."""
        listing = await list_files(tree)
        known = await self._known_files()
        await self._read(listing, known)
        changes = await self._compare(known)
        embedded = await self._embed()
        await self._call.progress(97, 100, "writing the new generation")
        transaction = await self._call.begin()
        if not await is_current(transaction, self._target):
            return None
        repository = await write_generation(
            transaction, self._target, changes, analyser=self._analyser, now=self._call.now()
        )
        if repository is None:
            return None
        await transaction.execute(
            _sql.delete_unused_embeddings, self._call.now() - UNUSED_VECTORS_KEPT_FOR
        )
        counts = await transaction.fetch_row(_sql.count_index, repository.id)
        assert counts is not None
        return IndexRun(
            repository=repository,
            **counts,
            changed=len(changes.files),
            unchanged=len(self._scan.unchanged),
            removed=len(changes.removed),
            embedded=embedded,
            left_out=self._left_out(listing),
            skipped=self._scan.skipped,
            seconds=round(time.perf_counter() - started, 3),
        )

    async def _known_files(self) -> dict[str, KnownFile]:
        if self._target.base is None:
            return {}
        rows = await self._database.fetch(_sql.list_files, self._target.base.id)
        return {row["path"]: _known_file(row) for row in rows}

    async def _read(self, listing: Listing, known: Mapping[str, KnownFile]) -> None:
        forget_folders()
        paths = listing.paths
        scanner = Scanner(self._target.root, paths, known, self._analyser)
        for start in range(0, len(paths), _FILES_PER_STEP):
            step = paths[start : start + _FILES_PER_STEP]
            await asyncio.to_thread(scanner.read, step, self._scan)
            done = start + len(step)
            await self._call.progress(
                40 * done / len(paths), 100, f"read {done} of {len(paths)} files"
            )

    async def _compare(self, known: Mapping[str, KnownFile]) -> Changes:
        scan = self._scan
        present = set(scan.unchanged) | {s.path for s in scan.skipped}
        present |= {file.path for file in scan.files}
        removed = sorted(set(known) - present)
        if not (removed or scan.files):
            return Changes((), (), (), (), None)
        await self._call.progress(40, 100, "resolving calls, imports and bases")
        analyses = [*scan.analyses, *await self._unchanged_analyses()]
        resolution = await asyncio.to_thread(resolve, analyses)
        return Changes(removed, scan.files, scan.symbols, scan.chunks, resolution)

    async def _unchanged_analyses(self) -> list[FileAnalysis]:
        base = self._target.base
        if base is None or not self._scan.unchanged:
            return []
        rows = await self._database.fetch(_sql.read_facts, base.id, self._scan.unchanged)
        stored = [row["facts"] for row in rows if row["facts"] is not None]
        return await asyncio.to_thread(lambda: [decode_facts(facts) for facts in stored])

    async def _embed(self) -> int:
        """Vectors for the new chunks, and for old ones that an earlier model left without."""
        texts = {chunk.digest: chunk.embed_text for chunk in self._scan.chunks}
        texts |= {chunk.name_digest: chunk.name_text for chunk in self._scan.chunks}
        base = self._target.base
        if base is not None:
            changed = [file.path for file in self._scan.files]
            rows = await self._database.fetch(
                _sql.list_unembedded_texts, self._vectors.model, base.id, changed
            )
            texts |= {row["digest"]: row["text"] for row in rows}
        if not texts:
            return 0

        async def report(done: int, total: int) -> None:
            await self._call.progress(
                50 + 45 * done / total, 100, f"embedded {done} of {total} texts"
            )

        return await self._vectors.store(texts, now=self._call.now(), progress=report)

    def _left_out(self, listing: Listing) -> dict[str, int]:
        reasons = Counter(listing.left_out) + self._scan.left_out
        reasons += Counter(skipped.reason for skipped in self._scan.skipped)
        return dict(sorted(reasons.items()))


def default_name(root: Path) -> str:
    """The folder's name, reduced to what a repository's name may hold."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", root.name).lstrip("-._")
    return name[:100] or "repository"


def _known_file(row: Record) -> KnownFile:
    skipped = (
        SkippedFile(row["path"], row["skip_reason"], row["skip_detail"])
        if row["skip_reason"] is not None
        else None
    )
    return KnownFile(row["sha256"], row["module"], row["analyser"], skipped, row["has_facts"])
