"""What reaches a definition at any distance, without walking the same core of a program each time.

A few definitions that much code leads through are landmarks: all that reaches each is worked out
once, and so is all that each reaches. Whatever a landmark reaches is itself reached by all that
reaches the landmark, so a walk from there needs only the rest. Answers are exact. Above: the
blast radius. Below: walks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agentos_memory.adjacency import Ints, Mask
from agentos_memory.circles import Circles, Steps

MAX_LANDMARKS = 8
TRIED = 24
# A walk over less costs no more than looking at landmarks.
MIN_SHARE = 1 / 16


@dataclass(frozen=True, slots=True)
class _Landmark:
    above: Mask
    below: Mask


class Closures:
    """The landmarks of a graph, for steps to callers; `back` are the same steps to callees."""

    def __init__(self, steps: Steps, back: Steps) -> None:
        self._steps = steps
        self._landmarks: list[_Landmark] = []
        for candidate in _candidates(steps, back):
            if len(self._landmarks) == MAX_LANDMARKS:
                break
            if not any(each.above[candidate] & each.below[candidate] for each in self._landmarks):
                self._try(np.array([candidate]), back)

    def of(self, start: Ints) -> Mask:
        """Everything that reaches `start`, the start included."""
        circles = Circles(self._steps, start)
        for landmark in self._landmarks:
            if landmark.below[start].any():
                circles.absorb(landmark.above)
        while len(circles.frontier):
            circles.grow()
        return circles.is_seen

    def _try(self, candidate: Ints, back: Steps) -> None:
        above = self.of(candidate)
        if above.sum() < MIN_SHARE * len(above):
            return
        circles = Circles(back, candidate)
        while len(circles.frontier):
            circles.grow()
        self._landmarks.append(_Landmark(above, circles.is_seen))


def _candidates(steps: Steps, back: Steps) -> list[int]:
    """Definitions with many neighbours in both directions, the most first."""
    busy = steps.near.sizes.astype(np.int64) * back.near.sizes
    n_tried = min(TRIED, len(busy))
    top = np.argpartition(-busy, n_tried - 1)[:n_tried] if n_tried else np.zeros(0, np.int64)
    ordered: list[int] = top[np.lexsort((top, -busy[top]))].tolist()
    return [node for node in ordered if busy[node]]
