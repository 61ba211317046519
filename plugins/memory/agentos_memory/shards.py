"""The chunks of one generation, resident and ready to be scored.

A shard scores every chunk of its repository in every arm, which is faster than asking an index
for candidates up to some 50,000 chunks, and never loses a result to a filter. It holds names,
lines and vectors, no text. Above: search. Below: stored chunks, lexical index and vectors.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agentos_memory.chunk_records import FIELDS, NAMING_FIELDS, FileChunks
from agentos_memory.chunk_traits import TEST_PENALTY, ChunkTraits
from agentos_memory.dense import DenseArm, RowSource, scores_of
from agentos_memory.file_history import FileHistory
from agentos_memory.file_neighbours import FileNeighbours
from agentos_memory.generations import Repository
from agentos_memory.measured import ArmName, Measured, Scales, SearchMode, Worded
from agentos_memory.naming_of_tests import is_test_path
from agentos_memory.query_style import report_share, weighted_terms
from agentos_memory.ranking import (
    Bm25fIndex,
    Scores,
    arm_weights,
    file_weights,
    fuse,
    scale_of_groups,
    standardised,
)
from agentos_memory.readable_files import readable_files
from agentos_memory.term_counts import TermCounts, as_one_document, count_tokens
from agentos_memory.words import query_terms

_DENSE_ARMS: Mapping[str, ArmName] = {"name": "names", "body": "bodies"}
_TEST_WORDS = frozenset(query_terms("test tests testing fixture mock spec assert"))


@dataclass(frozen=True, slots=True)
class FileEntry:
    """An indexed file: where it is, its language, and the digest of what was indexed."""

    path: str
    language: str
    sha256: str


class CodeChunk(NamedTuple):
    """What a hit may be: one symbol, or a part of one."""

    path: str
    language: str
    symbol: str
    name: str
    kind: str
    start_line: int
    end_line: int
    signature: str


@dataclass(frozen=True, slots=True)
class Scored:
    """One score per chunk, and the arms that made them."""

    scores: Scores
    arms: tuple[ArmName, ...]
    lexical: Scores | None


@dataclass(slots=True)
class _Columns:
    files: list[int] = field(default_factory=list)
    symbols: list[int] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)


class Shard:
    """The chunks of a repository at one generation, in source order, with their indexes.

    `stored` are the chunks of `files`, in the same order, which is that of their paths, and
    `counts` the counted terms of each, where they are at hand. Rows of `bodies` and `names` are
    those of the chunks; None where nothing is ever embedded. `history` is that of `files`.
    """

    def __init__(
        self,
        repository: Repository,
        files: Sequence[FileEntry],
        stored: Sequence[FileChunks],
        *,
        counts: Sequence[TermCounts] | None = None,
        bodies: RowSource | None = None,
        names: RowSource | None = None,
        history: FileHistory | None = None,
    ) -> None:
        self.repository = repository
        self.files = files
        self.file_digests: Mapping[str, str] = {file.path: file.sha256 for file in files}
        self.readable = readable_files([file.path for file in files])
        """Which of the files given rules leave, in their order."""
        self._symbols = [symbol for part in stored for symbol in part.symbols]
        columns = _columns(stored)
        self._file_of = np.array(columns.files, np.int32)
        self._symbol_of = np.array(columns.symbols, np.int32)
        self._starts = np.array(columns.starts, np.int32)
        self._ends = np.array(columns.ends, np.int32)
        self._gaps = [gaps for part in stored for gaps in part.gaps]
        counts = list(map(counted, stored)) if counts is None else counts
        self.lexical = Bm25fIndex.of_counts(counts, n_kept=len(NAMING_FIELDS))
        self._file_words = Bm25fIndex.of_counts(map(as_one_document, counts), weights={"file": 1.0})
        self._neighbours = FileNeighbours([f.path for f in files], (p.imports for p in stored))
        self._bodies = DenseArm(bodies) if bodies is not None else None
        self._names = DenseArm(names) if names is not None else None
        self._is_test = np.array([is_test_path(file.path) for file in files], bool)
        n_lines = self._ends - self._starts
        self.traits = ChunkTraits(self._symbols, self._symbol_of, self._file_of, n_lines)
        self._prior_of_tests = self.traits.prior()
        penalty = (TEST_PENALTY * self._is_test).astype(np.float32)
        self._prior: Scores = self._prior_of_tests - penalty[self._file_of]
        self.take_history(history)
        self._by_name: defaultdict[str, list[int]] = defaultdict(list)
        for position, symbol in enumerate(columns.symbols):
            self._by_name[self._symbols[symbol].name].append(position)
        self._by_file_name: defaultdict[str, list[int]] = defaultdict(list)
        for number, file in enumerate(files):
            self._by_file_name[file.path.rpartition("/")[2]].append(number)
        self._file_starts = np.searchsorted(self._file_of, np.arange(len(files) + 1))
        self._sizes = np.diff(self._file_starts)
        self._filled = np.flatnonzero(self._sizes)

    def take_history(self, history: FileHistory | None) -> None:
        """Rank by this history of the files from now on."""
        self.history = history
        self._report_prior = self.traits.report_prior(history.often if history else None)

    def __len__(self) -> int:
        """How many chunks there are."""
        return len(self._starts)

    def chunk(self, position: int) -> CodeChunk:
        """The chunk at a position."""
        file = self.files[self._file_of[position]]
        symbol = self._symbols[self._symbol_of[position]]
        start, end = self.lines(position)
        return CodeChunk(
            file.path,
            file.language,
            symbol.qualified_name,
            symbol.name,
            symbol.kind,
            start,
            end,
            symbol.signature,
        )

    def path(self, position: int) -> str:
        """Where the chunk's file is, without making the chunk."""
        path: str = self.files[self._file_of[position]].path
        return path

    def file_of(self, position: int) -> int:
        """The number of the chunk's file."""
        return int(self._file_of[position])

    def files_of(self, positions: Sequence[int]) -> list[int]:
        """The number of each chunk's file."""
        numbers: list[int] = self._file_of[positions].tolist()
        return numbers

    def lines(self, position: int) -> tuple[int, int]:
        """The chunk's first and last line."""
        return int(self._starts[position]), int(self._ends[position])

    def kind(self, position: int) -> str:
        """The kind of the chunk's symbol."""
        kind: str = self._symbols[self._symbol_of[position]].kind
        return kind

    def groups(self, positions: Sequence[int]) -> list[int]:
        """Chunks of one group are parts of one definition, or of one file's top-level code."""
        groups: list[int] = self._symbol_of[positions].tolist()
        return groups

    def named(self, name: str) -> list[int]:
        """Positions of the chunks of what is called `name`: plain, dotted or qualified."""
        last = name.rpartition(".")[2].rpartition(":")[2]
        ends = ("." + name, ":" + name, "/" + name)
        found = []
        for position in self._by_name.get(last, ()):
            qualified = self._symbols[self._symbol_of[position]].qualified_name
            if name in (last, qualified) or qualified.endswith(ends):
                found.append(position)
        return found

    def files_at(self, path: str) -> list[int]:
        """Numbers of the files whose path is `path` or ends in it, whole components only."""
        ending = "/" + path
        called = self._by_file_name.get(path.rpartition("/")[2], ())
        return [n for n in called if ("/" + self.files[n].path).endswith(ending)]

    def in_file(self, file: int) -> range:
        """Positions of the file's chunks."""
        return range(int(self._file_starts[file]), int(self._file_starts[file + 1]))

    def at_line(self, file: int, line: int) -> int | None:
        """The innermost chunk that holds a line of the file."""
        holding = [p for p in self.in_file(file) if self._starts[p] <= line <= self._ends[p]]
        return min(holding, key=lambda p: (self._ends[p] - self._starts[p], p), default=None)

    def gaps(self, position: int) -> Sequence[tuple[int, int]]:
        """First and last lines of what stands inside the chunk's lines with chunks of its own."""
        return self._gaps[position]

    def is_kind(self, position: int, kind: str | None) -> bool:
        """Whether the chunk is of the kind, where one is asked for."""
        return kind is None or self.kind(position) == kind

    def match_score(self, position: int, n_lines: int) -> float:
        """How good a chunk with so many matching lines is: above 0, tests below 1."""
        share = n_lines / (n_lines + 1)
        return round(share if self._is_test[self._file_of[position]] else 1 + share, 4)

    def chosen(self, files: NDArray[np.bool_], kind: str | None) -> NDArray[np.bool_] | None:
        """Which chunks lie in the chosen files and are of the kind; None for all."""
        chosen: NDArray[np.bool_] | None = None if files.all() else files[self._file_of]
        if kind is not None:
            is_kind = np.array([symbol.kind == kind for symbol in self._symbols], bool)
            of_kind = is_kind[self._symbol_of]
            chosen = of_kind if chosen is None else chosen & of_kind
        return chosen

    def score(
        self, query: str, query_vector: NDArray[np.float32] | None, mode: SearchMode
    ) -> Scored:
        """One score per chunk, from the arms that the mode asks for and that are there."""
        measured = self.measure(query, query_vector, mode)
        return Scored(self.fused(measured, query), measured.arms, measured.lexical)

    def worded(self, query: str, mode: SearchMode) -> Worded | None:
        """What the query's words say; None where the mode asks for none, or there is no chunk."""
        if mode == "semantic" or not len(self):
            return None
        lexical = self.lexical.weighted_scores(weighted_terms(query, self.lexical.vocabulary))
        of_files = {"words": self._file_words.scores(query)}
        if self.history is not None:
            of_files["subjects"] = self.history.scores(query)
        near = standardised(self._best_of_files(lexical)) if mode == "hybrid" else None
        return Worded(lexical, of_files, near)

    def measure(
        self,
        query: str,
        query_vector: NDArray[np.float32] | None,
        mode: SearchMode,
        worded: Worded | None = None,
    ) -> Measured:
        """What each arm says that the mode asks for and that is there.

        `worded` is what `worded` said, where it was asked before.
        """
        scores: dict[str, Scores] = {}
        of_files: dict[str, Scores] = {}
        answered: list[ArmName] = []
        if not len(self):
            return Measured((), {}, {}, self._sizes)
        worded = worded or self.worded(query, mode)
        if worded is not None:
            scores["bm25f"] = worded.lexical
            of_files |= worded.of_files
            answered.append("keyword")
        if mode != "keyword" and query_vector is not None:
            answering = self._answering(query_vector)
            scores |= scores_of(answering, query_vector)
            answered += [_DENSE_ARMS[name] for name in answering]
        if "body" in scores:
            of_files["best"] = self._best_of_files(scores["body"])
            if worded is not None and worded.near is not None:
                near = worded.near + standardised(of_files["best"])
                of_files["neighbours"] = self._neighbours.best(near)
        return Measured(tuple(answered), scores, of_files, self._sizes)

    def _answering(self, query_vector: NDArray[np.float32]) -> Mapping[str, DenseArm]:
        arms = {"name": self._names, "body": self._bodies}
        return {
            name: arm for name, arm in arms.items() if arm is not None and arm.answers(query_vector)
        }

    def fused(self, measured: Measured, query: str, scales: Scales | None = None) -> Scores:
        """One score per chunk; they compare with those of other shards on the same `scales`."""
        if not measured.arms:
            return np.zeros(len(self), np.float32)
        share = report_share(query)
        arms = scales.arms if scales is not None else None
        fused = fuse(measured.scores, arm_weights(share), arms)
        fused += self._prior_for(query)
        fused += np.float32(share) * self._report_prior
        fused += np.repeat(self._fused_of_files(measured, share, scales), self._sizes)
        return fused

    def prior(self, positions: NDArray[np.integer], query: str, share: float) -> Scores:
        """What speaks for some chunks besides arms and files, as `fused` has it."""
        prior: Scores = self._prior_for(query)[positions]
        prior += np.float32(share) * self._report_prior[positions]
        return prior

    def _prior_for(self, query: str) -> Scores:
        asks_for_tests = not _TEST_WORDS.isdisjoint(query_terms(query))
        return self._prior_of_tests if asks_for_tests else self._prior

    @property
    def model(self) -> str | None:
        """The model whose vectors of queries the dense arms compare with."""
        arms = [arm.model for arm in (self._names, self._bodies) if arm is not None]
        return next((model for model in arms if model is not None), None)

    @property
    def progress(self) -> Mapping[str, tuple[int, int]]:
        """How many of the chunks' vectors each dense arm has, and of how many."""
        dense = {"names": self._names, "bodies": self._bodies}
        return {name: (arm.n_filled, arm.n_rows) for name, arm in dense.items() if arm is not None}

    def _fused_of_files(self, measured: Measured, share: float, scales: Scales | None) -> Scores:
        fused = np.zeros(len(self.files), np.float32)
        weights = file_weights(share)
        for name, said in measured.of_files.items():
            # As if each chunk were given what is said of its file.
            scale = scales.of_files[name] if scales else scale_of_groups([(said, measured.sizes)])
            fused += standardised(said, scale, weights[name])
        return fused

    def _best_of_files(self, scores: Scores) -> Scores:
        best = np.zeros(len(self.files), np.float32)
        # Passing over NaN takes three times as long.
        highest = np.fmax if np.isnan(scores.max()) else np.maximum
        best[self._filled] = highest.reduceat(scores, self._file_starts[self._filled])
        return best


def counted(part: FileChunks) -> TermCounts:
    """How often each term occurs in each field of a file's chunks."""
    tokens, sizes = np.frombuffer(part.tokens, np.uint32), np.frombuffer(part.sizes, np.uint32)
    return count_tokens(part.identifiers, tokens, sizes, n_fields=len(FIELDS))


def _columns(stored: Sequence[FileChunks]) -> _Columns:
    columns = _Columns()
    first = 0
    for number, part in enumerate(stored):
        columns.files += [number] * len(part.owners)
        columns.symbols += [first + owner for owner in part.owners]
        columns.starts += [start for start, _ in part.lines]
        columns.ends += [end for _, end in part.lines]
        first += len(part.symbols)
    return columns
