"""Scores of ranked answers: MRR@10, recall@10 by function and by file, with bootstrap intervals."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from bench.retrieval.queries import Query

BEST = 10
ROUNDS = 2_000

Place: TypeAlias = tuple[str, int, int]
"""Path, first and last line of a hit."""


@dataclass(frozen=True, slots=True)
class Judged:
    """How one query was answered; `rank` is 0 where no answer is among the best."""

    rank: int
    found_file: bool

    @property
    def reciprocal(self) -> float:
        """1 over the rank of the first answer, else 0."""
        return 1 / self.rank if self.rank else 0.0


@dataclass(frozen=True, slots=True)
class Figures:
    """Means over queries, with the 95 % interval of the first."""

    n: int
    mrr: float
    interval: tuple[float, float]
    recall: float
    file_recall: float


def judge(query: Query, ranked: Sequence[Place]) -> Judged:
    """The rank of the first hit inside an answer. A hit that only holds one, such as its class, is none.

    Files are counted once each, in the order of their best hits.
    """
    rank = next((n for n, place in enumerate(ranked[:BEST], start=1) if is_answer(query, place)), 0)
    files = list(dict.fromkeys(path for path, _, _ in ranked))[:BEST]
    return Judged(rank, any(answer.path in files for answer in query.answers))


def is_answer(query: Query, place: Place) -> bool:
    """Whether the hit lies inside one of the functions that answer the query."""
    path, start, end = place
    return any(
        path == answer.path and answer.start_line <= start and end <= answer.end_line
        for answer in query.answers
    )


def figures(judged: Sequence[Judged]) -> Figures:
    """The means; at least one query is needed."""
    values = [each.reciprocal for each in judged]
    return Figures(
        len(judged),
        _mean(values),
        interval(values),
        _mean([float(each.rank > 0) for each in judged]),
        _mean([float(each.found_file) for each in judged]),
    )


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Percentile bootstrap over queries, 95 %; the same values give the same interval."""
    chance = random.Random(7)
    means = sorted(_mean(chance.choices(values, k=len(values))) for _ in range(ROUNDS))
    return means[int(ROUNDS * 0.025)], means[int(ROUNDS * 0.975)]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
