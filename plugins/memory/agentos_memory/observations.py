"""What agents noted: recorded as events, read back by meaning.

`observation.recorded` is the truth; the table is its projection. Above: the observation tools.
Below: events, vectors (computed when they are first needed, never in a projection), ranking.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

import numpy as np

from agentos import (
    Clock,
    ConflictError,
    Database,
    Event,
    EventType,
    NewEvent,
    NotFoundError,
    ProjectionWriter,
    Queries,
    ReadModel,
    ToolCall,
    Transaction,
    new_id,
    sha256_hex,
)
from agentos_memory.ranking import ARM_WEIGHTS, Bm25fIndex, Scores, fuse
from agentos_memory.residents import Residents
from agentos_memory.shards import SearchMode
from agentos_memory.vectors import DIMENSIONS, Vector, Vectors

ObservationKind: TypeAlias = Literal["decision", "discovery", "fix", "outcome", "question"]

# What a query waits for at most; the rest is found by words until later queries got to it.
EMBEDDED_PER_QUERY = 256
FIELD_WEIGHTS = {"title": 3.0, "tags": 2.0, "body": 1.0}

_sql = Queries("agentos_memory")


@dataclass(frozen=True, slots=True)
class Observation:
    """One note; `superseded_by` names the one that replaced it."""

    id: str
    position: int
    created_at: datetime
    actor: str
    work_order: str | None
    kind: ObservationKind
    title: str
    body: str
    tags: Sequence[str]
    refs: Sequence[Mapping[str, Any]]
    supersedes: str | None
    superseded_by: str | None
    digest: str


@dataclass(frozen=True, slots=True)
class ObservationQuery:
    """What is searched for, and among which observations."""

    text: str
    mode: SearchMode = "hybrid"
    kind: ObservationKind | None = None
    tags: Sequence[str] = ()
    since: datetime | None = None
    work_order: str | None = None
    limit: int = 10


@dataclass(frozen=True, slots=True)
class _Notebook:
    """All observations of one version, oldest first, with their indexes."""

    observations: Sequence[Observation]
    lexical: Bm25fIndex
    vectors: Vector
    by_digest: Mapping[str, Vector]


async def record_observation(
    call: ToolCall,
    *,
    title: str,
    body: str,
    kind: ObservationKind,
    refs: Sequence[Mapping[str, Any]],
    tags: Sequence[str],
    supersedes: str | None,
) -> Event:
    """Append the observation in the call's transaction; the event holds it without secrets."""
    transaction = await call.begin()
    if supersedes is not None:
        await _require_current(transaction, supersedes)
    data = {
        "observation": new_id("OB"),
        "call": call.id,
        "work_order": call.work_order,
        "kind": kind,
        "title": title,
        "body": body,
        "tags": list(tags),
        "refs": [dict(ref) for ref in refs],
        "supersedes": supersedes,
    }
    (event,) = await transaction.append(
        NewEvent(call.stream, "observation.recorded", call.principal.name, call.now(), data)
    )
    return event


async def _require_current(transaction: Transaction, observation: str) -> None:
    row = await transaction.fetch_row(_sql.find_observation, observation)
    if row is None:
        raise NotFoundError(
            f"no observation has the id {observation!r}",
            remedy="search_observations lists the ids",
        )
    if row["superseded_by"] is not None:
        raise ConflictError(
            f"{observation} was already superseded by {row['superseded_by']}",
            remedy=f"read it, and supersede {row['superseded_by']} if need be",
        )


async def project_observation(writer: ProjectionWriter, event: Event) -> None:
    """Keep `memory.observation`."""
    data = event.data
    await writer.execute(
        _sql.insert_observation,
        data["observation"],
        event.position,
        event.at,
        event.actor,
        data["work_order"],
        data["kind"],
        data["title"],
        data["body"],
        data["tags"],
        data["refs"],
        data["supersedes"],
        sha256_hex(embed_text(data["title"], data["body"], data["tags"]).encode()),
    )
    if data["supersedes"] is not None:
        await writer.execute(_sql.supersede_observation, data["supersedes"], data["observation"])


