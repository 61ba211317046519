"""What files say about a chunk: their words together, their neighbours, and hits spread over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from agentos_memory.analysis import analyse_file
from agentos_memory.chunk_records import FileChunks, decode_chunks, encode_chunks
from agentos_memory.chunks import chunk_file
from agentos_memory.file_neighbours import FileNeighbours
from agentos_memory.generations import Repository
from agentos_memory.model import FileAnalysis
from agentos_memory.ranked import CodeQuery, rank
from agentos_memory.recognition import recognise
from agentos_memory.shards import FileEntry, Shard
from agentos_memory.term_counts import as_one_document, count_terms


@dataclass(frozen=True)
class FixedRows:
    """Vectors as a test wants them."""

    rows: NDArray[np.float32]
    is_filled: NDArray[np.bool_]
    model: str | None = "fixed"

    @property
    def current(self) -> FixedRows:
        return self


def stored_chunks(sources: Mapping[str, str]) -> list[FileChunks]:
    """The chunks of Python files in their stored form, by path."""
    stored = []
    for path, text in sorted(sources.items()):
        analysis = analyse_file(path, text.encode(), package_dirs=frozenset())
        assert isinstance(analysis, FileAnalysis)
        stored.append(decode_chunks(path, encode_chunks(chunk_file(analysis, text.encode()))))
    return stored


def shard_over(sources: Mapping[str, str], bodies: Mapping[str, float] | None = None) -> Shard:
    """A shard of Python files; `bodies` are cosines of functions to the first axis, by name."""
    stored = stored_chunks(sources)
    names = [part.symbols[owner].name for part in stored for owner in part.owners]
    rows = np.zeros((len(names), 8), np.float32)
    rows[:, 0] = [(bodies or {}).get(name, 0.0) for name in names]
    return Shard(
        Repository(1, "a", Path("/a"), None, 1),
        [FileEntry(part.path, "python", "0" * 64) for part in stored],
        stored,
        bodies=FixedRows(rows, np.ones(len(names), bool)) if bodies is not None else None,
    )


def found_names(shard: Shard, text: str, *, limit: int = 10) -> list[str]:
    vector = np.eye(8, dtype=np.float32)[0]
    _, found = rank(shard, CodeQuery(text, limit=limit), recognise(text), vector)
    return [shard.chunk(each.position).name for each in found]


@pytest.mark.parametrize(
    ("paths", "imports", "pairs"),
    [
        (["app/cart.py", "app/price.py"], [["app.price.parse"], []], {(0, 1), (1, 0)}),
        (["src/app/cart.py", "src/app/price.py"], [["app.price.parse"], []], {(0, 1), (1, 0)}),
        (["app/__init__.py", "run.py"], [[], ["app"]], {(0, 1), (1, 0)}),
        (["ui/form.ts", "ui/lib/http.ts"], [["./lib/http.js.get"], []], {(0, 1), (1, 0)}),
        (["ui/form.ts", "ui/lib/index.ts"], [["./lib.get"], []], {(0, 1), (1, 0)}),
        (["ui/a/form.ts", "ui/http.ts"], [["../http.default"], []], {(0, 1), (1, 0)}),
        # Of several that it may be, none; what has the name of something else's module, neither.
        (["a/app/price.py", "b/app/price.py", "c.py"], [[], [], ["app.price.parse"]], set()),
        (["tools/os.py", "c.py"], [[], ["os.path"]], set()),
        (["a.py", "b.py"], [["a.f"], ["json.loads", "..", "../../../x"]], set()),
    ],
)
def test_files_that_import_each_other_are_neighbours(
    paths: Sequence[str], imports: Sequence[Sequence[str]], pairs: set[tuple[int, int]]
) -> None:
    neighbours = FileNeighbours(paths, imports)
    near = set()
    for file in range(len(paths)):
        scores = np.zeros(len(paths), np.float32)
        scores[file] = 1
        near |= {(file, int(other)) for other in np.flatnonzero(neighbours.best(scores))}
    assert near == pairs


def test_the_best_neighbour_counts_even_where_it_is_below_the_mean() -> None:
    neighbours = FileNeighbours(["a.py", "b.py", "c.py", "d.py"], [["b.f", "c.f"], [], [], []])
    best = neighbours.best(np.array([5, -2, -1, 9], np.float32))
    assert best.tolist() == [-1, 5, 5, 0]


def test_all_of_a_file_counts_like_one_text() -> None:
    parts = [["parse price", "a b"], ["price", "price list"]]
    whole = as_one_document(count_terms(parts, n_fields=2))
    joined = count_terms([[" ".join(" ".join(texts) for texts in parts)]], n_fields=1)
    counts = dict(zip(whole.vocabulary, whole.counts.tolist(), strict=True))
    expected = {
        joined.vocabulary[term]: count
        for term, count in zip(joined.terms.tolist(), joined.counts.tolist(), strict=True)
    }
    assert counts == expected
    assert whole.lengths.tolist() == joined.lengths.tolist() == [[7]]


def test_a_file_that_has_all_words_between_its_functions_comes_before_one_that_has_half() -> None:
    shard = shard_over(
        {
            "one.py": "def first():\n    lease = 1\n\n\ndef second():\n    expiry = 2\n",
            "two.py": "def third():\n    lease = 1\n\n\ndef fourth():\n    colour = 2\n",
        }
    )
    assert found_names(shard, "wrong expiry when a lease is missing")[:2] == ["second", "first"]


def test_what_a_strong_hit_imports_comes_before_what_it_does_not() -> None:
    sources = {
        "app/upload.py": "from app.zeta import pack\n\n\ndef upload():\n    return pack()\n",
        "app/alpha.py": "def fold():\n    return 1\n",
        "app/zeta.py": "def pack():\n    return 1\n",
    }
    bodies = {"upload": 0.9, "fold": 0.2, "pack": 0.2}
    report = "upload fails with an error when the body is empty"
    found = found_names(shard_over(sources, bodies), report)
    assert found.index("pack") < found.index("fold")
    apart = sources | {"app/upload.py": "def upload():\n    return 1\n"}
    found = found_names(shard_over(apart, bodies), report)
    assert found.index("fold") < found.index("pack")


SPREAD = {
    "a.py": "def erase():\n    pass\n\n\ndef drop():\n    pass\n",
    "b.py": "def paint():\n    pass\n",
    "c.py": "def walk():\n    pass\n",
    "d.py": "def sing():\n    pass\n",
}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("wrong error when empty", ["erase", "paint", "drop"]),
        ("returns the given", ["erase", "drop", "paint"]),
        # The file is named: its hits stay together.
        ("a.py", ["erase", "drop", "paint"]),
    ],
)
def test_hits_of_a_report_are_spread_over_files(query: str, names: Sequence[str]) -> None:
    shard = shard_over(SPREAD, {"erase": 0.9, "drop": 0.88, "paint": 0.72})
    assert found_names(shard, query)[: len(names)] == names
