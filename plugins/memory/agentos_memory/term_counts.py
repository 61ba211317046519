"""How often each term occurs in each field of each document, as arrays that store and load fast.

Above: the lexical index, which is built from such parts, and the stored form of a file's chunks.
Below: words and their stems.
"""

from __future__ import annotations

import re
import threading
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agentos_memory.words import stems_of

# Some 60 MB when full; no repository of 20,000 files has as many distinct identifiers.
_REMEMBERED = 400_000
_IDENTIFIERS = re.compile(r"\w+").findall


@dataclass(frozen=True, slots=True)
class TermCounts:
    """Entries ordered by document, then term, then field; `terms` index into `vocabulary`.

    `lengths` [documents, fields] counts every occurrence of a term in a field.
    """

    vocabulary: Sequence[str]
    lengths: NDArray[np.int32]
    documents: NDArray[np.int32]
    fields: NDArray[np.uint8]
    terms: NDArray[np.int32]
    counts: NDArray[np.int32]


def count_terms(documents: Sequence[Sequence[str]], *, n_fields: int) -> TermCounts:
    """The counts of documents given as the texts of their fields, `n_fields` each."""
    numbers: dict[str, int] = {}
    tokens: list[int] = []
    sizes: list[int] = []
    for texts in documents:
        for text in texts:
            found = _IDENTIFIERS(text)
            sizes.append(len(found))
            tokens.extend([numbers.setdefault(word, len(numbers)) for word in found])
    return count_tokens(
        list(numbers), np.array(tokens, np.int64), np.array(sizes, np.int64), n_fields=n_fields
    )


def count_tokens(
    identifiers: Sequence[str],
    tokens: NDArray[np.integer],
    sizes: NDArray[np.integer],
    *,
    n_fields: int,
) -> TermCounts:
    """The counts of documents given as numbers of identifiers, `sizes` of them in each field."""
    with _lock:
        if len(_known.terms) >= _REMEMBERED:
            _known.forget()
        known = np.array([_known[identifier] for identifier in identifiers], np.int64)
        return _count(known[tokens], sizes, n_fields)


def as_one_document(part: TermCounts) -> TermCounts:
    """The same counts of all documents and fields as those of one document with one field."""
    n_terms = len(part.vocabulary)
    counts = np.zeros(n_terms, np.int64)
    np.add.at(counts, part.terms, part.counts)
    return TermCounts(
        part.vocabulary,
        np.array([[part.lengths.sum()]], np.int32),
        np.zeros(n_terms, np.int32),
        np.zeros(n_terms, np.uint8),
        np.arange(n_terms, dtype=np.int32),
        counts.astype(np.int32),
    )


class _Identifiers(dict[str, int]):
    """A number for each identifier, with the numbers of its terms in compressed rows."""

    def __init__(self) -> None:
        super().__init__()
        self.forget()

    def forget(self) -> None:
        self.clear()
        self.starts = array("i", [0])
        self.flat = array("i")
        self.numbers: dict[str, int] = {}
        self.terms: list[str] = []

    def __missing__(self, identifier: str) -> int:
        for term in stems_of(identifier):
            number = self.numbers.setdefault(term, len(self.terms))
            if number == len(self.terms):
                self.terms.append(term)
            self.flat.append(number)
        number = self[identifier] = len(self.starts) - 1
        self.starts.append(len(self.flat))
        return number


# Shared by all calls of a process, since most identifiers of a file stand in others as well.
_known = _Identifiers()
_lock = threading.Lock()


def _count(identifiers: NDArray[np.int64], sizes: NDArray[np.integer], n_fields: int) -> TermCounts:
    terms, owners = _expand(identifiers)
    segments = np.repeat(np.arange(len(sizes)), sizes)[owners]
    lengths = np.bincount(segments, minlength=len(sizes)).reshape(-1, n_fields)
    # One sortable number for document, term and field.
    width = max(len(_known.terms), 1)
    keys = (segments // n_fields * width + terms) * n_fields + segments % n_fields
    distinct, counts = np.unique(keys, return_counts=True)
    used, local = np.unique(distinct // n_fields % width, return_inverse=True)
    return TermCounts(
        [_known.terms[index] for index in used.tolist()],
        lengths.astype(np.int32),
        (distinct // n_fields // width).astype(np.int32),
        (distinct % n_fields).astype(np.uint8),
        local.astype(np.int32),
        counts.astype(np.int32),
    )


def _expand(identifiers: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The terms of identifiers in order, each with the position of its identifier."""
    # Views, which must be gone before the arrays can grow again.
    starts, flat = np.frombuffer(_known.starts, np.int32), np.frombuffer(_known.flat, np.int32)
    sizes = starts[identifiers + 1] - starts[identifiers]
    owners = np.repeat(np.arange(len(identifiers)), sizes)
    first = starts[identifiers] - (np.cumsum(sizes) - sizes)
    return flat[np.repeat(first, sizes) + np.arange(len(owners))].astype(np.int64), owners
