"""Lexical ranking of code and the fusion of several arms' scores.

BM25F weighs the fields of a document; `fuse` puts the scores of different arms on one scale.
Above: shards and observations. Below: counted terms.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from agentos_memory.field_terms import FieldTerms
from agentos_memory.term_counts import TermCounts, count_terms
from agentos_memory.words import query_terms

Scores: TypeAlias = NDArray[np.float32]
Rarity: TypeAlias = Callable[[int, NDArray[np.int64]], NDArray[np.float64]]
"""Inverse document frequency of terms: the number of documents, and how many hold each term."""

# Tuned on repositories of their own with sentences of docstrings and subjects of fixes together;
# weights for either alone are much worse on the other (bench/retrieval).
FIELD_WEIGHTS: Mapping[str, float] = {
    "name": 8.0,
    "class": 9.0,
    "path": 6.0,
    "signature": 1.0,
    "body": 1.5,
}
# Of how much a field's length counts. A path is as long as its folders are deep, and a long
# signature says no less about each of its words.
LENGTH_NORMS: Mapping[str, float] = {"path": 0.0, "signature": 0.0}
# What describes code finds it by meaning, what reports a fault by the words both have in common.
DESCRIPTION_WEIGHTS: Mapping[str, float] = {"bm25f": 0.18, "body": 0.57, "name": 0.25}
REPORT_WEIGHTS: Mapping[str, float] = {"bm25f": 0.65, "body": 0.25, "name": 0.1}
# What is said of a chunk's file: by its best chunk's meaning, by all its words, by the best of the
# files that import it or that it imports, and by the subjects of the commits that changed it.
DESCRIPTION_FILE_WEIGHTS: Mapping[str, float] = {
    "best": 0.2,
    "words": 0.1,
    "neighbours": 0.0,
    "subjects": 0.0,
}
REPORT_FILE_WEIGHTS: Mapping[str, float] = {
    "best": 0.2,
    "words": 0.2,
    "neighbours": 0.25,
    "subjects": 0.45,
}
K1 = 1.5
B = 0.7
# A term in more than every so manieth document, and in so many, is added as a whole column: one
# addition in order takes a twelfth of the time of one that has to find its place. A column takes at
# most four times the memory of the postings it stands for; of Django's there are 36, 6 MB.
_COMMON = 8
_MANY = 64


def arm_weights(report_share: float) -> Mapping[str, float]:
    """The weights of the arms for a query that is so much of a report (0..1)."""
    return _between(DESCRIPTION_WEIGHTS, REPORT_WEIGHTS, report_share)


def file_weights(report_share: float) -> Mapping[str, float]:
    """The weights of what is said of files for a query that is so much of a report (0..1)."""
    return _between(DESCRIPTION_FILE_WEIGHTS, REPORT_FILE_WEIGHTS, report_share)


def _between(
    first: Mapping[str, float], second: Mapping[str, float], share: float
) -> Mapping[str, float]:
    return {name: (1 - share) * weight + share * second[name] for name, weight in first.items()}


def lucene_rarity(n_documents: int, holding: NDArray[np.int64]) -> NDArray[np.float64]:
    """Positive for every term, however common. Source: Lucene's BM25Similarity."""
    rarity: NDArray[np.float64] = np.log1p((n_documents - holding + 0.5) / (holding + 0.5))
    return rarity


