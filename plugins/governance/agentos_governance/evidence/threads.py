"""Work in threads: many items with few results in memory, and what a thread is given to close.

Above: taking, gates, packets. Below: the standard library, whose own `map` makes a future for
every item before the first result is asked for.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from typing import Protocol, TypeVar

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


class Closable(Protocol):
    """What its last user lets go of."""

    def close(self) -> None:
        """Let go of it."""


async def use_in_thread(resource: Closable, work: Callable[[], R]) -> R:
    """What `work` gives in a thread, and `resource` closed once no thread uses it any more.

    That is after `work`, and at once where the caller is cancelled before a thread was free: only
    then may the caller close it, for a cancelled caller leaves a running thread to itself.
    """
    is_taken = threading.Lock()

    def use() -> R:
        if not is_taken.acquire(blocking=False):
            raise asyncio.CancelledError
        with closing(resource):
            return work()

    try:
        return await asyncio.to_thread(use)
    finally:
        if is_taken.acquire(blocking=False):
            resource.close()
