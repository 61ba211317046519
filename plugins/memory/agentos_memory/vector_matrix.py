"""The vectors of a list of texts, resident, and kept up with what the queue makes.

Above: search, which multiplies `rows` with the vector of a query. Below: vectors.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agentos import UnavailableError
from agentos_memory.embedding_models import Model
from agentos_memory.vectors import Vector, Vectors

READ_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class VectorRows:
    """`rows[n]` is the unit vector of the n-th text, zeros while `is_filled[n]` is False.

    All are of one `model`; None while nothing serves.
    """

    model: str | None
    rows: Vector
    is_filled: NDArray[np.bool_]

    @property
    def n_filled(self) -> int:
        """How many texts have a vector."""
        return int(self.is_filled.sum())


class VectorMatrix:
    """Rows for a list of digests, which may repeat.

    What a matrix `before` holds already, of an earlier list, is not read again.
    Rows are filled in as vectors arrive; when another model takes over, `current` is replaced at
    once, so take it once per query.
    """

    def __init__(
        self, vectors: Vectors, digests: Sequence[str], *, before: VectorMatrix | None = None
    ) -> None:
        self.current = VectorRows(
            None, np.zeros((len(digests), 0), np.float32), np.zeros(len(digests), np.bool_)
        )
        self._vectors = vectors
        self._digests = digests
        self._missing: dict[str, list[int]] = {}
        self._position = 0
        self._refreshing = asyncio.Lock()
        # One that was never asked for vectors passes on what it was given.
        never_read = before is not None and before.current.model is None
        self._before: VectorMatrix | None = (
            before._before if before is not None and never_read else before
        )

    @property
    def rows(self) -> Vector:
        """The current rows."""
        return self.current.rows

    @property
    def is_filled(self) -> NDArray[np.bool_]:
        """Which of the current rows have a vector."""
        return self.current.is_filled

    async def refresh(self) -> VectorRows:
        """The rows with vectors made since; reads only what is new, and nothing if nothing is.

        The same rows as before where no model serves, or a damaged one does.
        """
        try:
            serving = await self._vectors.serving()
        except UnavailableError:
            return self.current
        if not self._is_current(serving):
            async with self._refreshing:
                if serving.model_id != self.current.model:
                    await self._load(serving)
                elif not self._is_current(serving):
                    await self._take_in(serving)
        return self.current

    def _is_current(self, serving: Model) -> bool:
        return self.current.model == serving.model_id and (
            not self._missing or serving.position <= self._position
        )

    async def _load(self, serving: Model) -> None:
        """All rows anew; the position was read before them, so nothing is missed.

        In threads, step by step, since other calls must not wait for tens of thousands of rows.
        """
        rows, is_filled, missing = await asyncio.to_thread(self._empty, serving)
        wanted = list(missing)
        for start in range(0, len(wanted), READ_AT_ONCE):
            found = await self._vectors.read(wanted[start : start + READ_AT_ONCE], serving.model_id)
            await asyncio.to_thread(_fill, rows, is_filled, missing, found)
        self.current = VectorRows(serving.model_id, rows, is_filled)
        self._missing, self._position = missing, serving.position
        self._before = None

    def _empty(self, serving: Model) -> tuple[Vector, NDArray[np.bool_], dict[str, list[int]]]:
        """Rows with what the matrix before holds, and the places of the digests that it lacks."""
        rows: Vector = np.zeros((len(self._digests), serving.dimension), np.float32)
        is_filled = np.zeros(len(self._digests), np.bool_)
        places: defaultdict[str, list[int]] = defaultdict(list)
        for place, digest in enumerate(self._digests):
            places[digest].append(place)
        missing = dict(places)
        self._take_over(serving.model_id, rows, is_filled, missing)
        return rows, is_filled, missing

    def _take_over(
        self,
        model: str,
        rows: Vector,
        is_filled: NDArray[np.bool_],
        missing: dict[str, list[int]],
    ) -> None:
        """Fill in what the matrix before holds, which is missing no more."""
        if self._before is None or self._before.current.model != model:
            return
        known, digests = self._before.current, self._before._digests
        places = {digests[place]: place for place in np.flatnonzero(known.is_filled).tolist()}
        sources: list[int] = []
        targets: list[int] = []
        for digest in [digest for digest in missing if digest in places]:
            at = missing.pop(digest)
            targets += at
            sources += [places[digest]] * len(at)
        rows[targets] = known.rows[sources]
        is_filled[targets] = True

    async def _take_in(self, serving: Model) -> None:
        current = self.current
        while self._missing and self._position < serving.position:
            digests, vectors, last = await self._vectors.read_since(
                serving.model_id, self._position, READ_AT_ONCE
            )
            for digest, vector in zip(digests, vectors, strict=True):
                at = self._missing.pop(digest, None)
                if at is not None:
                    current.rows[at] = vector
                    current.is_filled[at] = True
            if last == self._position:
                return
            self._position = last


def _fill(
    rows: Vector,
    is_filled: NDArray[np.bool_],
    missing: dict[str, list[int]],
    found: Mapping[str, Vector],
) -> None:
    for digest, vector in found.items():
        at = missing.pop(digest)
        rows[at] = vector
        is_filled[at] = True


async def open_matrix(vectors: Vectors, digests: Sequence[str]) -> VectorMatrix:
    """A matrix with the vectors that are there now."""
    matrix = VectorMatrix(vectors, digests)
    await matrix.refresh()
    return matrix
