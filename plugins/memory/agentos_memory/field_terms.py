"""Which terms stand in which of the first fields of each document.

Above: the lexical index, which keeps them, and the features of the best chunks. Below: counted
terms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from agentos_memory.term_counts import TermCounts


@dataclass(frozen=True, slots=True)
class FieldTerms:
    """Compressed rows: `starts` [documents + 1] into `terms` and the `fields` that they stand in."""

    starts: NDArray[np.int32]
    terms: NDArray[np.int32]
    fields: NDArray[np.uint8]

    @classmethod
    def of_counts(cls, counts: TermCounts, n_fields: int) -> Self:
        """The terms of the first `n_fields` fields."""
        kept = np.flatnonzero(counts.fields < n_fields)
        sizes = np.bincount(counts.documents[kept], minlength=len(counts.lengths))
        starts = np.zeros(len(sizes) + 1, np.int32)
        np.cumsum(sizes, out=starts[1:])
        return cls(starts, counts.terms[kept].astype(np.int32), counts.fields[kept])

    def rows(
        self, documents: NDArray[np.integer]
    ) -> tuple[NDArray[np.intp], NDArray[np.int32], NDArray[np.uint8]]:
        """All entries of the documents: which of them each is of, its term, and its field."""
        first = self.starts[documents]
        sizes = self.starts[documents + 1] - first
        owners = np.repeat(np.arange(len(documents)), sizes)
        at = np.arange(len(owners)) + np.repeat(first - (np.cumsum(sizes) - sizes), sizes)
        return owners, self.terms[at], self.fields[at]
