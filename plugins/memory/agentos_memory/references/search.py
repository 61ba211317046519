"""Searching references: words and meaning, fused as for code.

Above: the tools. Below: stored sections, lexical ranking and vectors; texts are read for hits only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from asyncpg import Record

from agentos import Database, NotFoundError, Queries, UnavailableError
from agentos_memory.dense import DenseArm
from agentos_memory.embedding_queue import EmbeddingQueue
from agentos_memory.measured import SearchMode
from agentos_memory.ranking import Bm25fIndex, Scores, fuse
from agentos_memory.references.excerpts import excerpt
from agentos_memory.references.section_texts import SCOPE
from agentos_memory.references.store import unknown_source
from agentos_memory.residents import Residents
from agentos_memory.vector_matrix import VectorMatrix, open_matrix
from agentos_memory.vectors import Vector, Vectors

ReferenceArm: TypeAlias = Literal["keyword", "bodies"]

FIELD_WEIGHTS = {"title": 4.0, "headings": 2.0, "place": 1.0, "body": 1.0}
ARM_WEIGHTS = {"bm25f": 0.6, "body": 0.4}
LENGTH_NORMS = {"place": 0.0, "headings": 0.3}
# What a query waits at most for the vectors of what was just added; a large source takes longer,
# and is found by its words until then.
WAITS_FOR_VECTORS_S = {"hybrid": 1.0, "semantic": 10.0}

_sql = Queries("agentos_memory", "sql/references.sql")


@dataclass(frozen=True, slots=True)
class ReferenceHit:
    """One section; `sha256` is that of the source's file, `snippet` fits the query.

    `model_summary` is what a language model, `summary_model`, said of it, where one did.
    """

    source: str
    sha256: str
    source_path: str
    anchor: str
    title: str
    headings: Sequence[str]
    text: str
    summary: str
    path: str
    start_line: int | None
    end_line: int | None
    page: int | None
    model_summary: str | None = None
    summary_model: str | None = None
    snippet: str = ""
    score: float = 0.0
    previous: str | None = None
    next: str | None = None


@dataclass(frozen=True, slots=True)
class ReferenceQuery:
    """What is searched for, and in which source."""

    text: str
    mode: SearchMode = "hybrid"
    source: str | None = None
    limit: int = 10


@dataclass(frozen=True, slots=True)
class ReferenceHits:
    """The best sections, best first; `is_cut` says that there are more.

    `arms` took part in the answer; `missing` says why vectors did not where they were asked for.
    """

    hits: Sequence[ReferenceHit]
    is_cut: bool
    arms: Sequence[ReferenceArm]
    missing: str | None = None


@dataclass(frozen=True, slots=True)
class _Library:
    """All sections of one version with their indexes, by source and position."""

    ids: Sequence[int]
    sources: Sequence[str]
    lexical: Bm25fIndex
    matrix: VectorMatrix
    dense: DenseArm


class ReferenceSearch:
    """Answers queries over all references from a resident library."""

    def __init__(self, database: Database, vectors: Vectors, queue: EmbeddingQueue) -> None:
        self._database = database
        self._vectors = vectors
        self._queue = queue
        self._library: Residents[str, _Library] = Residents(1)

    async def run(self, query: ReferenceQuery) -> ReferenceHits:
        """The best sections; NotFoundError where there is no such source.

        A hybrid query for which there is no vector is answered by keyword; a semantic one raises
        UnavailableError.
        """
        library = await self._current()
        if query.source is not None and query.source not in library.sources:
            raise unknown_source(query.source)
        if not library.ids:
            return ReferenceHits((), False, ())
        similarity, missing = None, None
        if query.mode != "keyword":
            try:
                similarity = await self._similarities(query, library)
            except UnavailableError as error:
                if query.mode == "semantic":
                    raise
                missing = error.message
        ranked = await asyncio.to_thread(_rank, library, query, similarity)
        arms: list[ReferenceArm] = ["keyword"] if query.mode != "semantic" else []
        if similarity is not None:
            arms.append("bodies")
        hits = await self._read(ranked[: query.limit], query.text)
        return ReferenceHits(hits, len(ranked) > query.limit, arms, missing)

    async def get(self, anchor: str) -> ReferenceHit:
        """The section with this anchor; NotFoundError where there is none."""
        row = await self._database.fetch_row(_sql.find_section, anchor)
        if row is None:
            raise NotFoundError(
                f"no section of a reference has the anchor {anchor!r}",
                remedy="search_references gives anchors; the source may have changed since",
            )
        return ReferenceHit(**_without_id(row))

    async def _similarities(self, query: ReferenceQuery, library: _Library) -> Scores:
        """Nearness in meaning; UnavailableError where there is no vector of the query."""
        await self._vectors.serving()
        await self._catch_up(library.matrix, WAITS_FOR_VECTORS_S[query.mode])
        vector: Vector = await self._vectors.embed_query(query.text, model=library.dense.model)
        if not library.dense.answers(vector):
            raise UnavailableError(
                "no reference has a vector yet; they are made in the background",
                remedy="use mode hybrid or keyword, or repeat the call later",
            )
        return await asyncio.to_thread(library.dense.scores, vector)

    async def _catch_up(self, matrix: VectorMatrix, wait_s: float) -> None:
        if (await matrix.refresh()).is_filled.all():
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._queue.wait(SCOPE)
        await matrix.refresh()

    async def _read(
        self, ranked: Sequence[tuple[int, float]], query: str
    ) -> Sequence[ReferenceHit]:
        rows = await self._database.fetch(_sql.read_hits, [id for id, _ in ranked])
        found = {row["id"]: row for row in rows}
        # One that was removed since the library was read is left out.
        return [
            ReferenceHit(
                **_without_id(found[id]), snippet=excerpt(found[id]["text"], query), score=score
            )
            for id, score in ranked
            if id in found
        ]

    async def _current(self) -> _Library:
        version = await self._database.fetch_value(_sql.references_version)
        return await self._library.get("all", version, self._load)

    async def _load(self) -> tuple[int, _Library]:
        version = await self._database.fetch_value(_sql.references_version)
        rows = await self._database.fetch(_sql.read_sections)
        lexical = await asyncio.to_thread(_lexical, rows)
        matrix = await open_matrix(self._vectors, [row["digest"] for row in rows])
        return version, _Library(
            [row["id"] for row in rows],
            [row["source"] for row in rows],
            lexical,
            matrix,
            DenseArm(matrix),
        )


def _without_id(row: Record) -> dict[str, Any]:
    return {name: value for name, value in dict(row).items() if name != "id"}


def _lexical(rows: Sequence[Record]) -> Bm25fIndex:
    documents = [
        {
            "title": row["title"],
            "headings": " ".join(row["headings"][:-1]),
            "place": f"{row['anchor']} {row['path']}",
            "body": row["text"],
        }
        for row in rows
    ]
    return Bm25fIndex.build(documents, weights=FIELD_WEIGHTS, norms=LENGTH_NORMS)


def _rank(
    library: _Library, query: ReferenceQuery, similarity: Scores | None
) -> list[tuple[int, float]]:
    """Ids and scores, best first, one more than asked for where there are more."""
    lexical = library.lexical.scores(query.text)
    scores = _scores(query.mode, lexical, similarity)
    is_wanted = np.ones(len(scores), bool)
    if query.source is not None:
        is_wanted &= np.array([source == query.source for source in library.sources])
    # Words that occur nowhere find nothing.
    if similarity is None:
        is_wanted &= lexical > 0
    wanted = np.flatnonzero(is_wanted)
    best = wanted[np.argsort(-scores[wanted], kind="stable")][: query.limit + 1]
    return [(library.ids[n], round(float(scores[n]), 4)) for n in best.tolist()]


def _scores(mode: SearchMode, lexical: Scores, similarity: Scores | None) -> Scores:
    if similarity is None:
        return lexical
    if mode == "semantic":
        return np.nan_to_num(similarity, nan=-1.0)
    return fuse({"bm25f": lexical, "body": similarity}, ARM_WEIGHTS)
