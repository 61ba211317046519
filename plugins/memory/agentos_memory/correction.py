"""A second step for the best chunks: their linear scores, corrected by trees that were learned.

The linear score weighs its arms alike for all chunks. Trees see the best of them beside each
other, and move them by what they learned of other repositories. What they were not asked about
keeps its order. Above: ranking. Below: features of candidates, and trees.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from agentos_memory.candidate_features import FEATURES, Candidates, features
from agentos_memory.measured import Measured, Scales
from agentos_memory.query_style import report_share
from agentos_memory.ranking import Scores
from agentos_memory.trees import Trees

MODEL_FILE = Path(__file__).with_name("correction_trees.json")
# The answer is among them for 95 of 100 descriptions and 90 of 100 reports.
CANDIDATES = 64
# How sharply scores tell better from worse: trees are learned on scores times so much.
DESCRIPTION_SHARPNESS = 2.5
REPORT_SHARPNESS = 1.2
_NEEDED = frozenset(("bm25f", "body", "name"))


def may_correct(measured: Measured) -> bool:
    """Whether all arms say something of every chunk; the trees know no other case."""
    scores = measured.scores
    return scores.keys() >= _NEEDED and not any(np.isnan(scores[arm].max()) for arm in _NEEDED)


def corrected(
    query: str,
    asked: Sequence[Candidates],
    scales: Scales,
    *,
    trees: Trees | None = None,
) -> list[Scores]:
    """The corrected scores of the candidates of each shard.

    The lowest of all candidates stays where it is, so that none falls below what is no candidate.
    """
    before = np.concatenate([each.lowered for each in asked])
    moved = (trees or _trees()).sums(features(query, asked, scales))
    after = before + moved / np.float32(sharpness(report_share(query)))
    after += before.min() - after.min()
    return np.split(after, np.cumsum([len(each.lowered) for each in asked])[:-1])


def sharpness(share: float) -> float:
    """How sharply the scores of a query tell that is so much of a report (0..1)."""
    return (1 - share) * DESCRIPTION_SHARPNESS + share * REPORT_SHARPNESS


@cache
def _trees() -> Trees:
    return Trees.load(MODEL_FILE, FEATURES)
