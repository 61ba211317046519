"""One version of one scope on its way to having all vectors of one model.

Above: the queue, which decides which run goes on. Below: a text source and an embedder.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from agentos import Embedder
from agentos_memory.embedding_models import Model
from agentos_memory.text_sources import ScopeProgress, TextSource, Tier, WantedText
from agentos_memory.vectors import Vector, checked_vectors

# Some seconds of work: what a killed process loses, and what a more urgent text waits for.
TEXTS_PER_STEP = 768


@dataclass(frozen=True, slots=True)
class Embedded:
    """What one step made."""

    tier: Tier
    digests: Sequence[str]
    vectors: Vector


class ScopeRun:
    """The texts of a scope that have no vector yet, names first."""

    def __init__(
        self,
        model: Model,
        embedder: Embedder,
        source: TextSource,
        wanted: Sequence[WantedText],
        missing: AbstractSet[str],
    ) -> None:
        self.model = model
        self.source = source
        self._embedder = embedder
        self._pending: dict[Tier, deque[WantedText]] = {"name": deque(), "body": deque()}
        self._total: dict[Tier, int] = {"name": 0, "body": 0}
        self._n_unreadable: dict[Tier, int] = {"name": 0, "body": 0}
        self.embedded: set[str] = set()
        """Digests of this version that have a vector."""
        for each in wanted:
            self._total[each.tier] += 1
            if each.digest in missing:
                self._pending[each.tier].append(each)
            else:
                self.embedded.add(each.digest)

    @property
    def n_waiting(self) -> int:
        """Texts without a vector."""
        return sum(len(pending) for pending in self._pending.values())

    @property
    def urgency(self) -> int:
        """Lower is more urgent: little work first, then names, then bodies."""
        if self.n_waiting <= TEXTS_PER_STEP:
            return 0
        return 1 if self._pending["name"] else 2

    def progress(self) -> ScopeProgress:
        """How far the run is."""
        return ScopeProgress(
            self.source.scope,
            self.source.version,
            self._done("name"),
            self._total["name"],
            self._done("body"),
            self._total["body"],
            sum(self._n_unreadable.values()),
            is_complete=self.n_waiting == 0,
        )

    async def embed_some(self) -> Embedded:
        """Vectors of the next texts; on failure they stay pending."""
        tier: Tier = "name" if self._pending["name"] else "body"
        pending = self._pending[tier]
        step = [pending[n] for n in range(min(TEXTS_PER_STEP, len(pending)))]
        texts = await self.source.texts(step) if step else {}
        digests, vectors = await self._embed(texts)
        for each in step:
            pending.popleft()
            self._n_unreadable[tier] += each.digest not in texts
        self.embedded.update(digests)
        return Embedded(tier, digests, vectors)

    async def _embed(self, texts: Mapping[str, str]) -> tuple[list[str], Vector]:
        # Texts of like length share a batch, since a batch is padded to its longest.
        digests = sorted(texts, key=lambda digest: (len(texts[digest]), digest))
        settings = self.model.settings
        batches = _batches(digests, settings.batch)
        made: dict[str, Vector] = {}

        async def work() -> None:
            for batch in batches:
                rows = await self._embedder.embed(
                    [texts[digest] for digest in batch], purpose="document"
                )
                vectors = checked_vectors(rows, len(batch), self.model.dimension)
                made.update(zip(batch, vectors, strict=True))

        try:
            async with asyncio.TaskGroup() as lanes:
                for _ in range(settings.parallel):
                    lanes.create_task(work())
        except BaseExceptionGroup as group:
            raise _first(group) from None
        if not made:
            return [], np.zeros((0, self.model.dimension), np.float32)
        return list(made), np.stack(list(made.values()))

    def _done(self, tier: Tier) -> int:
        return self._total[tier] - len(self._pending[tier]) - self._n_unreadable[tier]


def _batches(digests: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Longest first, so that the lanes end at about the same time."""
    for end in range(len(digests), 0, -size):
        yield digests[max(0, end - size) : end]


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
