"""The highest of many scores, found without ordering all of them.

Above: ranking of a shard's chunks. Nothing below.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Every so manieth score tells well enough from where on the highest lie.
_STRIDE = 16
# So many above the bound that a sample hardly ever sets it too high.
_SURPLUS = 8


def highest(
    scores: NDArray[np.float32], chosen: NDArray[np.bool_] | None, n: int
) -> NDArray[np.int64]:
    """Where the n highest of the `chosen` scores are, or of all, in order of position.

    There are more where several equal the last one, and fewer where fewer are chosen.
    """
    candidates = _above_a_bound(scores, chosen, n)
    if candidates is None:
        candidates = np.arange(len(scores)) if chosen is None else chosen.nonzero()[0]
    if n >= len(candidates):
        return candidates
    own = scores[candidates]
    best: NDArray[np.int64] = candidates[own >= _partition_at(own.copy(), n)]
    return best


def _above_a_bound(
    scores: NDArray[np.float32], chosen: NDArray[np.bool_] | None, n: int
) -> NDArray[np.int64] | None:
    """Those above what a sample says leaves n or somewhat more; None where it leaves fewer."""
    sample = scores[::_STRIDE]
    sample = sample.copy() if chosen is None else sample[chosen[::_STRIDE]]
    n_above = 2 * n // _STRIDE + _SURPLUS
    if n_above >= len(sample):
        return None
    found: NDArray[np.int64] = (scores >= _partition_at(sample, n_above)).nonzero()[0]
    if chosen is not None:
        found = found[chosen[found]]
    return found if len(found) >= n else None


def _partition_at(scores: NDArray[np.float32], n: int) -> np.float32:
    """The n-th highest of more than n scores, which are put in order around it."""
    place = len(scores) - n
    scores.partition(place)
    nth: np.float32 = scores[place]
    return nth
