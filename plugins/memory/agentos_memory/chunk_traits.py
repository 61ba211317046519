"""What speaks for or against each chunk of a shard before any query does.

Above: shards, and the features of the best chunks. Below: stored chunks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from agentos_memory.chunk_records import Named
from agentos_memory.ranking import Scores, standardised

# In standard deviations of the fused score. People look for functions more often than for what
# is around them, for what a product does rather than for its tests, and a longer function has
# more to be found for (bench/retrieval).
AROUND_PENALTY = 2.0
DUNDER_PENALTY = 0.3
TEST_PENALTY = 2.5
LENGTH_BONUS = 0.2
# What a report adds to them: a fault lies in what runs, and in files that change often.
REPORT_AROUND_PENALTY = 1.5
REPORT_LENGTH_BONUS = 0.4
REPORT_CHANGES_BONUS = 0.45


class ChunkTraits:
    """Traits by position; `file_of` and `symbol_of` number each chunk's file and symbol.

    `length` is on a scale of its own: 0 for the average chunk. Chunks with one number in `names`
    are called the same; those with one number in `owners` have one class, or one file's top level.
    """

    def __init__(
        self,
        symbols: Sequence[Named],
        symbol_of: NDArray[np.int32],
        file_of: NDArray[np.int32],
        n_lines: NDArray[np.int32],
    ) -> None:
        is_function = [symbol.kind in ("function", "method") for symbol in symbols]
        is_dunder = [symbol.name.startswith("__") for symbol in symbols]
        self.file_of = file_of
        self.is_around: NDArray[np.bool_] = ~np.array(is_function, bool)[symbol_of]
        self.is_dunder: NDArray[np.bool_] = np.array(is_dunder, bool)[symbol_of]
        self.n_parts: NDArray[np.intp] = np.bincount(symbol_of)[symbol_of]
        self.length = standardised(np.log(n_lines + 1.0))
        self.names = _numbers([symbol.name for symbol in symbols])[symbol_of]
        owners = [symbol.qualified_name.rpartition(".")[0] for symbol in symbols]
        self.owners = _numbers(owners)[symbol_of]

    def prior(self) -> Scores:
        """What speaks for a chunk whatever is asked."""
        prior = LENGTH_BONUS * self.length
        prior -= AROUND_PENALTY * self.is_around
        prior -= DUNDER_PENALTY * self.is_dunder
        return prior.astype(np.float32)

    def report_prior(self, often: Scores | None) -> Scores:
        """What speaks for a chunk besides when a fault is reported, before saying which.

        `often` is how often each file changed; None where nothing is known of it.
        """
        prior = REPORT_LENGTH_BONUS * self.length
        prior -= REPORT_AROUND_PENALTY * self.is_around
        if often is not None:
            # A manifest changes with every release, whatever was at fault.
            runs = np.bincount(self.file_of, ~self.is_around, len(often)) > 0
            prior += REPORT_CHANGES_BONUS * (often * runs)[self.file_of]
        return prior.astype(np.float32)


def _numbers(keys: Sequence[str]) -> NDArray[np.int32]:
    """A number for each, the same for equal ones."""
    known: dict[str, int] = {}
    return np.array([known.setdefault(key, len(known)) for key in keys], np.int32)
