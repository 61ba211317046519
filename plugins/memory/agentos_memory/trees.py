"""Sums of regression trees over rows of features, evaluated for all rows and trees at once.

Above: what corrects the order of the best chunks. Nothing below but the file of a model, which
`bench.retrieval.train_correction` writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import orjson
from numpy.typing import NDArray

from agentos import PluginError

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Trees:
    """Complete binary trees of one depth, nodes in the order of their levels.

    `columns` and `thresholds` [nodes, trees] say what each node compares: a row goes to the left
    unless its feature is above the threshold. `leaves` [trees, leaves] from left to right.
    """

    columns: NDArray[np.intp]
    thresholds: NDArray[np.float32]
    leaves: NDArray[np.float32]

    @classmethod
    def load(cls, file: Path, features: Sequence[str]) -> Self:
        """The trees of a model; PluginError where it is damaged or was made for other features."""
        try:
            stored = orjson.loads(file.read_bytes())
            if stored["format"] != FORMAT or tuple(stored["features"]) != tuple(features):
                raise ValueError("its format or its features are others")
            return cls.of_rows(stored["trees"], n_features=len(features))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PluginError(
                f"{file} holds no trees that this release reads ({error}); reinstall the package"
            ) from error

    @classmethod
    def of_rows(cls, rows: Sequence[Mapping[str, Sequence[Any]]], *, n_features: int) -> Self:
        """Trees given as `columns`, `thresholds` and `leaves` each; ValueError for uneven ones."""
        columns = np.array([row["columns"] for row in rows], np.intp)
        thresholds = np.array([row["thresholds"] for row in rows], np.float32)
        leaves = np.array([row["leaves"] for row in rows], np.float32)
        if columns.ndim != 2 or leaves.ndim != 2 or columns.shape != thresholds.shape:
            raise ValueError("its trees differ in size")
        n_nodes = columns.shape[1]
        if n_nodes & (n_nodes + 1) or leaves.shape != (len(rows), n_nodes + 1):
            raise ValueError("its trees are not complete")
        if columns.min() < 0 or columns.max() >= n_features:
            raise ValueError("its trees ask for features that there are not")
        # Thresholds may be infinite: of a node where a shallower tree ended.
        if not np.isfinite(leaves).all() or np.isnan(thresholds).any():
            raise ValueError("its trees hold values that are no numbers")
        return cls(columns.T.copy(), thresholds.T.copy(), leaves)

    def sums(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """The sum of all trees for each row [rows, features]."""
        n_nodes, n_trees = self.columns.shape
        features = np.ascontiguousarray(rows.T)
        above = features.take(self.columns, axis=0) > self.thresholds[:, :, None]
        bits: list[NDArray[np.bool_]] = []
        leaf = np.zeros(above.shape[1:], np.int16)
        level = 1
        while level <= n_nodes:
            nodes = above[level - 1 : 2 * level - 1]
            for bit in bits:
                half = len(nodes) // 2
                nodes = np.where(bit, nodes[half:], nodes[:half])
            bits.append(nodes[0])
            leaf += leaf + nodes[0]
            level *= 2
        first = np.arange(n_trees)[:, None] * (n_nodes + 1)
        sums: NDArray[np.float32] = self.leaves.ravel().take(first + leaf).sum(axis=0)
        return sums