class Bm25fIndex:
    """Field-weighted BM25 over documents, with every posting's score computed beforehand.

    Source: Zaragoza et al. 2004, "Microsoft Cambridge at TREC-13": term frequencies are
    normalised by length per field, weighted and summed before saturation.
    """

    def __init__(
        self,
        document_count: int,
        vocabulary: Mapping[str, int],
        starts: NDArray[np.int64],
        documents: NDArray[np.int32],
        impacts: Scores,
        kept: FieldTerms | None = None,
    ) -> None:
        self.kept = kept
        """The terms of the first fields, where they were asked for."""
        self._spelled = list(vocabulary) if kept is not None else []
        self._document_count = document_count
        self._vocabulary = vocabulary
        self._starts = starts
        self._documents = documents
        self._impacts = impacts
        common = np.diff(starts) > max(document_count / _COMMON, _MANY)
        self._columns = {term: self._column(term) for term in np.flatnonzero(common).tolist()}

    def _column(self, term: int) -> Scores:
        """What a term adds to the score of every document."""
        column = np.zeros(self._document_count, np.float32)
        span = slice(self._starts[term], self._starts[term + 1])
        column[self._documents[span]] = self._impacts[span]
        return column

    @classmethod
    def build(
        cls,
        docs: Sequence[Mapping[str, str]],
        *,
        weights: Mapping[str, float] = FIELD_WEIGHTS,
        k1: float = K1,
        b: float = B,
        norms: Mapping[str, float] = LENGTH_NORMS,
        rarity: Rarity = lucene_rarity,
    ) -> Self:
        """Index documents given as field -> text; missing fields are empty.

        Raises ValueError for a field without a weight.
        """
        unknown = {name for doc in docs for name in doc} - set(weights)
        if unknown:
            raise ValueError(f"no weight for the fields {sorted(unknown)}")
        texts = [[doc.get(field, "") for field in weights] for doc in docs]
        counted = count_terms(texts, n_fields=len(weights))
        return cls.of_counts([counted], weights=weights, k1=k1, b=b, norms=norms, rarity=rarity)

    @classmethod
    def of_counts(
        cls,
        parts: Iterable[TermCounts],
        *,
        weights: Mapping[str, float] = FIELD_WEIGHTS,
        k1: float = K1,
        b: float = B,
        norms: Mapping[str, float] = LENGTH_NORMS,
        rarity: Rarity = lucene_rarity,
        n_kept: int = 0,
    ) -> Self:
        """Index the documents of all parts in order; their fields are those of `weights`.

        `b` says how much a field's length counts, `norms` so for single fields. What stands in the
        first `n_kept` fields can be asked for.
        """
        vocabulary, counts = _joined(list(parts), len(weights))
        counted = counts.lengths.shape[0]
        share = np.array([norms.get(field, b) for field in weights])
        weight = np.array(list(weights.values()))
        documents, terms, frequencies = _frequencies(counts, weight, share)
        holding = np.bincount(terms, minlength=len(vocabulary))
        impacts = rarity(counted, holding)[terms] * frequencies * (k1 + 1) / (k1 + frequencies)
        order = np.argsort(terms, kind="stable")
        starts = np.zeros(len(vocabulary) + 1, np.int64)
        np.cumsum(holding, out=starts[1:])
        ordered = impacts[order].astype(np.float32)
        kept = FieldTerms.of_counts(counts, n_kept) if n_kept else None
        return cls(counted, vocabulary, starts, documents[order], ordered, kept)

    def scores(self, query: str) -> Scores:
        """The score of every document, in the order of building; 0 where no term occurs."""
        return self.weighted_scores(dict.fromkeys(query_terms(query), 1.0))

    def weighted_scores(self, terms: Mapping[str, float]) -> Scores:
        """The same for terms that count differently."""
        totals = np.zeros(self._document_count, np.float32)
        for term, weight in terms.items():
            index = self._vocabulary.get(term)
            if index is None:
                continue
            span = slice(self._starts[index], self._starts[index + 1])
            column = self._columns.get(index)
            impacts = self._impacts[span] if column is None else column
            if weight != 1:
                impacts = impacts * np.float32(weight)
            if column is None:
                # A third of the time of `+=`.
                np.add.at(totals, self._documents[span], impacts)
            else:
                totals += impacts
        return totals

    def numbers(self, terms: Iterable[str]) -> list[int | None]:
        """The number of each term; None for one that does not occur."""
        return [self._vocabulary.get(term) for term in terms]

    def spelled(self, number: int) -> str:
        """The term of a number, where terms of fields are kept."""
        return self._spelled[number]

    def rarity(self, terms: NDArray[np.integer]) -> NDArray[np.float64]:
        """How rare the terms of these numbers are, as `lucene_rarity` has it."""
        return lucene_rarity(self._document_count, self._starts[terms + 1] - self._starts[terms])

    def holding(self, terms: Sequence[int], documents: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Whether the term of each number occurs in each document [terms, documents]."""
        found = np.zeros((len(terms), len(documents)), bool)
        for row, term in zip(found, terms, strict=True):
            holding = self._documents[self._starts[term] : self._starts[term + 1]]
            at = np.minimum(holding.searchsorted(documents), len(holding) - 1)
            np.equal(holding[at], documents, out=row)
        return found

    @property
    def vocabulary(self) -> Container[str]:
        """The terms that occur."""
        return self._vocabulary.keys()


def _joined(parts: Sequence[TermCounts], n_fields: int) -> tuple[dict[str, int], TermCounts]:
    """One part of all, its terms numbered by the vocabulary."""
    vocabulary: dict[str, int] = {}
    first, documents, terms = 0, [], []
    for part in parts:
        numbers = [vocabulary.setdefault(term, len(vocabulary)) for term in part.vocabulary]
        terms.append(np.array(numbers, np.int32)[part.terms])
        documents.append(part.documents + np.int32(first))
        first += len(part.lengths)
    none = np.zeros(0, np.int32)
    return vocabulary, TermCounts(
        (),
        np.concatenate([np.zeros((0, n_fields), np.int32), *(part.lengths for part in parts)]),
        np.concatenate([none, *documents]),
        np.concatenate([none.astype(np.uint8), *(part.fields for part in parts)]),
        np.concatenate([none, *terms]),
        np.concatenate([none, *(part.counts for part in parts)]),
    )


def _frequencies(
    counts: TermCounts, weight: NDArray[np.float64], share: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
    """Document, term, and the weighted frequency over all fields, once per pair."""
    if not len(counts.terms):
        return counts.documents, counts.terms, np.zeros(0)
    means = counts.lengths.mean(axis=0)
    means[means == 0] = 1
    scale = weight / (1 - share + share * counts.lengths / means)
    weighted = counts.counts * scale[counts.documents, counts.fields]
    # Fields of one document and term lie side by side.
    is_first = np.ones(len(weighted), bool)
    is_first[1:] = (np.diff(counts.terms) != 0) | (np.diff(counts.documents) != 0)
    firsts = np.flatnonzero(is_first)
    return counts.documents[firsts], counts.terms[firsts], np.add.reduceat(weighted, firsts)


@dataclass(frozen=True, slots=True)
class Scale:
    """Mean and standard deviation of an arm's scores, over all documents that are compared."""

    mean: float
    spread: float


def scale_of(parts: Iterable[NDArray[np.floating]]) -> Scale:
    """The scale of the scores of several collections as if they were one; NaN does not count."""
    known = [part[~np.isnan(part)] if _has_nan(part) else part for part in parts]
    n = sum(map(len, known))
    if not n:
        return Scale(0.0, 0.0)
    mean = sum(float(part.sum()) for part in known) / n
    apart = [part - np.asarray(mean, part.dtype) for part in known]
    # An array of squares costs as much as all the rest.
    squares = sum(float(np.einsum("i,i->", part, part)) for part in apart)
    return Scale(mean, float(np.sqrt(squares / n)))


def scale_of_groups(parts: Iterable[tuple[Scores, NDArray[np.integer]]]) -> Scale:
    """The scale of scores each of which is that of so many documents; NaN does not count."""
    known = [_without_nan(scores, sizes) for scores, sizes in parts]
    n = sum(int(sizes.sum()) for _, sizes in known)
    if not n:
        return Scale(0.0, 0.0)
    mean = sum(float(scores @ sizes) for scores, sizes in known) / n
    squares = sum(float(np.square(scores - mean) @ sizes) for scores, sizes in known)
    return Scale(mean, float(np.sqrt(squares / n)))


def _without_nan(scores: Scores, sizes: NDArray[np.integer]) -> tuple[Scores, NDArray[np.integer]]:
    if not _has_nan(scores):
        return scores, sizes
    known = ~np.isnan(scores)
    return scores[known], sizes[known]


def _has_nan(scores: NDArray[np.floating]) -> bool:
    # The highest of scores with NaN is NaN, and is found in a fraction of the time of a mask.
    return bool(len(scores)) and bool(np.isnan(np.maximum.reduce(scores)))


def fuse(
    arms: Mapping[str, NDArray[np.floating]],
    weights: Mapping[str, float],
    scales: Mapping[str, Scale] | None = None,
) -> Scores:
    """One score per document: the weighted sum of each arm's z-scores.

    `scales` are those of arms whose scores are compared beyond these documents.

    Every arm scores every document of the shard, so that none is a gate for another. Arms that
    are absent simply do not take part; weights of the present ones are scaled to sum to 1. An
    arm that scores all documents alike adds nothing. NaN is a document that an arm cannot score
    yet; it counts as average. Raises ValueError for arms of different lengths, an arm without a
    weight, or no arm at all.
    """
    if not arms:
        raise ValueError("there is no arm to fuse")
    missing = set(arms) - set(weights)
    if missing:
        raise ValueError(f"no weight for the arms {sorted(missing)}")
    sizes = {len(scores) for scores in arms.values()}
    if len(sizes) != 1:
        raise ValueError(f"the arms score different numbers of documents: {sorted(sizes)}")
    total = sum(weights[name] for name in arms) or 1.0
    fused: Scores | None = None
    for name, scores in arms.items():
        scale = scales.get(name) if scales is not None else None
        weighted = standardised(scores, scale, weights[name] / total)
        fused = weighted if fused is None else np.add(fused, weighted, out=fused)
    assert fused is not None
    return fused


def standardised(
    scores: NDArray[np.floating], scale: Scale | None = None, weight: float = 1.0
) -> Scores:
    """The z-scores, so much of each; 0 for NaN, and on a flat scale.

    They are on the scores' own scale unless another is given.
    """
    values = np.asarray(scores, np.float32)
    # The sum of scores with NaN is NaN.
    total = np.add.reduce(values)
    missing = np.isnan(values) if np.isnan(total) else None
    result: Scores
    if scale is None and missing is None and len(values):
        result = values - total / np.float32(len(values))
        # What `std` gives, which would subtract the mean again. An array of squares costs as
        # much as all the rest, and a product by BLAS may wait for other threads.
        spread = np.sqrt(np.einsum("i,i->", result, result) / len(result))
    else:
        scale = _own_scale(values) if scale is None else scale
        result, spread = values - np.float32(scale.mean), np.float32(scale.spread)
    # float32 noise in equal scores must not be blown up to whole standard deviations.
    if spread < 1e-6:
        return np.zeros(len(values), np.float32)
    result *= np.float32(weight / spread)
    if missing is not None:
        result[missing] = 0
    return result


def _own_scale(values: Scores) -> Scale:
    known = values[~np.isnan(values)]
    return Scale(float(known.mean()), float(known.std())) if len(known) else Scale(0.0, 0.0)
