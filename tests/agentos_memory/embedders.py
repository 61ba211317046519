"""Embedders of tests, provided the way a plugin provides one."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence

from agentos import Embedder, EmbeddingPurpose, Service, hookimpl

DIMENSION = 8


class LetterEmbedder:
    """Counts letters; waits at a gate, which is open at first, before it embeds documents."""

    model_id = "letters-1"
    dimension = DIMENSION

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.has_arrived = asyncio.Event()
        self.embedded: Counter[str] = Counter()

    async def embed(
        self, texts: Sequence[str], *, purpose: EmbeddingPurpose
    ) -> Sequence[Sequence[float]]:
        if purpose == "document":
            self.has_arrived.set()
            await self.gate.wait()
            self.embedded.update(texts)
        return [_counts(text) for text in texts]


class EmbedderPlugin:
    """A plugin that provides an embedder."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    @hookimpl
    def register_services(self) -> list[Service]:
        return [Service(Embedder, lambda kernel: self._embedder)]


def _counts(text: str) -> list[float]:
    counts: Mapping[int, int] = Counter(ord(letter) % DIMENSION for letter in text)
    return [1.0 + counts.get(n, 0) for n in range(DIMENSION)]
