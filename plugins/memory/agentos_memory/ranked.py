"""The best chunks of one shard for a query, what it names lifted above what it describes.

Above: search. Below: shards, and messages found in files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from agentos_memory.file_texts import FileTexts
from agentos_memory.highest import highest
from agentos_memory.literals import Message, find_quote
from agentos_memory.path_filters import path_filter
from agentos_memory.query_style import report_share
from agentos_memory.ranking import Scores
from agentos_memory.recognition import Recognised
from agentos_memory.shards import ArmName, Measured, Scales, SearchMode, Shard, common_scales
from agentos_memory.spans import TextLines
from agentos_memory.vectors import Vector

# How many of the best chunks are looked through for a message that the query may quote.
QUOTED_CANDIDATES = 32

# A name inside a sentence is a hint in standard deviations: sentences name what is used as often
# as what is looked for, and lifting it to the top costs .024 of MRR (bench/retrieval).
NAMED_INSIDE_BONUS = 0.3
# What is looked for lies in one of several files more often than twice in one, and a fault most of
# all: per hit of the same file above, in standard deviations.
REPEATED_FILE_PENALTY = 0.05
REPORT_REPEATED_FILE_PENALTY = 0.4
# Levels above everything that is only described, in steps of the span of all scores.
QUOTED = 1.0
NAMED = 2.0
PLACED = 3.0


@dataclass(frozen=True, slots=True)
class CodeQuery:
    """What is searched for and where."""

    text: str
    mode: SearchMode = "hybrid"
    repo: str | None = None
    path: str | None = None
    language: str | None = None
    kind: str | None = None
    limit: int = 10


@dataclass(frozen=True, slots=True)
class Found:
    """A chunk of a shard with its score; `line` is where it answers, None for all of it."""

    position: int
    score: float
    line: int | None = None


@dataclass(frozen=True, slots=True)
class _Lifted:
    """The scores of a shard's chunks, what may be found of them, and what the query names."""

    shard: Shard
    arms: Sequence[ArmName]
    scores: Scores
    chosen: NDArray[np.bool_]
    levels: Scores | None
    lines: dict[int, int]


def rank(
    shard: Shard, query: CodeQuery, recognised: Recognised, vector: Vector | None
) -> tuple[Sequence[ArmName], list[Found]]:
    """The arms that answered, and the best chunks, one more than asked for where there are more."""
    ((arms, found),) = rank_all([(shard, vector)], query, recognised)
    return arms, found


def rank_all(
    asked: Sequence[tuple[Shard, Vector | None]],
    query: CodeQuery,
    recognised: Recognised,
    texts: FileTexts | None = None,
) -> list[tuple[Sequence[ArmName], list[Found]]]:
    """The same of several shards, with scores that compare between them.

    `texts` remembers files that were looked through for what a query quotes.
    """
    texts = texts or FileTexts()
    measured = [shard.measure(query.text, vector, query.mode) for shard, vector in asked]
    scales = common_scales(measured) if len(asked) > 1 else None
    lifted = [
        _lift(shard, query, recognised, each, scales, texts)
        for (shard, _), each in zip(asked, measured, strict=True)
    ]
    behind = REPEATED_FILE_PENALTY
    if any(each.levels is not None for each in lifted):
        scores = [each.scores for each in lifted if len(each.scores)]
        span = max(float(s.max()) for s in scores) - min(float(s.min()) for s in scores)
        for each in lifted:
            if each.levels is not None:
                np.add(each.scores, each.levels * np.float32(span + 1), out=each.scores)
    else:
        # What is named may lie in one file; what is only described may not be there at all.
        behind += report_share(query.text) * (REPORT_REPEATED_FILE_PENALTY - behind)
    return [
        (each.arms, list(_best(each, query.limit + 1, behind)) if each.arms else [])
        for each in lifted
    ]


def _lift(
    shard: Shard,
    query: CodeQuery,
    recognised: Recognised,
    measured: Measured,
    scales: Scales | None,
    texts: FileTexts,
) -> _Lifted:
    scores = shard.fused(measured, query.text, scales)
    chosen = shard.chosen(file_filter(shard, query), query.kind)
    if query.mode == "semantic" or not measured.arms:
        return _Lifted(shard, measured.arms, scores, chosen, None, {})
    named = {position for name in recognised.names for position in shard.named(name)}
    if named:
        scores[list(named)] += NAMED_INSIDE_BONUS
    lifted, lines = _levels(shard, recognised, scores, chosen, texts)
    levels = _spread_out(lifted, len(shard)) if lifted else None
    # Words that occur nowhere find nothing.
    if query.mode == "keyword" and measured.lexical is not None:
        occur = measured.lexical > 0
        chosen = chosen & (occur if levels is None else occur | (levels > 0))
    return _Lifted(shard, measured.arms, scores, chosen, levels, lines)


