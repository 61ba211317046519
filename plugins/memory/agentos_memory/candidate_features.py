"""What the best chunks of a query look like beside each other, as numbers that trees can compare.

Above: what corrects their order, and its training. Below: shards, and what their arms say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from agentos_memory.chunk_records import NAMING_FIELDS
from agentos_memory.knowledge.history import MAX_COMMITS
from agentos_memory.measured import Measured, Scales
from agentos_memory.query_style import report_share
from agentos_memory.ranking import (
    Bm25fIndex,
    Scale,
    Scores,
    arm_weights,
    file_weights,
)
from agentos_memory.shards import Shard
from agentos_memory.words import query_terms

Columns: TypeAlias = dict[str, NDArray[np.floating]]

FEATURES = (
    # How far the linear score, those of either mode and the arms' are behind the best candidate's.
    "lin_gap", "kw_gap", "sem_gap", "g_bm", "g_body", "g_name", "cos_body",
    # What is said of the file, also beside the best.
    "f_best", "f_words", "f_subj", "f_best_gap", "f_words_gap", "f_subj_gap",
    # What is known of the chunk and its file before any query.
    "length", "around", "parts", "often", "recent", "age",
    # The share of the query's terms, by their rarity, in all of the chunk, and in its name, class or
    # path.
    "cov", "cov_ncp",
    # The share of the words of its name and of its class that the query holds, and of its name
    # that begin like words of the query.
    "prec_name", "prec_class", "n_name", "alike_name",
    # How many candidates are of one file, class or name, and how far the best of the file is ahead.
    "same_file", "same_class", "same_name", "file_gap",
    # The query: how much of a report it is, how near anything comes, and among how many chunks.
    "q_share", "q_maxcos", "q_size",
)  # fmt: skip
_ARMS = ("bm25f", "body", "name")
_SAID = ("best", "words", "subjects")
_N_FIELDS = len(NAMING_FIELDS)
_GAPS = {
    "lin_gap": "lin",
    "kw_gap": "kw",
    "sem_gap": "sem",
    "g_bm": "z_bm",
    "g_body": "z_body",
    "g_name": "z_name",
    "f_best_gap": "f_best",
    "f_words_gap": "f_words",
    "f_subj_gap": "f_subj",
}
_LEAST_ALIKE = 3
_MOST_PARTS = 10


@dataclass(frozen=True, slots=True)
class Candidates:
    """The best chunks of a shard in the order of their `scores`.

    `lowered` are these scores where each is so much behind for every one above it in its file.
    """

    shard: Shard
    measured: Measured
    positions: NDArray[np.int64]
    scores: Scores
    lowered: Scores

    @classmethod
    def of(
        cls,
        shard: Shard,
        measured: Measured,
        positions: NDArray[np.int64],
        scores: Scores,
        behind: float,
    ) -> Self:
        """Candidates of which each is so much `behind` for every one above it in its file."""
        above = _above(shard.traits.file_of[positions])
        lowered = scores - np.float32(behind) * above.astype(np.float32)
        return cls(shard, measured, positions, scores, lowered)

    def first(self, n: int) -> Candidates:
        """The n best of them."""
        return Candidates(
            self.shard, self.measured, self.positions[:n], self.scores[:n], self.lowered[:n]
        )


def features(query: str, asked: Sequence[Candidates], scales: Scales) -> NDArray[np.float32]:
    """One row of FEATURES for each candidate, those of one shard after those of another.

    All arms must have measured; `scales` are those that the shards compare on.
    """
    share = report_share(query)
    terms = query_terms(query)
    parts = [
        _own_scores(query, each, share, scales) | _traits(each) | _words(each, terms)
        for each in asked
    ]
    columns = parts[0]
    if len(parts) > 1:
        columns = {name: np.concatenate([part[name] for part in parts]) for name in columns}
    columns |= _gaps(columns) | _company(asked, columns["lin"])
    whole = {
        "q_share": share,
        "q_maxcos": columns["cos_body"].max(),
        "q_size": math.log(sum(len(each.shard) for each in asked)),
    }
    n = len(columns["lin"])
    found = np.empty((len(FEATURES), n), np.float32)
    for place, name in enumerate(FEATURES):
        found[place] = columns[name] if name in columns else whole[name]
    return found.T


def _above(keys: NDArray[np.integer]) -> NDArray[np.intp]:
    """How many of the same stand before each."""
    order = np.argsort(keys, kind="stable")
    _, firsts, counts = np.unique(keys[order], return_index=True, return_counts=True)
    above = np.empty(len(keys), np.intp)
    above[order] = np.arange(len(keys)) - np.repeat(firsts, counts)
    return above


def _pairs(keys: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Which of them are the same as which."""
    same: NDArray[np.bool_] = keys[:, None] == keys
    return same


def _own_scores(query: str, asked: Candidates, share: float, scales: Scales) -> Columns:
    """What the arms and the files say, and what each arm's mode would make of it."""
    measured, at = asked.measured, asked.positions
    z: Columns = {}
    for arm in _ARMS:
        z[arm] = _standardised(measured.scores[arm][at], scales.arms[arm])
    files = asked.shard.traits.file_of[at]
    said: Columns = {}
    for name in _SAID:
        of_files = measured.of_files.get(name)
        if of_files is None:
            said[name] = np.zeros(len(at))
            continue
        said[name] = _standardised(of_files[files], scales.of_files[name])
    arms, of_said = arm_weights(share), file_weights(share)
    prior = asked.shard.prior(at, query, share)
    words = of_said["words"] * said["words"] + of_said["subjects"] * said["subjects"]
    meaning = (arms["body"] * z["body"] + arms["name"] * z["name"]) / (arms["body"] + arms["name"])
    return {
        "lin": asked.scores,
        "kw": z["bm25f"] + words + prior,
        "sem": meaning + of_said["best"] * said["best"] + prior,
        "z_bm": z["bm25f"],
        "z_body": z["body"],
        "z_name": z["name"],
        "cos_body": measured.scores["body"][at],
        "f_best": said["best"],
        "f_words": said["words"],
        "f_subj": said["subjects"],
    }


