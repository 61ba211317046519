"""Contents of files in PostgreSQL, by key: stored once, never changed, shared by all generations.

They are committed while a run still reads, outside of its generation, since a key means one content
for ever: a run that is killed leaves what it finished to the next one. Above: the indexer. Below:
SQL.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from agentos import Database, Queries
from agentos_memory.analysis_session import StoredFacts
from agentos_memory.file_contents import FileContent
from agentos_memory.resolution.outlines import FileOutline
from agentos_memory.stored_outlines import decode_outline

_sql = Queries("agentos_memory", "sql/index.sql")


@dataclass(frozen=True, slots=True)
class StoredContent:
    """Where a content is stored, and whether its facts can be recalled."""

    id: int
    has_facts: bool


class ContentStore:
    """Finds and keeps contents."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, keys: Sequence[str]) -> dict[str, StoredContent]:
        """Those of `keys` that are stored."""
        rows = await self._database.fetch(_sql.find_contents, list(keys))
        return {row["key"]: StoredContent(row["id"], row["has_facts"]) for row in rows}

    async def store(self, contents: Sequence[FileContent], now: datetime) -> dict[str, int]:
        """Keep contents that were not stored when they were looked for; their ids by key."""
        keys = [content.key for content in contents]
        async with self._database.connection() as connection:
            await connection.execute(
                _sql.insert_contents,
                keys,
                [content.line_count for content in contents],
                [content.symbol_count for content in contents],
                [content.chunk_count for content in contents],
                [content.symbols for content in contents],
                [content.chunks for content in contents],
                [content.facts for content in contents],
                [content.outline for content in contents],
                now,
            )
            rows = await connection.fetch(_sql.find_contents, keys)
        return {row["key"]: row["id"] for row in rows}

    async def outlines(self, ids: Sequence[int]) -> dict[str, FileOutline]:
        """Outlines of contents by path; files of languages without outlines are left out."""
        rows = await self._database.fetch(_sql.read_outlines, list(ids))

        def decode() -> dict[str, FileOutline]:
            outlines = [decode_outline(row["outline"]) for row in rows]
            return {outline.path: outline for outline in outlines}

        return await asyncio.to_thread(decode)

    async def recall(self, ids: Mapping[str, int]) -> list[StoredFacts]:
        """Facts of files given by path and id of their content; without those that have none."""
        paths = {content_id: path for path, content_id in ids.items()}
        rows = await self._database.fetch(_sql.read_facts, list(paths))
        return [StoredFacts(paths[row["id"]], row["facts"], row["symbols"]) for row in rows]
