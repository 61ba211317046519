"""What the trees of `correction` learn from: the best chunks of each query, and which answer it.

People type a few words more often than sentences. So each query is also asked by some of its words,
and some without their articles, that the trees can tell no kind of query by its form alone.
Above: the training. Below: query sets, and the ranking that is corrected.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agentos_memory.candidate_features import FEATURES, Candidates, features
from agentos_memory.ranked import CodeQuery, candidates
from agentos_memory.recognition import recognise
from agentos_memory.words import STOP_WORDS
from bench.retrieval.queries import Query, QuerySet
from bench.retrieval.scoring import is_answer
from bench.retrieval.systems import DEPTH, QUERY_TOKENS, CachedVectors, shards

FORMS = ("whole", "words", "bare")
_LEAST_WORDS, _MOST_WORDS = 2, 4
_SHARE_BARE = 1 / 3


@dataclass(frozen=True, slots=True)
class CorrectionSet:
    """Queries of one kind over one repository, `sizes` candidates each, as rows below each other.

    `rows` [candidates, features]; `before` are their scores, `answers` and `files` whether they
    answer or lie in the file of an answer. `forms` index FORMS, and `shares` is how much of a
    report each query is taken for.
    """

    repository: str
    kind: str
    rows: NDArray[np.float32]
    before: NDArray[np.float32]
    answers: NDArray[np.bool_]
    files: NDArray[np.bool_]
    sizes: NDArray[np.int64]
    forms: NDArray[np.int64]
    shares: NDArray[np.float32]

    def save(self, file: Path) -> None:
        """Keep it: gathering takes minutes, training seconds."""
        columns = {name: getattr(self, name) for name in self.__slots__}
        np.savez(file, features=np.array(FEATURES), **columns)

    @classmethod
    def load(cls, file: Path) -> CorrectionSet | None:
        """What was kept; None where it was of other features."""
        kept = np.load(file)
        if tuple(kept["features"].tolist()) != FEATURES:
            return None
        names = (str(kept["repository"]), str(kept["kind"]))
        return cls(*names, *(kept[name] for name in cls.__slots__[2:]))


def correction_set(queries: QuerySet, vectors: CachedVectors) -> CorrectionSet:
    """All queries in all their forms, without those whose answer is lifted for what they name."""
    asked = [(query, form, text) for query in queries.queries for form, text in _forms(query)]
    made_of = vectors.embed(queries.repository, [text for _, _, text in asked], QUERY_TOKENS)
    build = shards(queries, vectors)
    rows, before, answers, files, forms = [], [], [], [], []
    for (query, form, text), vector in zip(asked, made_of, strict=True):
        shard = build(query.n_later_commits)
        asked_of = candidates(shard, CodeQuery(text, limit=DEPTH), recognise(text), vector)
        if asked_of is None:
            continue
        found, scales = asked_of
        rows.append(features(text, [found], scales))
        before.append(found.lowered)
        own, own_files = _judged(query, found)
        answers.append(own)
        files.append(own_files)
        forms.append(FORMS.index(form))
    sizes = np.array([len(each) for each in rows], np.int64)
    joined = np.concatenate(rows)
    starts = np.cumsum(sizes) - sizes
    return CorrectionSet(
        queries.repository,
        queries.kind,
        joined,
        np.concatenate(before),
        np.concatenate(answers),
        np.concatenate(files),
        sizes,
        np.array(forms, np.int64),
        joined[starts, FEATURES.index("q_share")],
    )


def _forms(query: Query) -> Iterator[tuple[str, str]]:
    chance = random.Random(query.id + query.text)
    yield "whole", query.text
    words = [w for w in re.findall(r"[\w'-]+", query.text) if w.lower() not in STOP_WORDS]
    if len(words) > _LEAST_WORDS + 1:
        n = chance.randint(_LEAST_WORDS, min(_MOST_WORDS, len(words) - 1))
        yield "words", " ".join(words[at] for at in sorted(chance.sample(range(len(words)), n)))
    if chance.random() < _SHARE_BARE:
        bare = " ".join(w for w in query.text.split() if w.lower() not in ("a", "an", "the"))
        ending = chance.choice(("", "."))
        yield "bare", bare[:1].lower() + bare[1:].rstrip(".") + ending


def _judged(query: Query, found: Candidates) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which candidates answer, and which lie in the file of an answer."""
    chunks = [found.shard.chunk(position) for position in found.positions.tolist()]
    paths = {answer.path for answer in query.answers}
    places = [(chunk.path, chunk.start_line, chunk.end_line) for chunk in chunks]
    return (
        np.array([is_answer(query, place) for place in places], bool),
        np.array([path in paths for path, _, _ in places], bool),
    )
