"""Figures of `search_code` on real repositories, beside rank-bm25 in the same run.

    python -m bench.retrieval --vectors FOLDER [--with-tests] [--written NAME=FILE] NAME=SOURCE...

SOURCE is a git directory, or a folder of sources, which then has no issue-style queries.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.retrieval.docstring_set import docstring_set
from bench.retrieval.issue_set import issue_set
from bench.retrieval.queries import QuerySet
from bench.retrieval.scoring import Judged, figures, interval, judge
from bench.retrieval.sources import is_git
from bench.retrieval.systems import CachedVectors, System, arms_alone, okapi, ours

BASELINE = "rank-bm25"


def main() -> None:
    """Print one line of JSON per repository, kind of query and system, and the sums at the end."""
    options = _options()
    vectors = CachedVectors(options.vectors)
    written = dict(_named(options.written))
    all_judged: defaultdict[tuple[str, str], list[Judged]] = defaultdict(list)
    for name, source in _named(options.sources):
        for queries in _sets(name, source, written.get(name), options.with_tests):
            if not queries.queries:
                continue
            judged = _judged(queries, vectors)
            for system, each in judged.items():
                all_judged[queries.kind, system] += each
            _report(name, queries.kind, judged)
    for kind in dict.fromkeys(kind for kind, _ in all_judged):
        _report("all", kind, {s: all_judged[k, s] for k, s in all_judged if k == kind})


def _judged(queries: QuerySet, vectors: CachedVectors) -> dict[str, list[Judged]]:
    systems: dict[str, System] = {BASELINE: okapi(queries)}
    systems |= {mode: system for mode, system in ours(queries, vectors).items()}
    systems |= arms_alone(queries, vectors)
    return {
        name: [judge(query, system(query)) for query in queries.queries]
        for name, system in systems.items()
    }


def _sets(name: str, source: Path, written: Path | None, with_tests: bool) -> Iterator[QuerySet]:
    yield docstring_set(name, source, with_tests=with_tests)
    if is_git(source):
        yield issue_set(name, source, written=written, with_tests=with_tests)


def _report(name: str, kind: str, judged: Mapping[str, Sequence[Judged]]) -> None:
    base = [each.reciprocal for each in judged[BASELINE]]
    for system, each in judged.items():
        figure = figures(each)
        gains = [own.reciprocal - other for own, other in zip(each, base, strict=True)]
        row: dict[str, Any] = {
            "repository": name,
            "queries": kind,
            "n": figure.n,
            "system": system,
            "mrr@10": round(figure.mrr, 3),
            "interval": [round(bound, 3) for bound in figure.interval],
            "recall@10": round(figure.recall, 3),
            "file_recall@10": round(figure.file_recall, 3),
            "gain": round(sum(gains) / len(gains), 3),
            "gain_interval": [round(bound, 3) for bound in interval(gains)],
            "ratio": round(figure.mrr / max(sum(base) / len(base), 1e-9), 2),
        }
        if system == "hybrid":
            row |= _beside_better_arm(judged)
        print(json.dumps(row), flush=True)


def _beside_better_arm(judged: Mapping[str, Sequence[Judged]]) -> dict[str, Any]:
    """How much `hybrid` gains over whichever of its arms alone is better on these queries."""
    better = max(("keyword", "semantic"), key=lambda arm: figures(judged[arm]).mrr)
    pairs = zip(judged["hybrid"], judged[better], strict=True)
    gains = [both.reciprocal - alone.reciprocal for both, alone in pairs]
    return {
        "better_arm": better,
        "gain_over_it": round(sum(gains) / len(gains), 3),
        "gain_over_it_interval": [round(bound, 3) for bound in interval(gains)],
    }


def _named(pairs: Sequence[str]) -> Iterator[tuple[str, Path]]:
    for pair in pairs:
        name, _, path = pair.partition("=")
        yield name, Path(path)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.retrieval",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sources", nargs="+", metavar="NAME=SOURCE")
    parser.add_argument("--vectors", type=Path, required=True, help="where vectors are kept")
    parser.add_argument("--written", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--with-tests", action="store_true", help="keep tests in the way")
    return parser.parse_args()


if __name__ == "__main__":
    started = time.process_time()
    main()
    print(json.dumps({"cpu_seconds": round(time.process_time() - started, 1)}))