def _traits(asked: Candidates) -> Columns:
    traits, at = asked.shard.traits, asked.positions
    history, files = asked.shard.history, traits.file_of[at]
    none = np.zeros(len(at))
    return {
        "often": history.often[files] if history else none,
        "recent": history.recent[files] if history else none,
        "age": history.age[files] if history else none + np.log1p(MAX_COMMITS),
        "parts": np.minimum(traits.n_parts[at], _MOST_PARTS).astype(np.float32),
        "length": traits.length[at],
        "around": traits.is_around[at].astype(np.float32),
    }


def _words(asked: Candidates, terms: Sequence[str]) -> Columns:
    """How much of the query the chunk's words cover, and how much of its names the query does."""
    lexical, at = asked.shard.lexical, asked.positions
    n = len(at)
    assert lexical.kept is not None
    owners, held, fields = lexical.kept.rows(at)
    cells = fields * np.intp(n) + owners
    sizes = np.bincount(cells, minlength=_N_FIELDS * n).reshape(_N_FIELDS, n)
    of_names = np.flatnonzero(fields == 0)
    found: Columns = {
        "n_name": sizes[0].astype(np.float32),
        "alike_name": _alike(terms, lexical, owners[of_names], held[of_names], n),
    }
    numbers = [number for number in lexical.numbers(terms) if number is not None]
    if not numbers:
        none = np.zeros(n)
        return found | {"cov": none, "cov_ncp": none} | _shares(0 * sizes, sizes)
    known = np.sort(np.array(numbers, np.int64))
    rarity = lexical.rarity(known)
    weights = (rarity / rarity.sum()).astype(np.float32)
    places = known.searchsorted(held)
    hit = np.flatnonzero(np.append(known, -1)[places] == held)
    stands = np.zeros((len(known), _N_FIELDS * n), np.float32)
    stands[places[hit], cells[hit]] = 1
    found["cov"] = weights @ lexical.holding(known.tolist(), at).astype(np.float32)
    found["cov_ncp"] = weights @ stands.reshape(len(known), _N_FIELDS, n).max(axis=1)
    held_too = np.bincount(cells[hit], minlength=_N_FIELDS * n).reshape(_N_FIELDS, n)
    return found | _shares(held_too, sizes)


def _alike(
    terms: Sequence[str],
    lexical: Bm25fIndex,
    owners: NDArray[np.intp],
    held: NDArray[np.int32],
    n: int,
) -> NDArray[np.floating]:
    """The share of each name's words that begin like words of the query, or the other way round.

    `conf` is like `configure`, and `initializer` like `initialize`; `held` are words of names.
    """
    long = tuple(term for term in terms if len(term) >= _LEAST_ALIKE)
    alike = {term[:end] for term in long for end in range(_LEAST_ALIKE, len(term))}.union(terms)
    distinct, which = np.unique(held, return_inverse=True)
    words = map(lexical.spelled, distinct.tolist())
    is_like = np.array([word in alike or word.startswith(long) for word in words], bool)
    counts = np.bincount(owners, is_like[which], n)
    return counts / np.maximum(np.bincount(owners, minlength=n), 1)


def _shares(held: NDArray[np.intp], sizes: NDArray[np.intp]) -> Columns:
    """The share of the words of names and classes that the query holds; -1 where there are none."""
    shares = np.where(sizes[:2] > 0, held[:2] / np.maximum(sizes[:2], 1), -1)
    return {"prec_name": shares[0], "prec_class": shares[1]}


def _gaps(columns: Columns) -> Columns:
    """How far each is behind the best."""
    own = np.array([columns[name] for name in _GAPS.values()])
    return dict(zip(_GAPS, own - own.max(axis=1, keepdims=True), strict=True))


def _company(asked: Sequence[Candidates], scores: NDArray[np.floating]) -> Columns:
    """How many of the candidates are of the same file, class or name, and where each stands."""
    files = _pairs(_apart([each.shard.traits.file_of[each.positions] for each in asked]))
    owners = _apart([each.shard.traits.owners[each.positions] for each in asked])
    names = _apart([each.shard.traits.names[each.positions] for each in asked])
    return {
        "same_file": files.sum(axis=1, dtype=np.float32),
        "same_class": _pairs(owners).sum(axis=1, dtype=np.float32),
        "same_name": _pairs(names).sum(axis=1, dtype=np.float32),
        # The best of a file is the first.
        "file_gap": scores - scores[files.argmax(axis=1)],
    }


def _apart(keys: Sequence[NDArray[np.int32]]) -> NDArray[np.integer]:
    """The numbers of several shards, none the same as one of another."""
    if len(keys) == 1:
        return keys[0]
    apart = [each.astype(np.int64) + (number << 32) for number, each in enumerate(keys)]
    return np.concatenate(apart)


def _standardised(scores: NDArray[np.floating], scale: Scale) -> NDArray[np.floating]:
    if scale.spread < 1e-6:
        return np.zeros(len(scores))
    return (scores - scale.mean) / scale.spread