def _spread_out(lifted: Mapping[int, float], n: int) -> Scores:
    levels = np.zeros(n, np.float32)
    levels[list(lifted)] = list(lifted.values())
    return levels


def file_filter(shard: Shard, query: CodeQuery) -> NDArray[np.bool_]:
    """Which of the shard's files the query's filters leave."""
    if query.path is None and query.language is None:
        return np.ones(len(shard.files), bool)
    in_path = path_filter(query.path) if query.path is not None else None
    return np.array(
        [
            (query.language is None or file.language == query.language)
            and (in_path is None or in_path(file.path))
            for file in shard.files
        ],
        bool,
    )


def _best(lifted: _Lifted, limit: int, behind: float) -> Iterator[Found]:
    shard, scores, lines = lifted.shard, lifted.scores, lifted.lines
    n_chosen = int(np.count_nonzero(lifted.chosen))
    # Parts of one definition are one hit; more candidates than hits make up for them.
    n_candidates = 8 * limit
    while True:
        of_group: dict[int, int] = {}
        top = _top(scores, lifted.chosen, n_candidates)
        for position, group in zip(top, shard.groups(top), strict=True):
            of_group.setdefault(group, position)
        if len(of_group) >= limit or n_candidates >= n_chosen:
            break
        n_candidates *= 8
    best = list(of_group.values())
    for position, score in islice(_spread(shard, best, scores[best].tolist(), behind), limit):
        yield Found(position, round(score, 4), lines.get(position))


def _spread(
    shard: Shard, positions: Sequence[int], scores: Sequence[float], behind: float
) -> Iterator[tuple[int, float]]:
    """All of them, each so much behind for every one that stands before it from the same file."""
    taken: Counter[int] = Counter()
    waiting = [(-score, rank, 0) for rank, score in enumerate(scores)]
    while waiting:
        below, rank, counted = heappop(waiting)
        position = positions[rank]
        file = shard.file_of(position)
        if counted < taken[file]:
            lowered = below + behind * (taken[file] - counted)
            heappush(waiting, (lowered, rank, taken[file]))
            continue
        taken[file] += 1
        yield position, -below


def _top(scores: Scores, chosen: NDArray[np.bool_], n: int) -> list[int]:
    """The n positions of the highest scores; equal ones in source order."""
    positions = highest(scores, chosen, n)
    order = np.argsort(-scores[positions], kind="stable")[:n]
    top: list[int] = positions[order].tolist()
    return top


def _levels(
    shard: Shard,
    recognised: Recognised,
    scores: Scores,
    chosen: NDArray[np.bool_],
    texts: FileTexts,
) -> tuple[dict[int, float], dict[int, int]]:
    """How far chunks are lifted for what the query names, and the lines that it names."""
    levels: dict[int, float] = {}
    lines: dict[int, int] = {}
    if recognised.may_quote:
        for position, line, share in _quoted(shard, recognised.whole, scores, chosen, texts):
            levels[position] = QUOTED + share / 2
            lines[position] = line
    levels |= dict.fromkeys(shard.named(recognised.whole), NAMED)
    if recognised.file_name is not None:
        for file in shard.files_at(recognised.file_name):
            levels |= dict.fromkeys(shard.in_file(file), NAMED)
    for place in recognised.places:
        for file in shard.files_at(place.path):
            held = shard.at_line(file, place.line)
            if held is not None:
                levels[held] = PLACED
                lines[held] = place.line
    return levels, lines


def _quoted(
    shard: Shard,
    message: str,
    scores: Scores,
    chosen: NDArray[np.bool_],
    texts: FileTexts,
) -> Iterator[tuple[int, int, float]]:
    """Chunks among the best that hold the message as a literal: position, line, share of it."""
    root = shard.repository.root
    wanted = Message(message)
    files: dict[int, TextLines | None] = {}
    for position in _top(scores, chosen, QUOTED_CANDIDATES):
        if shard.kind(position) in ("class", "interface", "module"):
            continue
        number = shard.file_of(position)
        if number not in files:
            files[number] = texts.find(root, shard.path(position))
        file = files[number]
        if file is None:
            continue
        start, end = shard.lines(position)
        text = file.cut(start, end)
        if not wanted.may_be_in(text):
            continue
        quote = find_quote(text.decode("utf-8", "replace"), wanted)
        if quote is not None:
            yield position, start + quote.line, quote.share
