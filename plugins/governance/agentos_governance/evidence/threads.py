"""Calls a function for many items in a few threads, with as many results in memory as threads.

Above: taking, gates, packets. Below: the standard library, whose own `map` makes a future for
every item before the first result is asked for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

AHEAD = 4
"""How many items for each thread are under way, so that none waits for its next."""


def map_in_threads(function: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """`function` of each item, in the items' order; the first that raises ends it."""
    left = iter(items)
    with ThreadPoolExecutor(threads) as pool:
        pending: deque[Future[R]] = deque()
        try:
            pending.extend(pool.submit(function, item) for item in islice(left, AHEAD * threads))
            while pending:
                yield pending.popleft().result()
                pending.extend(pool.submit(function, item) for item in islice(left, 1))
        finally:
            for future in pending:
                future.cancel()
