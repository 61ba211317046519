"""Similarity to many vectors: a coarse pass for all, the exact one for the best."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from agentos_memory import dense
from agentos_memory.dense import EXACT_ROWS, RESCORED, DenseArm, scores_of


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


@pytest.fixture
def arms() -> dict[str, DenseArm]:
    """Two large arms, and a small one."""
    sizes = {"name": EXACT_ROWS + 500, "body": EXACT_ROWS + 500, "part": 100}
    return {
        name: DenseArm(FillingRows(vectors(n, seed=seed), np.ones(n, bool)))
        for seed, (name, n) in enumerate(sizes.items())
    }


@contextmanager
def no_thread_free(monkeypatch: pytest.MonkeyPatch) -> Iterator[Future[bool]]:
    """All threads for arms are taken, by work that ends with the block, or after 20 s."""
    with ThreadPoolExecutor(1) as taken:
        ends = threading.Event()
        work = taken.submit(ends.wait, 20)
        monkeypatch.setattr(dense, "_beside", lambda: taken)
        try:
            yield work
        finally:
            ends.set()


def test_several_arms_say_together_what_each_says_alone(arms: dict[str, DenseArm]) -> None:
    query = vectors(1, seed=9)[0]
    alone = {name: arm.scores(query) for name, arm in arms.items()}
    together = scores_of(arms, query)
    assert list(together) == list(alone)
    for name, scores in alone.items():
        np.testing.assert_array_equal(together[name], scores)
    assert scores_of({}, query) == {}


def test_arms_are_not_waited_for_where_no_thread_is_free(
    arms: dict[str, DenseArm], monkeypatch: pytest.MonkeyPatch
) -> None:
    query = vectors(1, seed=9)[0]
    alone = {name: arm.scores(query) for name, arm in arms.items()}
    with no_thread_free(monkeypatch) as work:
        together = scores_of(arms, query)
        assert not work.done()
    for name, scores in alone.items():
        np.testing.assert_array_equal(together[name], scores)


def test_what_an_arm_raises_in_its_thread_reaches_the_caller(arms: dict[str, DenseArm]) -> None:
    short = DenseArm(FillingRows(np.ones((3, 7), np.float32), np.ones(3, bool)))
    with pytest.raises(ValueError, match="mismatch"):
        scores_of({"name": short, "body": arms["body"]}, np.ones(7, np.float32))
