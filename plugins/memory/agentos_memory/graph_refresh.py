"""The relations that a small change can have altered, without resolving the rest again.

Above: the attempt of a run. Below: the store of contents, and incremental resolution.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from agentos import Database, NotFoundError, Queries
from agentos_memory.content_store import ContentStore
from agentos_memory.facts import decode_facts
from agentos_memory.generations import Repository
from agentos_memory.model import FileAnalysis, Resolution
from agentos_memory.relations import FileRelations, encode_relations
from agentos_memory.resolution.incremental import resolve_changed
from agentos_memory.versions import resolver_version

# Beyond this, resolving everything is not much slower.
MAX_CHANGED_FILES = 50

_sql = Queries("agentos_memory", "sql/index.sql")


@dataclass(frozen=True, slots=True)
class _Difference:
    """Ids of contents by path: as the graph has them, and as the generation does."""

    before: Mapping[str, int]
    after: Mapping[str, int]


async def refresh_relations(
    database: Database, store: ContentStore, repository: Repository, contents: Mapping[str, int]
) -> list[FileRelations] | None:
    """New relations of every file in which they may differ; None: resolve everything.

    `contents` are the ids by path of the generation's files.
    """
    if repository.graph_generation is None or repository.resolver != resolver_version():
        return None
    difference = await _difference(database, repository, contents)
    if len(difference.before.keys() | difference.after.keys()) > MAX_CHANGED_FILES:
        return None
    before = await _analyses(store, difference.before)
    after = await _analyses(store, difference.after)
    if before is None or after is None:
        return None
    outlines = await store.outlines(list(contents.values()))
    loop = asyncio.get_running_loop()

    def load(path: str) -> FileAnalysis:
        loading = _analyses(store, {path: contents[path]})
        found = asyncio.run_coroutine_threadsafe(loading, loop).result()
        if found is None:
            raise NotFoundError(f"no facts of {path} are stored")
        return found[path]

    try:
        resolved = await asyncio.to_thread(resolve_changed, outlines, before, after, load)
    except NotFoundError:
        return None
    return None if resolved is None else await asyncio.to_thread(_encode, resolved)


async def _difference(
    database: Database, repository: Repository, contents: Mapping[str, int]
) -> _Difference:
    rows = await database.fetch(_sql.list_graph_files, repository.id)
    known = {row["path"]: row["content_id"] for row in rows}
    return _Difference(
        {path: content for path, content in known.items() if contents.get(path) != content},
        {path: content for path, content in contents.items() if known.get(path) != content},
    )


async def _analyses(
    store: ContentStore, contents: Mapping[str, int]
) -> dict[str, FileAnalysis] | None:
    """Stored facts of the contents; None where one has none."""
    stored = await store.recall(contents)
    if len(stored) < len(contents):
        return None

    def decode() -> dict[str, FileAnalysis]:
        return {each.path: decode_facts(each.facts, each.symbols) for each in stored}

    return await asyncio.to_thread(decode)


def _encode(resolved: Mapping[str, Resolution]) -> list[FileRelations]:
    return [
        relations
        for path, resolution in sorted(resolved.items())
        for relations in encode_relations(resolution, [path])
    ]