OBSERVATION_RECORDED = EventType(
    "observation.recorded", "An agent noted something worth remembering.", project_observation
)
OBSERVATIONS = ReadModel("memory", ("observation",))


class ObservationSearch:
    """Answers queries over all observations from a resident notebook."""

    def __init__(self, database: Database, vectors: Vectors, clock: Clock) -> None:
        self._database = database
        self._vectors = vectors
        self._clock = clock
        self._notebook: Residents[str, _Notebook] = Residents(1)

    async def run(self, query: ObservationQuery) -> tuple[list[tuple[Observation, float]], bool]:
        """The best observations with their scores, and whether there are more."""
        notebook = await self._current()
        if not notebook.observations:
            return [], False
        vector = None
        if query.mode != "keyword":
            vector = await self._vectors.embed_query(query.text)
        ranked = await asyncio.to_thread(_rank, notebook, query, vector)
        return ranked[: query.limit], len(ranked) > query.limit

    async def _current(self) -> _Notebook:
        row = await self._database.fetch_row(_sql.observation_version)
        assert row is not None
        return await self._notebook.get("all", row["n"], self._load)

    async def _load(self) -> tuple[int, _Notebook]:
        rows = await self._database.fetch(_sql.read_observations)
        observations = [Observation(**dict(row)) for row in rows]
        earlier = self._notebook.latest("all")
        by_digest = dict(earlier.by_digest) if earlier is not None else {}
        # Newest first, since those are what a query is most likely about.
        missing = {
            o.digest: embed_text(o.title, o.body, o.tags)
            for o in reversed(observations)
            if o.digest not in by_digest
        }
        by_digest |= await self._vectors.read(list(missing))
        now_embedded = dict(
            [item for item in missing.items() if item[0] not in by_digest][:EMBEDDED_PER_QUERY]
        )
        await self._vectors.store(now_embedded, now=self._clock.now())
        by_digest |= await self._vectors.read(list(now_embedded))
        is_complete = by_digest.keys() >= missing.keys()
        version = len(observations) if is_complete else len(observations) - 1
        return version, await asyncio.to_thread(_build, observations, by_digest)


def _build(observations: Sequence[Observation], by_digest: Mapping[str, Vector]) -> _Notebook:
    vectors = np.zeros((len(observations), DIMENSIONS), np.float32)
    for position, observation in enumerate(observations):
        found = by_digest.get(observation.digest)
        if found is not None:
            vectors[position] = found
    documents = [{"title": o.title, "tags": " ".join(o.tags), "body": o.body} for o in observations]
    lexical = Bm25fIndex.build(documents, weights=FIELD_WEIGHTS)
    return _Notebook(observations, lexical, vectors, by_digest)


def _rank(
    notebook: _Notebook, query: ObservationQuery, vector: Vector | None
) -> list[tuple[Observation, float]]:
    scores = _scores(notebook, query, vector)
    ranked: list[tuple[Observation, float]] = []
    # Newest first among equal scores.
    order = sorted(range(len(scores)), key=lambda n: (-float(scores[n]), -n))
    for position in order:
        observation, score = notebook.observations[position], float(scores[position])
        if (query.mode == "keyword" and score <= 0) or len(ranked) > query.limit:
            break
        if _is_wanted(observation, query):
            ranked.append((observation, round(score, 4)))
    return ranked


def _scores(notebook: _Notebook, query: ObservationQuery, vector: Vector | None) -> Scores:
    if query.mode == "keyword":
        return notebook.lexical.scores(query.text)
    assert vector is not None
    similarity: Scores = notebook.vectors @ vector
    if query.mode == "semantic":
        return similarity
    return fuse({"bm25f": notebook.lexical.scores(query.text), "body": similarity}, ARM_WEIGHTS)


def _is_wanted(observation: Observation, query: ObservationQuery) -> bool:
    return (
        observation.superseded_by is None
        and (query.kind is None or observation.kind == query.kind)
        and (query.work_order is None or observation.work_order == query.work_order)
        and (query.since is None or observation.created_at >= query.since)
        and set(query.tags) <= set(observation.tags)
    )


def embed_text(title: str, body: str, tags: Sequence[str]) -> str:
    """What an observation's vector is made of."""
    return " ".join([title, *tags, body])
