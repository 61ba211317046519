"""Work that is done in the event loop while it is brief, and in a thread when it is not.

Above: search. A thread that is waited for costs half a millisecond, which is a third of what ranking
the chunks of a usual repository takes; a loop that is held for longer delays every other call.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

MAX_IN_LOOP_S = 0.005
# By how many of the last runs the next one is judged: a mean would send several brief ones to a
# thread after each that took somewhat longer, and there they take longer themselves.
_N_JUDGED = 9
# One that took so many times the limit is a reason by itself.
_MUCH_TOO_LONG = 4

P = ParamSpec("P")
T = TypeVar("T")


class BriefWork:
    """Runs of one kind of work, where it is done chosen by how long the last ones took."""

    def __init__(
        self,
        max_in_loop_s: float = MAX_IN_LOOP_S,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._max_in_loop_s = max_in_loop_s
        self._clock = clock
        self._taken_s = deque[float](maxlen=_N_JUDGED)

    @property
    def is_brief(self) -> bool:
        """Whether the next run is done in the loop; not the first one, which may read anything."""
        return (
            bool(self._taken_s)
            and statistics.median(self._taken_s) <= self._max_in_loop_s
            and max(self._taken_s) <= _MUCH_TOO_LONG * self._max_in_loop_s
        )

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `work` returns or raises."""
        if not self.is_brief:
            return await asyncio.to_thread(self._timed, partial(work, *args, **kwargs))
        # What was started before gets on its way: its answer comes while this runs.
        await asyncio.sleep(0)
        return self._timed(partial(work, *args, **kwargs))

    def _timed(self, work: Callable[[], T]) -> T:
        started = self._clock()
        try:
            return work()
        finally:
            self._taken_s.append(self._clock() - started)
