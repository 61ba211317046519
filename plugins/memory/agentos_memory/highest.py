"""The highest of many scores, found without ordering all of them.

Above: ranking of a shard's chunks. Nothing below.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Every so manieth score tells well enough from where on the highest lie.
_STRIDE = 8
# So many above the bound that a sample hardly ever sets it too high.
_SURPLUS = 8


def highest(scores: NDArray[np.float32], chosen: NDArray[np.bool_], n: int) -> NDArray[np.int64]:
    """Where the n highest of the `chosen` scores are, in order of position.

    There are more where several equal the last one, and fewer where fewer are chosen.
    """
    candidates = _above_a_bound(scores, chosen, n)
    if candidates is None:
        candidates = np.flatnonzero(chosen)
    if n >= len(candidates):
        return candidates
    own = scores[candidates]
    least = np.partition(own, len(own) - n)[len(own) - n]
    best: NDArray[np.int64] = candidates[own >= least]
    return best


def _above_a_bound(
    scores: NDArray[np.float32], chosen: NDArray[np.bool_], n: int
) -> NDArray[np.int64] | None:
    """Those above what a sample says leaves n or somewhat more; None where it leaves fewer."""
    sample = scores[::_STRIDE][chosen[::_STRIDE]]
    n_above = 2 * n // _STRIDE + _SURPLUS
    if n_above >= len(sample):
        return None
    bound = np.partition(sample, len(sample) - n_above)[len(sample) - n_above]
    above = np.flatnonzero(scores >= bound)
    found: NDArray[np.int64] = above[chosen[above]]
    return found if len(found) >= n else None
