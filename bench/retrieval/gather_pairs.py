"""Gather the pairs that the embedding model is trained on, and leave out what it is measured with.

    python -m bench.retrieval.gather_pairs --wheels FOLDER --repositories FOLDER OUTPUT NAME=SOURCE...

`training_sources.toml` says which wheels (`pip download --no-deps`) and which git directories
(`OWNER/NAME` below the folder) there must be. Each SOURCE is a repository that the model will be
measured on: pairs that share a sentence or a function with it are left out, and counted.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path

from agentos_memory.chunks import chunk_file
from bench.retrieval.docstring_set import docstring_set, squeezed
from bench.retrieval.issue_set import issue_set
from bench.retrieval.queries import QuerySet, analyse_sources
from bench.retrieval.sources import Sources, read_sources
from bench.retrieval.training_pairs import (
    Pair,
    docstring_pairs,
    issue_pairs,
    leaked,
    prose_pairs,
    unique_pairs,
)
from bench.retrieval.training_sources import (
    PinnedRepository,
    PinnedWheel,
    read_training_sources,
    repository_documents,
    wheel_code,
    wheel_documents,
)

MOST_DOCSTRINGS = 180
MOST_ISSUES = 160
MOST_PROSE = 60
# Enough for as many docstrings; large packages have thousands of files.
MOST_FILES = 120


def main() -> None:
    """Write one pair per line of JSON, and print how many there are of each kind."""
    options = _options()
    pinned = read_training_sources()
    with ProcessPoolExecutor(options.processes) as pool:
        measured = [pool.submit(_measured, *named.split("=", 1)) for named in options.measured]
        wheels = [pool.submit(_of_wheel, wheel, options.wheels) for wheel in pinned.wheels]
        cloned = [
            pool.submit(_of_repository, repository, options.repositories)
            for repository in pinned.repositories
        ]
        pairs = [pair for job in [*wheels, *cloned] for pair in job.result()]
        sentences = set[str]().union(*(job.result()[0] for job in measured))
        codes = set[str]().union(*(job.result()[1] for job in measured))
    distinct = list(unique_pairs(pairs))
    kept = [pair for pair in distinct if not leaked(pair, sentences, codes)]
    with options.output.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(asdict(pair)) + "\n" for pair in kept)
    counts = Counter(pair.kind for pair in kept)
    print(json.dumps({**counts, "leaked": len(distinct) - len(kept)}))


def _of_wheel(wheel: PinnedWheel, folder: Path) -> list[Pair]:
    return [
        *docstring_pairs(wheel.name, _sample(wheel_code(wheel, folder)), most=MOST_DOCSTRINGS),
        *prose_pairs(wheel.name, wheel_documents(wheel, folder), most=MOST_PROSE),
    ]


def _of_repository(repository: PinnedRepository, folder: Path) -> list[Pair]:
    source, revision = folder / repository.name, repository.commit
    code = _sample(read_sources(source, revision=revision))
    return [
        *docstring_pairs(repository.name, code, most=MOST_DOCSTRINGS),
        *issue_pairs(repository.name, source, revision, most=MOST_ISSUES),
        *prose_pairs(repository.name, repository_documents(source, revision), most=MOST_PROSE),
    ]


def _sample(sources: Sources) -> Sources:
    chosen = sorted(sources, key=lambda path: hashlib.sha256(path.encode()).digest())[:MOST_FILES]
    return {path: sources[path] for path in sorted(chosen)}


def _measured(name: str, source: str) -> tuple[set[str], set[str]]:
    """Sentences asked about a repository, and all that is embedded of it, with docstrings or not."""
    folder = Path(source)
    sets = [docstring_set(name, folder)]
    if (folder / "objects").is_dir() or (folder / ".git").exists():
        sets.append(issue_set(name, folder))
    return _sentences(sets), {squeezed(text) for queries in sets for text in _embedded(queries)}


def _sentences(sets: Iterable[QuerySet]) -> set[str]:
    return {squeezed(query.text) for queries in sets for query in queries.queries}


def _embedded(queries: QuerySet) -> Sequence[str]:
    return [
        chunk.embed_text
        for analysis in analyse_sources(queries.sources)
        for chunk in chunk_file(analysis, queries.sources[analysis.path])
    ]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.retrieval.gather_pairs",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("output", type=Path)
    parser.add_argument("measured", nargs="+", metavar="NAME=SOURCE")
    parser.add_argument("--wheels", type=Path, required=True)
    parser.add_argument("--repositories", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
