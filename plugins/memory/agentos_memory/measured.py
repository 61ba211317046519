"""What the arms of a search say of the chunks and files of a shard, and the scales on which it compares.

Above: shards, ranking, and whoever asks for a mode. Below: scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from agentos_memory.ranking import Scale, Scores, scale_of, scale_of_groups

SearchMode: TypeAlias = Literal["hybrid", "semantic", "keyword"]
ArmName: TypeAlias = Literal["keyword", "names", "bodies", "regex"]


@dataclass(frozen=True, slots=True)
class Worded:
    """What the words of a query say of chunks and files, for which nobody waits for a vector.

    `near` is how well each file's best chunk fits, on a scale of its own; only vectors ask for it.
    """

    lexical: Scores
    of_files: Mapping[str, Scores]
    near: Scores | None


@dataclass(frozen=True, slots=True)
class Measured:
    """What each arm says of every chunk, each on a scale of its own.

    `of_files` is what is said of each file, by what says so: `best` (its best chunk's meaning),
    `words` (all of its words), `neighbours` (the best of those it imports or is imported by),
    `subjects` (the words of the commits that changed it); `sizes` are how many chunks each file has.
    """

    arms: tuple[ArmName, ...]
    scores: Mapping[str, Scores]
    of_files: Mapping[str, Scores]
    sizes: NDArray[np.int64]

    @property
    def lexical(self) -> Scores | None:
        """How well words fit; 0 where none occurs."""
        return self.scores.get("bm25f")


@dataclass(frozen=True, slots=True)
class Scales:
    """On which the arms of several shards compare."""

    arms: Mapping[str, Scale]
    of_files: Mapping[str, Scale]


def common_scales(measured: Sequence[Measured]) -> Scales:
    """The scales of what is said of all shards together."""
    arms = {name for each in measured for name in each.scores}
    said = {name for each in measured for name in each.of_files}
    return Scales(
        {arm: scale_of(m.scores[arm] for m in measured if arm in m.scores) for arm in arms},
        {
            name: scale_of_groups(
                (m.of_files[name], m.sizes) for m in measured if name in m.of_files
            )
            for name in said
        },
    )
