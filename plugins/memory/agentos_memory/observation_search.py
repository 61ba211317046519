"""Observations found by their words and by their meaning, and the one that says nearly the same.

Above: the observation tools, grounding. Below: a resident notebook of all observations, vectors
(made in the background), ranking.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

import numpy as np

from agentos import Database, PluginError, Queries, UnavailableError
from agentos_memory.embedding_queue import EmbeddingQueue
from agentos_memory.measured import SearchMode
from agentos_memory.observation_texts import SCOPE
from agentos_memory.observations import (
    NewObservation,
    Observation,
    ObservationKind,
    shares_scope,
)
from agentos_memory.ranking import Bm25fIndex, Scores, fuse
from agentos_memory.residents import Residents
from agentos_memory.vector_matrix import VectorMatrix, VectorRows, open_matrix
from agentos_memory.vectors import Vectors, checked_vectors

ObservationArm: TypeAlias = Literal["keyword", "bodies"]

# What a query waits at most for the vectors of what was just noted. Without them a hybrid one finds
# it by words, a semantic one not at all.
WAITS_FOR_VECTORS_S = {"hybrid": 2.0, "semantic": 10.0}
FIELD_WEIGHTS = {"title": 3.0, "tags": 2.0, "body": 1.0}
ARM_WEIGHTS = {"bm25f": 0.6, "body": 0.4}
NEAR_DUPLICATE_COSINE = 0.95
# A vector is made of the first words only, and hardly tells numbers and negations apart.
NEAR_DUPLICATE_WORDS = 0.5
EMBEDS_NEW_WITHIN_S = 5.0
# From this nearness on an observation has to do with a text; with words in common from the other.
RELEVANT_COSINE, RELATED_COSINE = 0.3, 0.15

_WORD = re.compile(r"\w+")
_NEGATIONS = frozenset({"no", "not", "never", "without", "none", "cannot", "t", "nor"})
_sql = Queries("agentos_memory", "sql/observations.sql")


@dataclass(frozen=True, slots=True)
class ObservationQuery:
    """What is searched for, and among which observations."""

    text: str
    mode: SearchMode = "hybrid"
    kind: ObservationKind | None = None
    tags: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    work_order: str | None = None
    limit: int = 10


@dataclass(frozen=True, slots=True)
class ObservationHits:
    """The best observations, best first, with their scores; `is_cut` says that there are more.

    `arms` took part in the answer; `missing` says why vectors did not where they were asked for.
    `n_embedded` of `n_observations` have a vector.
    """

    hits: Sequence[tuple[Observation, float]]
    is_cut: bool
    arms: Sequence[ObservationArm]
    missing: str | None = None
    n_observations: int = 0
    n_embedded: int = 0


@dataclass(frozen=True, slots=True)
class _Notebook:
    """All observations of one version, oldest first, with their indexes."""

    observations: Sequence[Observation]
    lexical: Bm25fIndex
    matrix: VectorMatrix


class ObservationSearch:
    """Answers queries over all observations from a resident notebook."""

    def __init__(self, database: Database, vectors: Vectors, queue: EmbeddingQueue) -> None:
        self._database = database
        self._vectors = vectors
        self._queue = queue
        self._notebook: Residents[str, _Notebook] = Residents(1)

    async def run(self, query: ObservationQuery) -> ObservationHits:
        """The best observations.

        A hybrid query for which there is no vector is answered by keyword; a semantic one raises
        UnavailableError.
        """
        notebook = await self._current()
        if not notebook.observations:
            return ObservationHits((), False, ())
        similarity, missing = None, None
        if query.mode != "keyword":
            try:
                similarity = await self._similarities(query.text, query.mode, notebook.matrix)
            except UnavailableError as error:
                if query.mode == "semantic":
                    raise
                missing = error.message
        ranked = await asyncio.to_thread(_rank, notebook, query, similarity)
        arms: list[ObservationArm] = ["keyword"] if query.mode != "semantic" else []
        if similarity is not None:
            arms.append("bodies")
        return ObservationHits(
            ranked[: query.limit],
            len(ranked) > query.limit,
            arms,
            missing,
            len(notebook.observations),
            notebook.matrix.current.n_filled,
        )

    async def relevant(
        self, text: str, limit: int, accepts: Callable[[Observation], bool]
    ) -> list[tuple[Observation, float]]:
        """The observations that have to do with `text`, best first; none rather than any."""
        notebook = await self._current()
        if not notebook.observations:
            return []
        similarity: Scores | None = None
        with suppress(UnavailableError):
            similarity = await self._similarities(text, "hybrid", notebook.matrix)
        return await asyncio.to_thread(_relevant, notebook, text, similarity, limit, accepts)

    async def near_duplicate(
        self, new: NewObservation, work_order: str | None
    ) -> tuple[Observation, float] | None:
        """The current observation of the same kind and scope that says the same in other words.

        None where nothing is embedded: then only the very same text is a duplicate.
        """
        notebook = await self._current()
        candidates = [
            position
            for position, each in enumerate(notebook.observations)
            if each.superseded_by is None
            and each.kind == new.kind
            and shares_scope(new, work_order, each)
            and _says_alike(new, each)
        ]
        if not candidates:
            return None
        rows = await notebook.matrix.refresh()
        vector = await self._embed_new(new.text, rows)
        if vector is None:
            return None
        cosines = np.where(
            rows.is_filled[candidates], np.vecdot(rows.rows[candidates], vector), 0.0
        )
        best = int(np.argmax(cosines))
        if cosines[best] <= NEAR_DUPLICATE_COSINE:
            return None
        return notebook.observations[candidates[best]], round(float(cosines[best]), 4)

    async def _embed_new(self, text: str, rows: VectorRows) -> Scores | None:
        """The vector that the text will have in the notebook, where it can be had at once."""
        try:
            model = await self._vectors.serving()
            embedder = self._vectors.models.embedder(model)
            if embedder is None or model.model_id != rows.model or not model.settings.observations:
                return None
            async with asyncio.timeout(EMBEDS_NEW_WITHIN_S):
                made = await embedder.embed([text], purpose="document")
            vector: Scores = checked_vectors(made, 1, model.dimension)[0]
        except (UnavailableError, PluginError, TimeoutError):
            return None
        return vector if rows.rows.shape[1] == len(vector) else None

    async def _similarities(self, text: str, mode: SearchMode, matrix: VectorMatrix) -> Scores:
        """Nearness in meaning; UnavailableError where there is no vector of the query."""
        await self._vectors.serving()
        rows = await self._caught_up(matrix, WAITS_FOR_VECTORS_S[mode])
        vector = await self._vectors.embed_query(text, model=rows.model)
        similarity: Scores = np.vecdot(rows.rows, vector)
        return similarity

    async def _caught_up(self, matrix: VectorMatrix, wait_s: float) -> VectorRows:
        rows = await matrix.refresh()
        if rows.is_filled.all():
            return rows
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._queue.wait(SCOPE)
        return await matrix.refresh()

    async def _current(self) -> _Notebook:
        row = await self._database.fetch_row(_sql.observation_version)
        assert row is not None
        return await self._notebook.get("all", row["n"], self._load)

    async def _load(self) -> tuple[int, _Notebook]:
        rows = await self._database.fetch(_sql.read_observations)
        observations = [Observation(**dict(row)) for row in rows]
        matrix = await open_matrix(self._vectors, [o.digest for o in observations])
        lexical = await asyncio.to_thread(_lexical, observations)
        return len(observations), _Notebook(observations, lexical, matrix)


def _says_alike(new: NewObservation, other: Observation) -> bool:
    """Whether words allow that both say the same: the same numbers and negations, enough words."""
    ours = _words(new.title, new.body)
    theirs = _words(other.title, other.body)
    if _telling(ours) != _telling(theirs):
        return False
    union = ours.keys() | theirs.keys()
    return len(ours.keys() & theirs.keys()) >= NEAR_DUPLICATE_WORDS * len(union)


def _words(*texts: str) -> Counter[str]:
    return Counter(word for text in texts for word in _WORD.findall(text.lower()))


def _telling(words: Counter[str]) -> set[str]:
    return {
        word for word in words if word in _NEGATIONS or any(letter.isdigit() for letter in word)
    }


def _lexical(observations: Sequence[Observation]) -> Bm25fIndex:
    documents = [{"title": o.title, "tags": " ".join(o.tags), "body": o.body} for o in observations]
    return Bm25fIndex.build(documents, weights=FIELD_WEIGHTS)


def _relevant(
    notebook: _Notebook,
    text: str,
    similarity: Scores | None,
    limit: int,
    accepts: Callable[[Observation], bool],
) -> list[tuple[Observation, float]]:
    words = notebook.lexical.scores(text)
    scores = words
    if similarity is not None:
        scores = fuse({"bm25f": words, "body": similarity}, ARM_WEIGHTS)
    is_near = words > 0
    if similarity is not None:
        # Exactly 0 is one without a vector yet.
        related = (similarity >= RELATED_COSINE) | (similarity == 0)
        is_near = (is_near & related) | (similarity >= RELEVANT_COSINE)
    order = sorted(np.flatnonzero(is_near).tolist(), key=lambda n: (-float(scores[n]), -n))
    found: list[tuple[Observation, float]] = []
    for position in order:
        observation = notebook.observations[position]
        if observation.superseded_by is None and accepts(observation):
            found.append((observation, round(float(scores[position]), 4)))
        if len(found) == limit:
            break
    return found


def _rank(
    notebook: _Notebook, query: ObservationQuery, similarity: Scores | None
) -> list[tuple[Observation, float]]:
    scores = _scores(notebook, query, similarity)
    ranked: list[tuple[Observation, float]] = []
    # Newest first among equal scores.
    order = sorted(range(len(scores)), key=lambda n: (-float(scores[n]), -n))
    for position in order:
        observation, score = notebook.observations[position], float(scores[position])
        if (similarity is None and score <= 0) or len(ranked) > query.limit:
            break
        if _is_wanted(observation, query):
            ranked.append((observation, round(score, 4)))
    return ranked


def _scores(notebook: _Notebook, query: ObservationQuery, similarity: Scores | None) -> Scores:
    if similarity is None:
        return notebook.lexical.scores(query.text)
    if query.mode == "semantic":
        return similarity
    return fuse({"bm25f": notebook.lexical.scores(query.text), "body": similarity}, ARM_WEIGHTS)


def _is_wanted(observation: Observation, query: ObservationQuery) -> bool:
    return (
        observation.superseded_by is None
        and (query.kind is None or observation.kind == query.kind)
        and (query.work_order is None or observation.work_order == query.work_order)
        and (query.since is None or observation.created_at >= query.since)
        and (query.until is None or observation.created_at < query.until)
        and set(query.tags) <= set(observation.tags)
    )
