"""The vectors of one query, begun before anybody knows which shards are asked.

Above: search over code. Below: the models in use.
"""

from __future__ import annotations

import asyncio

from agentos_memory.vectors import Vector, Vectors


class QueryVectors:
    """Made once per model, however many shards compare with them; close it in the end."""

    def __init__(self, vectors: Vectors, text: str) -> None:
        self._vectors = vectors
        self._text = text
        self._others: dict[str, Vector] = {}
        self._first: asyncio.Task[tuple[str, Vector]] | None = None

    def start(self) -> None:
        """Begin with the model that serves, which is mostly the only one."""
        self._first = asyncio.create_task(self._by_serving())

    async def of(self, model: str | None) -> Vector:
        """The vector by `model`, or by the serving one; UnavailableError says why there is none."""
        assert self._first is not None
        serving, vector = await asyncio.shield(self._first)
        if model is None or model == serving:
            return vector
        if model not in self._others:
            self._others[model] = await self._vectors.embed_query(self._text, model=model)
        return self._others[model]

    def close(self) -> None:
        """Give up what nobody waits for any more."""
        if self._first is not None and not self._first.cancel() and not self._first.cancelled():
            # Read, so that a failure that nobody waited for is not reported as forgotten.
            self._first.exception()

    async def _by_serving(self) -> tuple[str, Vector]:
        serving = await self._vectors.serving()
        return serving.model_id, await self._vectors.embed_query(self._text, model=serving.model_id)
