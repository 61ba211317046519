"""The best chunks of one shard for a query, what it names lifted above what it describes.

Above: search. Below: shards, and messages found in files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agentos_memory.analysis import MAX_FILE_BYTES
from agentos_memory.chunks import source_lines
from agentos_memory.literals import find_quote
from agentos_memory.path_filters import path_filter
from agentos_memory.ranking import Scores
from agentos_memory.recognition import Recognised
from agentos_memory.shards import ArmName, SearchMode, Shard
from agentos_memory.vectors import Vector
from agentos_memory.work_files import read_file

# How many of the best chunks are looked through for a message that the query may quote.
QUOTED_CANDIDATES = 64

# A name inside a sentence is a hint in standard deviations: sentences name what is used as often
# as what is looked for, and lifting it to the top costs .024 of MRR (bench/retrieval).
NAMED_INSIDE_BONUS = 0.3
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


def rank(
    shard: Shard, query: CodeQuery, recognised: Recognised, vector: Vector | None
) -> tuple[Sequence[ArmName], list[Found]]:
    """The arms that answered, and the best chunks, one more than asked for where there are more."""
    if not len(shard):
        return (), []
    scored = shard.score(query.text, vector, query.mode)
    if not scored.arms:
        return (), []
    chosen = shard.chosen(file_filter(shard, query), query.kind)
    scores, lines = scored.scores, dict[int, int]()
    if query.mode != "semantic":
        named = np.unique([p for name in recognised.names for p in shard.named(name)])
        scores[named.astype(np.int64)] += NAMED_INSIDE_BONUS
        levels, lines = _levels(shard, recognised, scores, chosen)
        # Words that occur nowhere find nothing.
        if query.mode == "keyword" and scored.lexical is not None:
            chosen = chosen & ((scored.lexical > 0) | (levels > 0))
        if levels.any():
            scores = scores + levels * (scores.max() - scores.min() + 1)
    return scored.arms, list(_best(shard, scores, chosen, lines, query.limit + 1))


def file_filter(shard: Shard, query: CodeQuery) -> NDArray[np.bool_]:
    """Which of the shard's files the query's filters leave."""
    in_path = path_filter(query.path) if query.path is not None else None
    return np.array(
        [
            (query.language is None or file.language == query.language)
            and (in_path is None or in_path(file.path))
            for file in shard.files
        ],
        bool,
    )


def _best(
    shard: Shard,
    scores: Scores,
    chosen: NDArray[np.bool_],
    lines: dict[int, int],
    limit: int,
) -> Iterator[Found]:
    positions = np.flatnonzero(chosen)
    # Parts of one definition are one hit; more candidates than hits make up for them.
    n_candidates = 8 * limit
    while True:
        seen: set[int] = set()
        best: list[Found] = []
        for position in _top(scores, positions, n_candidates):
            group = shard.group(position)
            if group not in seen:
                seen.add(group)
                best.append(Found(position, round(float(scores[position]), 4), lines.get(position)))
        if len(best) >= limit or n_candidates >= len(positions):
            yield from best[:limit]
            return
        n_candidates *= 8


def _top(scores: Scores, positions: NDArray[np.int64], n: int) -> list[int]:
    """The n positions of the highest scores; equal ones in source order."""
    own = scores[positions]
    if n < len(own):
        # All that equal the last one, so that the answer does not depend on the sort's whims.
        least = np.partition(own, len(own) - n)[len(own) - n]
        positions, own = positions[own >= least], own[own >= least]
    order = np.argsort(-own, kind="stable")[:n]
    top: list[int] = positions[order].tolist()
    return top


def _levels(
    shard: Shard, recognised: Recognised, scores: Scores, chosen: NDArray[np.bool_]
) -> tuple[Scores, dict[int, int]]:
    """How far each chunk is lifted for what the query names, and the lines that it names."""
    levels = np.zeros(len(shard), np.float32)
    lines: dict[int, int] = {}
    if recognised.may_quote:
        for position, line, share in _quoted(shard, recognised.whole, scores, chosen):
            levels[position] = QUOTED + share / 2
            lines[position] = line
    levels[shard.named(recognised.whole)] = NAMED
    if recognised.file_name is not None:
        for file in shard.files_at(recognised.file_name):
            levels[shard.in_file(file)] = NAMED
    for place in recognised.places:
        for file in shard.files_at(place.path):
            held = shard.at_line(file, place.line)
            if held is not None:
                levels[held] = PLACED
                lines[held] = place.line
    return levels, lines


def _quoted(
    shard: Shard, message: str, scores: Scores, chosen: NDArray[np.bool_]
) -> Iterator[tuple[int, int, float]]:
    """Chunks among the best that hold the message as a literal: position, line, share of it."""
    texts: dict[str, list[str]] = {}
    for position in _top(scores, np.flatnonzero(chosen), QUOTED_CANDIDATES):
        chunk = shard.chunk(position)
        if chunk.path not in texts:
            root = shard.repository.root
            content = read_file(root, chunk.path, max_bytes=MAX_FILE_BYTES)
            texts[chunk.path] = source_lines(content) if isinstance(content, bytes) else []
        if chunk.kind in ("class", "interface", "module"):
            continue
        text = "\n".join(texts[chunk.path][chunk.start_line - 1 : chunk.end_line])
        quote = find_quote(text, message)
        if quote is not None:
            yield position, chunk.start_line + quote.line, quote.share
