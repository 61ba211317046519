"""Similarity to many vectors: a coarse pass for all, the exact one for the best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agentos_memory.dense import EXACT_ROWS, RESCORED, DenseArm


@dataclass
class FillingRows:
    """Rows that the test fills and replaces."""

    rows: NDArray[np.float32]
    is_filled: NDArray[np.bool_]
    model: str | None = "m"

    @property
    def current(self) -> FillingRows:
        return self


def vectors(n: int, *, seed: int = 1) -> NDArray[np.float32]:
    """Unit vectors that, like those of texts, vary mostly along some axes."""
    chance = np.random.default_rng(seed)
    axes = chance.standard_normal((384, 384)) * np.exp(-np.arange(384) / 60)[:, None]
    made = chance.standard_normal((n, 384)) @ axes
    unit: NDArray[np.float32] = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(
        np.float32
    )
    return unit


def test_the_best_rows_are_those_of_a_full_scan_with_its_scores() -> None:
    rows = vectors(EXACT_ROWS + 2_000)
    arm = DenseArm(FillingRows(rows, np.ones(len(rows), bool)))
    for query in vectors(20, seed=2):
        exact = rows @ query
        scores = arm.scores(query)
        best = np.argsort(-exact)[:10]
        np.testing.assert_array_equal(np.argsort(-scores)[:10], best)
        np.testing.assert_allclose(scores[best], exact[best], atol=1e-5)
        assert np.corrcoef(scores, exact)[0, 1] > 0.95
    assert len(rows) > RESCORED


def test_rows_are_scored_as_soon_as_they_are_filled() -> None:
    rows = vectors(EXACT_ROWS + 100)
    source = FillingRows(np.zeros_like(rows), np.zeros(len(rows), bool))
    arm = DenseArm(source)
    query = rows[-1]
    assert not arm.answers(query)
    half = len(rows) // 2
    source.rows[:half], source.is_filled[:half] = rows[:half], True
    assert arm.answers(query) and arm.n_filled == half
    assert np.isnan(arm.scores(query)[half:]).all() and not np.isnan(arm.scores(query)[:half]).any()
    source.rows[half:], source.is_filled[half:] = rows[half:], True
    assert arm.scores(query).argmax() == len(rows) - 1


def test_rows_of_another_model_are_scored_by_its_queries_only() -> None:
    rows = vectors(EXACT_ROWS + 100)
    source = FillingRows(rows, np.ones(len(rows), bool))
    arm = DenseArm(source)
    arm.scores(rows[0])
    source.rows = np.ascontiguousarray(rows[::-1, :256])
    assert not arm.answers(rows[0])
    assert arm.scores(source.rows[5]).argmax() == 5
