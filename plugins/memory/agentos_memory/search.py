"""Search over the code of indexed repositories: rank, filter, cut, and say how fresh it is.

Above: the tool `search_code`. Below: shards that score, and freshness that looks at the tree.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from agentos_memory.catalog import Catalog
from agentos_memory.freshness import Freshness
from agentos_memory.generations import Repository
from agentos_memory.path_filters import path_filter
from agentos_memory.ranking import Scores
from agentos_memory.shards import CodeChunk, SearchMode, Shard, Shards
from agentos_memory.vectors import Vector, Vectors

SNIPPET_LINES = 12
SNIPPET_LINE_CHARS = 160
# Names in a sentence count as symbols only where they look like code: parse_header, HttpClient.
_CODE_NAME = re.compile(r"[A-Za-z_$][\w$]*(?:[.:][\w$]+)*")
_LOOKS_LIKE_CODE = re.compile(r"_|[.:]|[a-z0-9][A-Z]")


@dataclass(frozen=True, slots=True)
class CodeQuery:
    """What is searched for and where."""

    text: str
    mode: SearchMode = "hybrid"
    repo: str | None = None
    path: str | None = None
    language: str | None = None
    kind: str | None = None
    limit: int = 10


@dataclass(frozen=True, slots=True)
class CodeHit:
    """One chunk found; `is_stale` says that its file changed since it was indexed."""

    repository: Repository
    chunk: CodeChunk
    score: float
    is_stale: bool


@dataclass(frozen=True, slots=True)
class IndexState:
    """Which generation answered, and whether the working tree has moved on."""

    repository: Repository
    is_stale: bool


@dataclass(frozen=True, slots=True)
class CodeHits:
    """The best hits, best first; `is_cut` says that there are more."""

    hits: Sequence[CodeHit]
    states: Sequence[IndexState]
    is_cut: bool


class CodeSearch:
    """Answers code queries from resident shards."""

    def __init__(
        self, catalog: Catalog, shards: Shards, vectors: Vectors, freshness: Freshness
    ) -> None:
        self._catalog = catalog
        self._shards = shards
        self._vectors = vectors
        self._freshness = freshness

    async def run(self, query: CodeQuery) -> CodeHits:
        """The hits of `query`; NotFoundError where nothing is indexed under that name."""
        repositories = await self._catalog.select(query.repo)
        vector = None
        if query.mode != "keyword":
            vector = await self._vectors.embed_query(query.text)
        shards = [await self._shards.get(repository) for repository in repositories]
        ranked = await asyncio.to_thread(_rank_all, shards, query, vector)
        best = ranked[: query.limit]
        states: list[IndexState] = []
        hits: list[CodeHit] = []
        for repository, shard in zip(repositories, shards, strict=True):
            own = [(chunk, score) for of, chunk, score in best if of is shard]
            changed = await self._freshness.changed_files(
                repository.root, {chunk.path for chunk, _ in own}, shard.file_digests
            )
            answered = _answered(repository, shard)
            head = await self._freshness.head(answered.root)
            states.append(IndexState(answered, bool(changed) or head != answered.commit))
            hits += [CodeHit(answered, c, score, c.path in changed) for c, score in own]
        return CodeHits(sorted(hits, key=_order_of_hit), states, len(ranked) > query.limit)


def _answered(repository: Repository, shard: Shard) -> Repository:
    """What the answer is of: the row just read, unless the shard is already newer.

    A run that finds no changed file stores the new commit under the same generation, which the
    resident shard does not know.
    """
    if shard.repository.generation > repository.generation:
        return shard.repository
    return repository


def snippet(body: str) -> str:
    """The first lines of a chunk, short enough to read many of."""
    lines = body.splitlines()
    cut = [
        line if len(line) <= SNIPPET_LINE_CHARS else line[: SNIPPET_LINE_CHARS - 3] + "..."
        for line in lines[:SNIPPET_LINES]
    ]
    if len(lines) > SNIPPET_LINES:
        cut.append(f"... ({len(lines) - SNIPPET_LINES} more lines)")
    return "\n".join(cut)


def _rank_all(
    shards: Sequence[Shard], query: CodeQuery, vector: Vector | None
) -> list[tuple[Shard, CodeChunk, float]]:
    """The best of all shards, one more than asked for where there are more.

    Fused scores are standardised per repository, which makes them comparable between these.
    """
    ranked = [
        (shard, chunk, score) for shard in shards for chunk, score in _rank(shard, query, vector)
    ]
    ranked.sort(
        key=lambda each: (
            -each[2],
            each[0].repository.name,
            each[1].path,
            each[1].start_line,
            each[1].end_line,
        )
    )
    return ranked[: query.limit + 1]


def _rank(shard: Shard, query: CodeQuery, vector: Vector | None) -> list[tuple[CodeChunk, float]]:
    if not shard.chunks:
        return []
    scores = shard.scores(query.text, vector, query.mode)
    wanted = _filter(query)
    if query.mode != "semantic":
        scores = _lift_named(shard, scores, query.text)
    best: list[tuple[CodeChunk, float]] = []
    seen: set[tuple[str, str]] = set()
    # Equal scores keep source order, so that the answer does not depend on the sort's whims.
    for position in np.argsort(-scores, kind="stable").tolist():
        chunk, score = shard.chunks[position], float(scores[position])
        if (query.mode == "keyword" and score <= 0) or len(best) > query.limit:
            break
        # A long function has several chunks; its best one speaks for it.
        key = (chunk.path, chunk.symbol)
        if wanted(chunk) and key not in seen:
            seen.add(key)
            best.append((chunk, round(score, 4)))
    return best


def _lift_named(shard: Shard, scores: Scores, text: str) -> Scores:
    """Scores in which what the query names exactly stands above everything else.

    Highest is what the whole query names, then what a name inside it does.
    """
    whole = text.strip()
    levels = np.zeros(len(scores), np.float32)
    for name in _CODE_NAME.findall(text):
        if _LOOKS_LIKE_CODE.search(name):
            levels[shard.named(name)] = 1
    levels[shard.named(whole)] = 2
    if whole in shard.file_digests:
        levels[[n for n, chunk in enumerate(shard.chunks) if chunk.path == whole]] = 2
    if not levels.any():
        return scores
    lifted: Scores = scores + levels * (scores.max() - scores.min() + 1)
    return lifted


def _filter(query: CodeQuery) -> Callable[[CodeChunk], bool]:
    in_path = path_filter(query.path) if query.path is not None else None

    def wanted(chunk: CodeChunk) -> bool:
        return (
            (query.language is None or chunk.language == query.language)
            and (query.kind is None or chunk.kind == query.kind)
            and (in_path is None or in_path(chunk.path))
        )

    return wanted


def _order_of_hit(hit: CodeHit) -> tuple[float, str, str, int, int]:
    chunk = hit.chunk
    return -hit.score, hit.repository.name, chunk.path, chunk.start_line, chunk.end_line
