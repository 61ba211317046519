"""A cache of one value per key and version, built once however many callers wait for it.

PostgreSQL is the truth; what is resident is a copy of one version of it. A caller says which
version is current, so an old copy is never answered from, and the last one replaces it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Residents(Generic[K, V]):
    """At most `capacity` values, the least recently used dropped first.

    With `weigh`, values are also dropped until the others weigh no more than `max_weight`; the
    one used last stays, whatever it weighs.
    """

    def __init__(
        self,
        capacity: int,
        *,
        weigh: Callable[[V], int] | None = None,
        max_weight: int = 0,
    ) -> None:
        self._capacity = capacity
        self._weigh = weigh
        self._max_weight = max_weight
        self._values: OrderedDict[K, tuple[int, V]] = OrderedDict()
        self._loading: defaultdict[K, asyncio.Lock] = defaultdict(asyncio.Lock)

    def latest(self, key: K) -> V | None:
        """The resident value of whatever version, for building the next one from it."""
        found = self._values.get(key)
        return None if found is None else found[1]

    def find(self, key: K, version: int) -> V | None:
        """The resident value of `version` or newer."""
        found = self._values.get(key)
        if found is None or found[0] < version:
            return None
        self._values.move_to_end(key)
        return found[1]

    async def get(self, key: K, version: int, load: Callable[[], Awaitable[tuple[int, V]]]) -> V:
        """The value of `version` or newer; `load` gives a value with the version it read."""
        found = self.find(key, version)
        if found is not None:
            return found
        async with self._loading[key]:
            found = self.find(key, version)
            if found is None:
                loaded_version, found = await load()
                self._values[key] = (loaded_version, found)
                self._values.move_to_end(key)
                while self._is_too_much():
                    dropped, _ = self._values.popitem(last=False)
                    self._loading.pop(dropped, None)
        return found

    def _is_too_much(self) -> bool:
        if len(self._values) > self._capacity:
            return True
        if self._weigh is None or len(self._values) == 1:
            return False
        return sum(self._weigh(value) for _, value in self._values.values()) > self._max_weight
