"""Train the trees that correct the order of the best chunks, and measure them on other repositories.

    pip install lightgbm==4.7.0
    python -m bench.retrieval.train_correction --vectors FOLDER --sets FOLDER NAME=DIRECTORY...

DIRECTORY is a git directory that nothing is measured on later. What is gathered of each is kept in
`--sets`. Prints what the order gains on repositories left out, a sixth at a time, and writes the
trees of all of them to the package. The same repositories give the same trees.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from agentos_memory.candidate_features import FEATURES
from agentos_memory.correction import MODEL_FILE, sharpness
from agentos_memory.trees import FORMAT, Trees
from bench.retrieval.correction_set import FORMS, CorrectionSet, correction_set
from bench.retrieval.docstring_set import docstring_set
from bench.retrieval.issue_set import issue_set
from bench.retrieval.scoring import BEST, interval
from bench.retrieval.systems import CachedVectors

Values: TypeAlias = NDArray[np.float64]

SEED = 20261122
FOLDS = 6
N_TREES = 200
DEPTH = 3
LEARNING_RATE = 0.25
L2 = 5.0
# Of the features each tree sees half, so that no few of them decide.
SHARE_OF_FEATURES = 0.5
LEAST_IN_LEAF = 100
# What no number is above: a threshold below which a tree ended.
ENDLESS = 3e38
# Answers far below the best are found by other means or not at all.
TRAINED_CANDIDATES = 32
# How much a query of each form counts, and an answer's file beside the answer.
FORM_WEIGHTS = {"whole": 1.0, "words": 0.35, "bare": 0.33}
FILE_WEIGHT = 0.3
# There are half as many reports, and they gain less each.
KIND_WEIGHTS = {"docstring": 1.0, "issue": 1.4}
# Sets of fewer queries count for less.
FULL_SET = 30
# 0 is likelihood, which queries without hope decide, 1 the share of the first answer itself.
ROBUSTNESS = 0.5
# The better an arm says, the better.
INCREASING = frozenset(FEATURES[: FEATURES.index("f_best")])


def main() -> None:
    """Gather, measure by folds, train, write."""
    options = _options()
    sets = list(_sets(options))
    _measure(sets)
    trees = _train(sets)
    model = {"format": FORMAT, "features": FEATURES, "trees": trees}
    options.model.write_text(json.dumps(model, separators=(",", ":")) + "\n", encoding="utf-8")


def _sets(options: argparse.Namespace) -> Iterator[CorrectionSet]:
    vectors = CachedVectors(options.vectors)
    options.sets.mkdir(parents=True, exist_ok=True)
    makers = (docstring_set, issue_set)
    for named in options.sources:
        name, _, source = named.partition("=")
        for make in makers:
            file = options.sets / f"{name}-{make.__name__}.npz"
            kept = CorrectionSet.load(file) if file.exists() else None
            if kept is None:
                queries = make(name, Path(source))
                if not queries.queries:
                    continue
                kept = correction_set(queries, vectors)
                kept.save(file)
            yield kept


def _measure(sets: Sequence[CorrectionSet]) -> None:
    """Print what each kind and form of query gains where the trees have not seen its repository."""
    gains: dict[tuple[str, str], list[float]] = {}
    for held in _folds(sorted({each.repository for each in sets})):
        rows = _train([each for each in sets if each.repository not in held])
        trees = Trees.of_rows(rows, n_features=len(FEATURES))
        for each in sets:
            if each.repository in held:
                for form, gain in _gains(each, trees):
                    gains.setdefault((each.kind, form), []).append(gain)
    for (kind, form), own in sorted(gains.items()):
        bounds = [round(bound, 4) for bound in interval(own)]
        row = {"queries": kind, "form": form, "n": len(own), "interval": bounds}
        print(json.dumps(row | {"gain": round(sum(own) / len(own), 4)}), flush=True)


def _folds(repositories: list[str]) -> list[set[str]]:
    random.Random(SEED).shuffle(repositories)
    return [set(repositories[first::FOLDS]) for first in range(FOLDS)]


def _gains(each: CorrectionSet, trees: Trees) -> Iterator[tuple[str, float]]:
    """The form of each query, and what its reciprocal rank gains."""
    moved = trees.sums(each.rows)
    first = 0
    for size, form, share in zip(each.sizes, each.forms, each.shares, strict=True):
        own = slice(first, first + size)
        first += size
        after = each.before[own] + moved[own] / np.float32(sharpness(float(share)))
        gain = _reciprocal(after, each.answers[own]) - _reciprocal(
            each.before[own], each.answers[own]
        )
        yield FORMS[form], gain


def _reciprocal(scores: NDArray[np.float32], answers: NDArray[np.bool_]) -> float:
    found = np.flatnonzero(answers[np.argsort(-scores, kind="stable")][:BEST])
    return 1 / (1 + int(found[0])) if len(found) else 0.0


def _train(sets: Sequence[CorrectionSet]) -> list[Mapping[str, Sequence[float]]]:
    """Trees learned from the sets, as `Trees.of_rows` takes them."""
    import lightgbm  # type: ignore[import-not-found]

    learned = _learned(sets)
    settings = {
        "objective": _objective(learned),
        "num_leaves": 2**DEPTH,
        "max_depth": DEPTH,
        "learning_rate": LEARNING_RATE,
        "lambda_l2": L2,
        "min_data_in_leaf": LEAST_IN_LEAF,
        "min_sum_hessian_in_leaf": 1e-3,
        "feature_fraction": SHARE_OF_FEATURES,
        "max_bin": 63,
        "boost_from_average": False,
        "monotone_constraints": [int(name in INCREASING) for name in FEATURES],
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "seed": SEED,
        "verbosity": -1,
    }
    data = lightgbm.Dataset(learned.rows, learned.answers, init_score=learned.before)
    model = lightgbm.train(settings, data, N_TREES).dump_model()
    return [_complete(tree["tree_structure"]) for tree in model["tree_info"]]


@dataclass(frozen=True, slots=True)
class _Learned:
    """Candidates of queries that have an answer among them; `starts` [queries + 1] cut the rows.

    `before` are sharpened; `weights` are those of the queries, repeated for each candidate.
    """

    rows: NDArray[np.float32]
    answers: Values
    files: Values
    before: Values
    weights: Values
    starts: NDArray[np.int64]


def _learned(sets: Sequence[CorrectionSet]) -> _Learned:
    parts = [_part(each) for each in sets]
    rows, answers, files, before, weights, sizes = zip(*parts, strict=True)
    counted = np.concatenate(sizes)
    weight = np.concatenate(weights)
    return _Learned(
        np.concatenate(rows),
        np.concatenate(answers).astype(np.float64),
        np.concatenate(files).astype(np.float64),
        np.concatenate(before),
        np.repeat(weight / weight.mean(), counted),
        np.concatenate([[0], np.cumsum(counted)]),
    )


def _part(each: CorrectionSet) -> tuple[NDArray[Any], ...]:
    """Rows, answers, files, sharpened scores, and for each query its weight and its size."""
    ends = np.cumsum(each.sizes)
    kept = np.minimum(each.sizes, TRAINED_CANDIDATES)
    places = np.arange(len(each.rows)) - np.repeat(ends - each.sizes, each.sizes)
    queries = np.repeat(np.arange(len(kept)), each.sizes)
    is_kept = places < TRAINED_CANDIDATES
    is_answered = np.bincount(queries[is_kept], each.answers[is_kept], len(kept)) > 0
    chosen = is_kept & is_answered[queries]
    # Each set counts alike, whatever its size, so that no large repository decides.
    of_form = Counter(each.forms.tolist())
    weights = np.array(
        [
            FORM_WEIGHTS[FORMS[form]] * min(1, of_form[form] / FULL_SET) / of_form[form]
            for form in each.forms.tolist()
        ]
    )
    weights *= KIND_WEIGHTS[each.kind]
    sharp = np.array([sharpness(share) for share in each.shares.tolist()])
    before = each.before[chosen] * sharp[queries[chosen]]
    rows, answers, files = each.rows[chosen], each.answers[chosen], each.files[chosen]
    return rows, answers, files, before, weights[is_answered], kept[is_answered]


def _objective(learned: _Learned) -> Callable[[Values, Any], tuple[Values, Values]]:
    """Gradient and curvature for the share that the answers have among a query's candidates.

    Generalised cross entropy (Zhang and Sabuncu 2018, eq. 6) of the shares by softmax, of the
    answers and of their files. The curvature is bounded from below by the gradient, since that of
    a query far off is next to nothing and would throw its candidates far beyond where they belong.
    """
    starts = learned.starts[:-1]
    sizes = np.diff(learned.starts)

    def each(sums: Values) -> Values:
        return np.repeat(sums, sizes)

    def towards(shares: Values, wanted: Values) -> tuple[Values, Values]:
        own = shares * wanted
        reached = np.maximum(np.add.reduceat(own, starts), 1e-12)
        gradient = shares - own / each(reached)
        factor = each(np.maximum(reached, 1e-6) ** ROBUSTNESS)
        curvature = np.maximum(shares * (1 - shares), np.abs(gradient))
        return gradient * factor, curvature * factor

    def objective(scores: Values, _: Any) -> tuple[Values, Values]:
        grown = np.exp(scores - each(np.maximum.reduceat(scores, starts)))
        shares = grown / each(np.add.reduceat(grown, starts))
        gradient, curvature = towards(shares, learned.answers)
        of_files, bent = towards(shares, learned.files)
        total = (gradient + FILE_WEIGHT * of_files) * learned.weights
        return total, np.maximum((curvature + FILE_WEIGHT * bent) * learned.weights, 1e-6)

    return objective


def _complete(tree: Mapping[str, Any]) -> Mapping[str, Sequence[float]]:
    """The tree with all its levels full: a leaf further up is all leaves below it."""
    columns, thresholds = [0] * (2**DEPTH - 1), [ENDLESS] * (2**DEPTH - 1)
    leaves = [0.0] * 2**DEPTH

    def fill(node: Mapping[str, Any], at: int) -> None:
        if at >= len(columns):
            leaves[at - len(columns)] = float(f"{node['leaf_value']:.5g}")
            return
        if "leaf_value" not in node:
            columns[at] = node["split_feature"]
            thresholds[at] = float(f"{node['threshold']:.6g}")
        fill(node.get("left_child", node), 2 * at + 1)
        fill(node.get("right_child", node), 2 * at + 2)

    fill(tree, 0)
    return {"columns": columns, "thresholds": thresholds, "leaves": leaves}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.retrieval.train_correction",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sources", nargs="+", metavar="NAME=DIRECTORY")
    parser.add_argument("--vectors", type=Path, required=True, help="where vectors are kept")
    parser.add_argument("--sets", type=Path, required=True, help="where what is gathered is kept")
    parser.add_argument(
        "--model", type=Path, default=MODEL_FILE, help="where the trees are written"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
