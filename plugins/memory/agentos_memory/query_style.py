"""Whether a query reports what goes wrong or describes what is looked for.

Reports share words with the code that is at fault, descriptions say what it does in other words,
so that different arms find them. Above: shards. Below: words and their stems.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from agentos_memory.stemming import stem
from agentos_memory.words import split_identifiers

# Log odds, learned from the sentences of docstrings and the subjects of commits that the packaged
# model is trained on. Articles and names of things were left out: people write either differently.
_ANYWHERE: Mapping[str, float] = {
    "avoid": 1.7, "broken": 1.0, "bug": 1.8, "case": 0.8, "cause": 0.8, "correct": 1.4,
    "correctly": 1.2, "crash": 0.8, "duplicate": 1.0, "empty": 1.5, "ensure": 1.0, "error": 1.7,
    "even": 0.7, "fail": 0.8, "fix": 2.5, "given": -2.4, "handle": 1.2, "helper": -0.7,
    "ignore": 1.3, "improve": 1.7, "incorrect": 1.1, "instead": 1.2, "invalid": 1.0, "issue": 1.4,
    "leak": 0.9, "missing": 1.5, "multiple": 0.7, "never": 0.5, "no": 0.7, "not": 1.0,
    "only": 0.5, "panic": 0.8, "prevent": 1.5, "properly": 0.9, "regression": 0.7, "respect": 1.0,
    "should": 0.5, "skip": 0.9, "support": 2.4, "was": 0.6, "when": 1.5, "whether": -1.2,
    "wrong": 0.9,
}  # fmt: skip
_FIRST: Mapping[str, float] = {
    "allow": 2.7, "build": -1.4, "calculate": -1.3, "call": -1.2, "check": -1.4, "compute": -1.8,
    "construct": -1.1, "convert": -1.7, "create": -2.1, "determine": -1.2, "don": 1.1,
    "extract": -1.1, "find": -1.3, "format": -1.1, "generate": -1.7, "get": -2.1, "is": -1.8,
    "load": -1.1, "parse": -1.5, "raise": -0.7, "read": -0.8, "return": -2.5, "run": -1.1,
    "send": -0.7, "set": -1.1, "write": -1.2, "yield": -0.6,
}  # fmt: skip
_BASE = -0.4


def _by_stem(weights: Mapping[str, float]) -> Mapping[str, float]:
    return {stem(word): weight for word, weight in weights.items()}


_WEIGHTS, _FIRST_WEIGHTS = _by_stem(_ANYWHERE), _by_stem(_FIRST)


def report_share(query: str) -> float:
    """From 0, a description, to 1, a report; near the middle where nothing tells."""
    terms = list(dict.fromkeys(map(stem, split_identifiers(query))))
    odds = _BASE + _sum(_WEIGHTS, terms) + _sum(_FIRST_WEIGHTS, terms[:1])
    return 1 / (1 + math.exp(-odds))


def _sum(weights: Mapping[str, float], terms: Iterable[str]) -> float:
    return sum(weights.get(term, 0.0) for term in terms)
