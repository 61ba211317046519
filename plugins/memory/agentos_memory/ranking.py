"""Lexical ranking of code and the fusion of several arms' scores.

Identifiers are split into words; BM25F weighs the fields of a document; `fuse` puts the scores
of different arms on one scale. Storage feeds the documents, search tools read the scores.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]

FIELD_WEIGHTS: Mapping[str, float] = {
    "name": 8.0,
    "class": 6.0,
    "path": 4.0,
    "signature": 1.0,
    "docstring": 1.0,
    "body": 1.0,
}
ARM_WEIGHTS: Mapping[str, float] = {"bm25f": 0.6, "body": 0.3, "name": 0.1}
K1 = 1.5
B = 0.7

WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[^\W\d_a-zA-Z]+")
STOP_WORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "by",
        "can",
        "do",
        "does",
        "for",
        "from",
        "has",
        "have",
        "how",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "not",
        "of",
        "on",
        "or",
        "so",
        "that",
        "the",
        "their",
        "then",
        "there",
        "these",
        "this",
        "to",
        "was",
        "we",
        "what",
        "when",
        "where",
        "which",
        "who",
        "why",
        "will",
        "with",
        "you",
    ]
)


def split_identifiers(text: str) -> list[str]:
    """Lower-case words of a text; `parseHTTPHeader_2` gives parse, http, header, 2."""
    return [word.lower() for word in WORD.findall(text)]


def terms(text: str) -> list[str]:
    """Index terms of a text: words without plural endings."""
    return [_singular(word) for word in split_identifiers(text)]


def query_terms(query: str) -> list[str]:
    """Distinct terms of a query without stop words; all of them when nothing else is left."""
    words = split_identifiers(query)
    telling = [word for word in words if word not in STOP_WORDS] or words
    return list(dict.fromkeys(_singular(word) for word in telling))


def _singular(word: str) -> str:
    """The word without its plural ending. Source: the S stemmer, Harman 1991, table 1."""
    if len(word) <= 3 or not word.endswith("s"):
        return word
    if word.endswith("ies") and not word.endswith(("eies", "aies")):
        return word[:-3] + "y"
    if word.endswith("es") and not word.endswith(("aes", "ees", "oes")):
        return word[:-1]
    return word if word.endswith(("us", "ss")) else word[:-1]


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
    ) -> None:
        self._document_count = document_count
        self._vocabulary = vocabulary
        self._starts = starts
        self._documents = documents
        self._impacts = impacts

    @classmethod
    def build(
        cls,
        docs: Sequence[Mapping[str, str]],
        *,
        weights: Mapping[str, float] = FIELD_WEIGHTS,
        k1: float = K1,
        b: float = B,
    ) -> Self:
        """Index documents given as field -> text; missing fields are empty.

        Raises ValueError for a field without a weight.
        """
        unknown = {name for doc in docs for name in doc} - set(weights)
        if unknown:
            raise ValueError(f"no weight for the fields {sorted(unknown)}")
        vocabulary: dict[str, int] = {}
        frequencies: dict[tuple[int, int], float] = {}
        for field, weight in weights.items():
            _add_field(docs, field, weight, b, vocabulary, frequencies)
        return cls(len(docs), vocabulary, *_postings(len(docs), len(vocabulary), frequencies, k1))

    def scores(self, query: str) -> Scores:
        """The score of every document, in the order of building; 0 where no term occurs."""
        totals = np.zeros(self._document_count, np.float32)
        for term in query_terms(query):
            index = self._vocabulary.get(term)
            if index is not None:
                span = slice(self._starts[index], self._starts[index + 1])
                # A document stands at most once in a term's postings.
                totals[self._documents[span]] += self._impacts[span]
        return totals


def _add_field(
    docs: Sequence[Mapping[str, str]],
    field: str,
    weight: float,
    b: float,
    vocabulary: dict[str, int],
    frequencies: dict[tuple[int, int], float],
) -> None:
    """Add the field's weighted, length-normalised term frequencies."""
    counts = [Counter(terms(doc.get(field, ""))) for doc in docs]
    lengths = [count.total() for count in counts]
    mean = sum(lengths) / max(len(lengths), 1) or 1.0
    for document, (count, length) in enumerate(zip(counts, lengths, strict=True)):
        scale = weight / (1 - b + b * length / mean)
        for term, occurrences in count.items():
            key = (vocabulary.setdefault(term, len(vocabulary)), document)
            frequencies[key] = frequencies.get(key, 0.0) + occurrences * scale


def _postings(
    document_count: int,
    term_count: int,
    frequencies: Mapping[tuple[int, int], float],
    k1: float,
) -> tuple[NDArray[np.int64], NDArray[np.int32], Scores]:
    """Postings sorted by term: where each term starts, its documents, their scores."""
    pairs = np.array(sorted(frequencies), np.int64).reshape(-1, 2)
    term, document = pairs[:, 0], pairs[:, 1]
    weighted = np.array([frequencies[t, d] for t, d in pairs.tolist()], np.float64)
    document_frequency = np.bincount(term, minlength=term_count)
    rarity = np.log1p((document_count - document_frequency + 0.5) / (document_frequency + 0.5))
    impacts = rarity[term] * weighted / (k1 + weighted)
    starts = np.zeros(term_count + 1, np.int64)
    np.cumsum(document_frequency, out=starts[1:])
    return starts, document.astype(np.int32), impacts.astype(np.float32)


def fuse(arms: Mapping[str, NDArray[np.floating]], weights: Mapping[str, float]) -> Scores:
    """One score per document: the weighted sum of each arm's z-scores.

    Every arm scores every document of the shard, so that none is a gate for another. Arms that
    are absent simply do not take part; weights of the present ones are scaled to sum to 1. An
    arm that scores all documents alike adds nothing. Raises ValueError for arms of different
    lengths, an arm without a weight, or no arm at all.
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
    fused = np.zeros(sizes.pop(), np.float64)
    for name, scores in arms.items():
        fused += weights[name] / total * _standardised(scores)
    return fused.astype(np.float32)


def _standardised(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    values = np.asarray(scores, np.float64)
    spread = float(values.std()) if len(values) else 0.0
    # float32 noise in equal scores must not be blown up to whole standard deviations.
    if spread < 1e-9:
        return np.zeros(len(values))
    standardised: NDArray[np.float64] = (values - values.mean()) / spread
    return standardised
