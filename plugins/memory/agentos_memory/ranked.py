"""The best chunks of one shard for a query, what it names lifted above what it describes.

Above: search. Below: shards, and messages found in files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agentos_memory.candidate_features import Candidates
from agentos_memory.correction import CANDIDATES, corrected, may_correct
from agentos_memory.file_texts import FileTexts
from agentos_memory.highest import highest
from agentos_memory.literals import Message, find_quote
from agentos_memory.measured import ArmName, Measured, Scales, SearchMode, Worded, common_scales
from agentos_memory.path_filters import path_filter
from agentos_memory.query_style import report_share
from agentos_memory.ranking import Scores
from agentos_memory.readable_files import ForbidsRead
from agentos_memory.recognition import Recognised
from agentos_memory.shards import Shard
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
    forbidden: tuple[ForbidsRead, ...] = ()
    """What keeps files from being found at all (`ToolCall.forbidden_reads`)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A shard with the vector that its rows compare with.

    `worded` is what the words of the query say of it, where that is known already.
    """

    shard: Shard
    vector: Vector | None
    worded: Worded | None = None


class Found(NamedTuple):
    """A chunk of a shard with its score; `line` is where it answers, None for all of it."""

    position: int
    score: float
    line: int | None = None


@dataclass(frozen=True, slots=True)
class _Lifted:
    """The scores of a shard's chunks, what may be found of them, and what the query names.

    `chosen` is None where each may be found.
    """

    shard: Shard
    measured: Measured
    scores: Scores
    chosen: NDArray[np.bool_] | None
    levels: Scores | None
    lines: dict[int, int]


def rank(
    shard: Shard, query: CodeQuery, recognised: Recognised, vector: Vector | None
) -> tuple[Sequence[ArmName], list[Found]]:
    """The arms that answered, and the best chunks, one more than asked for where there are more."""
    ((arms, found),) = rank_all([Asked(shard, vector)], query, recognised)
    return arms, found


def rank_all(
    asked: Sequence[Asked],
    query: CodeQuery,
    recognised: Recognised,
    texts: FileTexts | None = None,
) -> list[tuple[Sequence[ArmName], list[Found]]]:
    """The same of several shards, with scores that compare between them.

    `texts` remembers files that were looked through for what a query quotes.
    """
    texts = texts or FileTexts()
    measured = [a.shard.measure(query.text, a.vector, query.mode, a.worded) for a in asked]
    is_corrected = query.mode == "hybrid" and all(may_correct(m) for m in measured if m.arms)
    scales = common_scales(measured) if is_corrected or len(asked) > 1 else None
    lifted = [
        _lift(of.shard, query, recognised, each, scales, texts)
        for of, each in zip(asked, measured, strict=True)
    ]
    n = query.limit + 1
    if any(each.levels is not None for each in lifted):
        scores = [each.scores for each in lifted if len(each.scores)]
        span = max(float(s.max()) for s in scores) - min(float(s.min()) for s in scores)
        for each in lifted:
            if each.levels is not None:
                np.add(each.scores, each.levels * np.float32(span + 1), out=each.scores)
        # What is named may lie in one file; what is only described may not be there at all.
        best = [list(_best(each, n, REPEATED_FILE_PENALTY)) for each in lifted]
    elif is_corrected and scales is not None:
        best = _corrected(lifted, query, scales)
    else:
        best = [list(_best(each, n, _behind(query))) for each in lifted]
    return [(each.measured.arms, found) for each, found in zip(lifted, best, strict=True)]


def candidates(
    shard: Shard, query: CodeQuery, recognised: Recognised, vector: Vector | None
) -> tuple[Candidates, Scales] | None:
    """The chunks whose order a hybrid query has corrected; None where it has not."""
    measured = shard.measure(query.text, vector, query.mode)
    if not may_correct(measured):
        return None
    scales = common_scales([measured])
    lifted = _lift(shard, query, recognised, measured, scales, FileTexts())
    if lifted.levels is not None:
        return None
    return _candidates(lifted, query.limit + 1, _behind(query)).first(CANDIDATES), scales


def _behind(query: CodeQuery) -> float:
    """How far a hit is put behind those of its file above it, where nothing is named."""
    more = report_share(query.text) * (REPORT_REPEATED_FILE_PENALTY - REPEATED_FILE_PENALTY)
    return REPEATED_FILE_PENALTY + more


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
        return _Lifted(shard, measured, scores, chosen, None, {})
    named = {position for name in recognised.names for position in shard.named(name)}
    if named:
        scores[list(named)] += NAMED_INSIDE_BONUS
    lifted, lines = _levels(shard, recognised, scores, chosen, texts)
    levels = _spread_out(lifted, len(shard)) if lifted else None
    # Words that occur nowhere find nothing.
    if query.mode == "keyword" and measured.lexical is not None:
        occur = measured.lexical > 0
        occur = occur if levels is None else occur | (levels > 0)
        chosen = occur if chosen is None else chosen & occur
    return _Lifted(shard, measured, scores, chosen, levels, lines)


def _spread_out(lifted: Mapping[int, float], n: int) -> Scores:
    levels = np.zeros(n, np.float32)
    levels[list(lifted)] = list(lifted.values())
    return levels


def file_filter(shard: Shard, query: CodeQuery) -> NDArray[np.bool_]:
    """Which of the shard's files the query's filters leave."""
    readable = shard.readable(query.forbidden)
    if query.path is None and query.language is None:
        return readable
    in_path = path_filter(query.path) if query.path is not None else None
    wanted = np.array(
        [
            (query.language is None or file.language == query.language)
            and (in_path is None or in_path(file.path))
            for file in shard.files
        ],
        bool,
    )
    return wanted & readable


def _best(lifted: _Lifted, limit: int, behind: float) -> Iterator[Found]:
    """The best chunks by their scores alone."""
    if lifted.measured.arms:
        best = _of_groups(lifted, limit, 8 * limit)
        spread = _spread(lifted.shard, best, lifted.scores[best].tolist(), behind)
        for position, score in islice(spread, limit):
            yield Found(position, round(score, 4), lifted.lines.get(position))


def _corrected(lifted: Sequence[_Lifted], query: CodeQuery, scales: Scales) -> list[list[Found]]:
    """The best chunks of each shard, in an order that was learned (`correction`)."""
    n = query.limit + 1
    best = [_candidates(each, n, _behind(query)) for each in lifted]
    least = _nth_highest(np.concatenate([each.scores for each in best]), CANDIDATES)
    n_asked = [min(int(np.count_nonzero(e.scores >= least)), CANDIDATES) for e in best]
    asked = [each.first(own) for each, own in zip(best, n_asked, strict=True) if own]
    moved = iter(corrected(query.text, asked, scales) if asked else ())
    scores = [
        np.concatenate([next(moved), each.lowered[own:]]) if own else each.lowered
        for each, own in zip(best, n_asked, strict=True)
    ]
    # The best keeps its score, and all others their distance to it.
    highest_before = max((float(each.lowered.max()) for each in asked), default=0.0)
    higher = max((float(each.max()) for each in scores if len(each)), default=0.0) - highest_before
    found: list[list[Found]] = []
    for each, own_scores in zip(best, scores, strict=True):
        order = np.argsort(-own_scores, kind="stable")[:n]
        shown = (own_scores[order] - np.float32(higher)).tolist()
        ordered = zip(each.positions[order].tolist(), shown, strict=True)
        found.append([Found(position, round(score, 4)) for position, score in ordered])
    return found


def _candidates(lifted: _Lifted, limit: int, behind: float) -> Candidates:
    """The best chunks of a shard, at least `limit` where there are as many."""
    best = np.array(_of_groups(lifted, limit, max(8 * limit, 2 * CANDIDATES)), np.int64)
    return Candidates.of(lifted.shard, lifted.measured, best, lifted.scores[best], behind)


def _nth_highest(scores: Scores, n: int) -> float:
    """The lowest of the n highest scores."""
    return float(np.partition(scores, -n)[-n]) if len(scores) > n else -np.inf


def _of_groups(lifted: _Lifted, limit: int, n_candidates: int) -> list[int]:
    """The best chunk of each group, best first, at least `limit` where there are as many.

    Parts of one definition are one hit; `n_candidates` make up for them, or more.
    """
    while True:
        top = _top(lifted.scores, lifted.chosen, n_candidates)
        firsts: dict[int, int] = {}
        for position, group in zip(top, lifted.shard.groups(top), strict=True):
            firsts.setdefault(group, position)
        if len(firsts) >= limit or len(top) < n_candidates:
            return list(firsts.values())
        n_candidates *= 8


def _spread(
    shard: Shard, positions: Sequence[int], scores: Sequence[float], behind: float
) -> Iterator[tuple[int, float]]:
    """All of them, each so much behind for every one that stands before it from the same file."""
    files = shard.files_of(positions)
    taken = dict.fromkeys(files, 0)
    waiting = [(-score, rank, 0) for rank, score in enumerate(scores)]
    while waiting:
        below, rank, counted = heappop(waiting)
        above = taken[files[rank]]
        if counted < above:
            heappush(waiting, (below + behind * (above - counted), rank, above))
            continue
        taken[files[rank]] = above + 1
        yield positions[rank], -below


def _top(scores: Scores, chosen: NDArray[np.bool_] | None, n: int) -> list[int]:
    """The n positions of the highest scores; equal ones in source order."""
    positions = highest(scores, chosen, n)
    order = (-scores[positions]).argsort(kind="stable")[:n]
    top: list[int] = positions[order].tolist()
    return top


def _levels(
    shard: Shard,
    recognised: Recognised,
    scores: Scores,
    chosen: NDArray[np.bool_] | None,
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
    chosen: NDArray[np.bool_] | None,
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
