"""What is compared: rank-bm25 over functions, and the three modes of our index over everything.

Ours goes through the code that serves `search_code`: chunks, stored form, shard, ranking. The
vectors are made here and kept in a folder, since embedding is most of the time of a run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from rank_bm25 import BM25Okapi  # type: ignore[import-untyped]

from agentos_memory.chunk_records import FileChunks, chunk_texts, decode_chunks, encode_chunks
from agentos_memory.chunks import chunk_file
from agentos_memory.embedding import MiniLmEmbedder
from agentos_memory.file_history import FileHistory
from agentos_memory.generations import Repository
from agentos_memory.knowledge.history import MAX_COMMITS
from agentos_memory.measured import SearchMode
from agentos_memory.ranked import CodeQuery, rank
from agentos_memory.recognition import recognise
from agentos_memory.shards import FileEntry, Shard, counted
from agentos_memory.words import split_identifiers
from bench.retrieval.queries import Query, QuerySet, analyse_sources
from bench.retrieval.scoring import BEST, Place

MAX_TOKENS = 128
QUERY_TOKENS = 64
# Several hits may lie in one file, and files are counted once.
DEPTH = 3 * BEST

ARMS_ALONE = {"bm25f alone": "bm25f", "bodies alone": "body"}

System: TypeAlias = Callable[[Query], Sequence[Place]]


@dataclass(frozen=True, slots=True)
class Rows:
    """Vectors of all chunks."""

    rows: NDArray[np.float32]
    is_filled: NDArray[np.bool_]
    model: str | None = "bench"

    @property
    def current(self) -> Rows:
        """Themselves: they never change."""
        return self


class CachedVectors:
    """Vectors of texts, kept in one file per name below a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._embedder = MiniLmEmbedder(threads=1)

    def embed(self, name: str, texts: Sequence[str], max_tokens: int) -> NDArray[np.float32]:
        """Unit vectors, float32 [texts, 384]; what is new is embedded and kept."""
        file = self._folder / f"{name}-{max_tokens}.npz"
        known = dict(np.load(file)) if file.exists() else {}
        keys = [hashlib.sha256(text.encode()).hexdigest()[:24] for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if missing:
            vectors = self._embedder.embed(list(missing.values()), max_tokens=max_tokens)
            known |= dict(zip(missing, vectors.astype(np.float16), strict=True))
            self._folder.mkdir(parents=True, exist_ok=True)
            np.savez(file, **known)
        return np.stack([known[key] for key in keys]).astype(np.float32)


def okapi(queries: QuerySet) -> System:
    """rank-bm25's Okapi with its own parameters over path, name and code of every function."""
    documents = [split_identifiers(f"{f.path} {f.local_name} {f.code}") for f in queries.functions]
    index = BM25Okapi(documents)

    def answer(query: Query) -> Sequence[Place]:
        scores = index.get_scores(split_identifiers(query.text))
        best = np.argsort(-scores, kind="stable")[:DEPTH].tolist()
        functions = [queries.functions[position] for position in best]
        return [(f.path, f.start_line, f.end_line) for f in functions]

    return answer


def ours(queries: QuerySet, vectors: CachedVectors) -> dict[SearchMode, System]:
    """Each mode over the same shards: one for each point of the history that queries are from."""
    build = shards(queries, vectors)
    asked = vectors.embed(queries.repository, [q.text for q in queries.queries], QUERY_TOKENS)
    modes: tuple[SearchMode, ...] = ("keyword", "semantic", "hybrid")
    answers: dict[tuple[str, SearchMode], list[Place]] = {}
    for query, vector in zip(queries.queries, asked, strict=True):
        shard = build(query.n_later_commits)
        answers |= {(query.id, mode): _answer(shard, query, mode, vector) for mode in modes}

    def system(mode: SearchMode) -> System:
        return lambda query: answers[query.id, mode]

    return {mode: system(mode) for mode in modes}


def arms_alone(queries: QuerySet, vectors: CachedVectors) -> dict[str, System]:
    """The two arms that the modes are made of, each by itself: BM25F, and vectors of bodies."""
    build = shards(queries, vectors)
    asked = vectors.embed(queries.repository, [q.text for q in queries.queries], QUERY_TOKENS)
    vector_of = dict(zip((query.id for query in queries.queries), asked, strict=True))

    def answer(arm: str, query: Query) -> list[Place]:
        # Neither arm knows anything of the history.
        shard = build(0)
        scores = shard.measure(query.text, vector_of[query.id], "hybrid").scores[arm]
        best = np.argsort(-scores, kind="stable")[: 8 * DEPTH].tolist()
        firsts: dict[int, int] = {}
        for position, group in zip(best, shard.groups(best), strict=True):
            firsts.setdefault(group, position)
        chunks = map(shard.chunk, list(firsts.values())[:DEPTH])
        return [(chunk.path, chunk.start_line, chunk.end_line) for chunk in chunks]

    return {name: partial(answer, arm) for name, arm in ARMS_ALONE.items()}


def _answer(
    shard: Shard, query: Query, mode: SearchMode, vector: NDArray[np.float32]
) -> list[Place]:
    asked = CodeQuery(query.text, mode, limit=DEPTH)
    _, found = rank(shard, asked, recognise(query.text), vector)
    chunks = [shard.chunk(each.position) for each in found]
    return [(chunk.path, chunk.start_line, chunk.end_line) for chunk in chunks]


def _stored(queries: QuerySet) -> tuple[list[FileChunks], dict[str, str]]:
    stored: list[FileChunks] = []
    texts: dict[str, str] = {}
    for analysis in analyse_sources(queries.sources):
        content = queries.sources[analysis.path]
        part = decode_chunks(analysis.path, encode_chunks(chunk_file(analysis, content)))
        stored.append(part)
        texts |= chunk_texts(content, part)
    return stored, texts


def shards(queries: QuerySet, vectors: CachedVectors) -> Callable[[int], Shard]:
    """Makes the shard what it would be without the newest commits, so many of them."""
    stored, texts = _stored(queries)
    name = queries.repository
    paths = [part.path for part in stored]
    bodies = [texts[digest] for part in stored for digest in part.digests]
    names = [texts[digest] for part in stored for digest in part.name_digests]
    body_rows = _rows(vectors.embed(name, bodies, MAX_TOKENS))
    name_rows = _rows(vectors.embed(name, names, QUERY_TOKENS))
    counts = [counted(part) for part in stored]

    shard = Shard(
        Repository(1, name, Path("/nowhere"), None, 1),
        [FileEntry(path, "", "") for path in paths],
        stored,
        counts=counts,
        bodies=body_rows,
        names=name_rows,
    )

    @lru_cache(maxsize=1)
    def build(n_later_commits: int) -> Shard:
        known = queries.commits[n_later_commits : n_later_commits + MAX_COMMITS]
        shard.take_history(FileHistory.of_commits(paths, known))
        return shard

    return build


def _rows(vectors: NDArray[np.float32]) -> Rows:
    return Rows(vectors, np.ones(len(vectors), bool))
