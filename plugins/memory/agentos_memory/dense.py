"""Similarity of a query to every vector of a shard, in a millisecond where it would take ten.

Reading all vectors is what costs, so a projection a quarter as wide scores everything, and full
vectors score what may be among the best. Products are `vecdot`: a matrix product would share them
between threads of BLAS, which gains a tenth of a millisecond on an idle machine, and on a busy one
waits for all of them, tens of milliseconds. Above: shards. Below: the rows of vectors in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agentos_memory.ranking import Scores

# Up to here all rows are read in less time than the rest of a query takes.
EXACT_ROWS = 4_096
COARSE_DIMENSIONS = 96
RESCORED = 512
_SAMPLED_ROWS = 4_096
_STRIDE = 8
_MAX_THREADS = 4


class Rows(Protocol):
    """Unit vectors float32 [n, dimensions]; rows not `is_filled` have none yet and are zero."""

    @property
    def model(self) -> str | None:
        """The model that all of them are of; None while there is none."""
        ...

    @property
    def rows(self) -> NDArray[np.float32]: ...

    @property
    def is_filled(self) -> NDArray[np.bool_]: ...


class RowSource(Protocol):
    """Rows that fill up, and are replaced at once by those of another model."""

    @property
    def current(self) -> Rows: ...


class DenseArm:
    """Scores the rows that its source has at each query."""

    def __init__(self, source: RowSource) -> None:
        self._source = source
        self._basis: NDArray[np.float32] | None = None
        self._coarse = np.zeros((0, COARSE_DIMENSIONS), np.float32)
        self._projected = np.zeros(0, bool)
        self._fitted_rows = 0

    @property
    def n_filled(self) -> int:
        """How many rows have a vector."""
        return int(np.count_nonzero(self._source.current.is_filled))

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return len(self._source.current.is_filled)

    @property
    def model(self) -> str | None:
        """The model whose vectors of queries compare with the rows."""
        return self._source.current.model

    @property
    def is_large(self) -> bool:
        """Whether scoring takes longer than handing it to another thread."""
        return self.n_rows > EXACT_ROWS

    def answers(self, query: NDArray[np.float32]) -> bool:
        """Whether there is any row that compares with the query."""
        current = self._source.current
        return current.rows.shape[1] == len(query) and bool(current.is_filled.any())

    def scores(self, query: NDArray[np.float32]) -> Scores:
        """Cosine to every row, NaN for one without a vector; exact for the best RESCORED.

        The others are off by what the projection leaves out, some hundredths.
        """
        current = self._source.current
        rows, is_filled = current.rows, current.is_filled
        if len(rows) <= EXACT_ROWS:
            scores: Scores = np.vecdot(rows, query)
        else:
            scores = self._approximate(rows, is_filled, query)
        if not is_filled.all():
            scores[~is_filled] = np.nan
        return scores

    def _approximate(
        self, rows: NDArray[np.float32], is_filled: NDArray[np.bool_], query: NDArray[np.float32]
    ) -> Scores:
        self._follow(rows, is_filled)
        assert self._basis is not None
        scores: Scores = np.vecdot(self._coarse, query @ self._basis)
        best = _best(scores)
        scores[best] = np.vecdot(rows[best], query)
        return scores

    def _follow(self, rows: NDArray[np.float32], is_filled: NDArray[np.bool_]) -> None:
        """Project what was filled since; anew where the rows are others or twice as many."""
        filled = int(np.count_nonzero(is_filled))
        if (
            self._basis is None
            or self._basis.shape[0] != rows.shape[1]
            or len(self._projected) != len(rows)
            or filled >= 2 * self._fitted_rows
        ):
            self._basis = _principal_axes(rows, is_filled)
            self._coarse = np.zeros((len(rows), self._basis.shape[1]), np.float32)
            self._projected = np.zeros(len(rows), bool)
            self._fitted_rows = max(filled, 1)
        fresh = np.flatnonzero(is_filled & ~self._projected)
        if len(fresh):
            self._coarse[fresh] = rows[fresh] @ self._basis
            self._projected[fresh] = True


def scores_of(arms: Mapping[str, DenseArm], query: NDArray[np.float32]) -> dict[str, Scores]:
    """What each arm says of its rows, by the arm's name; large arms are read at the same time."""
    # The first is read here.
    beside = {
        name: _beside().submit(arm.scores, query)
        for name, arm in list(arms.items())[1:]
        if arm.is_large
    }
    scores = {}
    for name, arm in arms.items():
        running = beside.get(name)
        # Where all threads are taken, waiting for one takes longer.
        if running is None or running.cancel():
            scores[name] = arm.scores(query)
        else:
            scores[name] = running.result()
    return scores


@cache
def _beside() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_MAX_THREADS, "dense")


def _best(scores: Scores) -> NDArray[np.int64]:
    """RESCORED of the highest or somewhat more: those above what a sample says is the bound."""
    sample = scores[::_STRIDE]
    n_above = min(2 * RESCORED // _STRIDE, len(sample))
    bound = np.partition(sample, len(sample) - n_above)[len(sample) - n_above]
    best: NDArray[np.int64] = np.flatnonzero(scores >= bound)
    if RESCORED <= len(best) <= 4 * RESCORED:
        return best
    # Equal scores, or neighbours that are much alike.
    return np.argpartition(scores, len(scores) - RESCORED)[len(scores) - RESCORED :]


def _principal_axes(rows: NDArray[np.float32], is_filled: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The axes that keep most of the rows' length, [dimensions, COARSE_DIMENSIONS]."""
    filled = np.flatnonzero(is_filled)
    step = max(1, len(filled) // _SAMPLED_ROWS)
    sample = rows[filled[::step]]
    _, axes = np.linalg.eigh((sample.T @ sample).astype(np.float64))
    return np.ascontiguousarray(axes[:, -COARSE_DIMENSIONS:], np.float32)
