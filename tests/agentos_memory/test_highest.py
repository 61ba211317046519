"""The highest of many scores, against ordering all of them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from agentos_memory.highest import highest


def by_ordering(scores: NDArray[np.float32], chosen: NDArray[np.bool_], n: int) -> list[int]:
    """All chosen positions whose score is at least the n-th highest chosen one."""
    own = sorted(scores[chosen].tolist(), reverse=True)
    least = own[n - 1] if n <= len(own) else -np.inf
    return [p for p in np.flatnonzero(chosen).tolist() if scores[p] >= least]


@pytest.mark.parametrize("n", [1, 11, 88, 808, 6_000])
@pytest.mark.parametrize("share", [1.0, 0.3, 0.002, 0.0])
@pytest.mark.parametrize("n_scores", [1, 100, 5_000])
def test_the_highest_are_those_of_ordering_all(n_scores: int, share: float, n: int) -> None:
    rng = np.random.default_rng(n_scores)
    scores = rng.standard_normal(n_scores).astype(np.float32)
    chosen = rng.random(n_scores) < share
    assert highest(scores, chosen, n).tolist() == by_ordering(scores, chosen, n)
    everything = np.ones(n_scores, bool)
    assert highest(scores, None, n).tolist() == by_ordering(scores, everything, n)


def test_all_that_equal_the_last_one_are_among_them() -> None:
    scores = np.round(np.random.default_rng(1).standard_normal(5_000), 1).astype(np.float32)
    everything = np.ones(len(scores), bool)
    found = highest(scores, everything, 20)
    assert len(found) > 20
    assert found.tolist() == by_ordering(scores, everything, 20)
    assert len(highest(np.zeros(5_000, np.float32), everything, 20)) == 5_000


def test_a_sample_of_only_the_highest_scores_hides_nothing() -> None:
    scores = np.zeros(5_000, np.float32)
    # What is sampled is all high, as where an order repeats; the bound is too high then.
    scores[::8] = np.arange(625) + 10
    everything = np.ones(len(scores), bool)
    assert highest(scores, everything, 600).tolist() == by_ordering(scores, everything, 600)
    scores[1::8] = 5_000
    assert highest(scores, everything, 600).tolist() == by_ordering(scores, everything, 600)


def test_a_sample_without_the_highest_scores_hides_nothing() -> None:
    scores = np.arange(5_000, dtype=np.float32)
    scores[::8] = -1
    everything = np.ones(len(scores), bool)
    assert highest(scores, everything, 40).tolist() == by_ordering(scores, everything, 40)


def test_a_high_score_that_is_not_chosen_takes_no_place() -> None:
    scores = np.arange(5_000, dtype=np.float32)
    chosen = scores < 2_500
    assert highest(scores, chosen, 3).tolist() == [2_497, 2_498, 2_499]
