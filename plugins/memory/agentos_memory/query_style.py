"""Whether a query reports what goes wrong or describes what is looked for, and which words count.

Reports share words with the code that is at fault, descriptions say what it does in other words,
so that different arms find them. Above: shards. Below: words and their stems.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

from agentos_memory.stemming import stem
from agentos_memory.words import STOP_WORDS, query_terms, query_words

# Log odds, learned from the sentences of docstrings and the subjects of commits that the packaged
# model is trained on. Articles and names of things were left out: people write either differently.
_ANYWHERE: Mapping[str, float] = {
    "allow": 1.4, "apply": -0.6, "associated": -0.8, "avoid": 2.1, "been": -1.0, "broken": 1.1,
    "bug": 2.1, "case": 1.0, "cause": 1.1, "correct": 1.5, "correctly": 1.5, "corresponding": -0.3,
    "crash": 1.0, "determine": -0.6, "don": 1.1, "duplicate": 1.2, "during": 0.4, "empty": 1.8,
    "ensure": 1.0, "equivalent": -0.4, "error": 1.7, "evaluate": -0.9, "even": 1.2, "fail": 1.0,
    "fix": 2.9, "given": -2.5, "handle": 1.3, "ignore": 1.4, "improve": 2.0, "incorrect": 1.3,
    "instead": 1.4, "invalid": 1.5, "issue": 1.7, "leak": 1.2, "maximum": -0.5, "missing": 1.6,
    "multiple": 1.0, "never": 0.7, "no": 0.8, "not": 1.0, "only": 0.5, "panic": 1.1, "passed": 0.5,
    "preserve": 0.4, "prevent": 1.8, "properly": 1.3, "raise": -0.5, "regression": 0.7,
    "remove": 0.4, "respect": 1.3, "should": 0.7, "skip": 1.2, "specified": -0.6, "support": 2.6,
    "throw": 0.5, "unnecessary": 1.0, "was": 0.6, "were": 1.5, "when": 1.4, "whether": -1.7,
    "would": 0.8, "wrong": 1.2,
}  # fmt: skip
_FIRST: Mapping[str, float] = {
    "added": 1.4, "allow": 1.8, "apply": -0.7, "attempt": -1.1, "avoid": 1.3, "build": -1.7,
    "calculate": -1.7, "call": -1.5, "check": -1.4, "compute": -2.1, "construct": -1.5,
    "convert": -1.7, "correct": 0.9, "create": -2.4, "decode": -0.9, "delete": -0.9,
    "determine": -1.2, "don": 1.1, "ensure": 0.9, "error": 0.6, "execute": -1.2, "extract": -1.4,
    "find": -1.5, "format": -1.3, "generate": -1.9, "get": -2.3, "given": -0.6, "handle": 0.3,
    "ignore": 0.6, "improve": 1.3, "insert": -0.7, "is": -2.2, "load": -1.2, "parse": -1.8,
    "preserve": 1.3, "prevent": 1.0, "produce": -0.9, "read": -1.0, "register": -1.4,
    "retrieve": -1.5, "return": -2.6, "run": -1.4, "save": -0.8, "search": -0.7, "send": -0.8,
    "set": -1.2, "split": -1.2, "start": -0.9, "support": 1.3, "transform": -1.2,
    "validate": -1.0, "when": 0.5, "write": -1.4, "yield": -0.7,
}  # fmt: skip
_BASE = -0.4
# What code does is said by a verb and its object, in the third person most of all: "parse a
# header", "checks whether". Reports begin with what they are about.
_VERB_AND_ARTICLE = -0.8
_THIRD_PERSON = -1.0
_ARTICLES = frozenset(("a", "an", "the"))
_AFTER_VERBS = _ARTICLES | {"all", "any", "each", "if", "that", "this", "whether"}
# They say that something is a report and not where the fault is, and stand in few functions, so
# that their rarity would count for much.
_SAYS_LITTLE = frozenset(
    map(stem, ("fix", "bug", "issue", "problem", "correctly", "properly", "instead", "also"))
)
_LITTLE = 0.3
# Two words that code writes as one: multi line, web hook.
_JOINED = 0.7


def _by_stem(weights: Mapping[str, float]) -> Mapping[str, float]:
    return {stem(word): weight for word, weight in weights.items()}


_WEIGHTS, _FIRST_WEIGHTS = _by_stem(_ANYWHERE), _by_stem(_FIRST)


# Asked several times on the way of one query.
@lru_cache(64)
def report_share(query: str) -> float:
    """From 0, a description, to 1, a report; near the middle where nothing tells."""
    words = query_words(query)
    terms = list(dict.fromkeys(map(stem, words)))
    odds = _BASE + _sum(_WEIGHTS, terms) + _sum(_FIRST_WEIGHTS, terms[:1]) + _opening(words[:2])
    return 1 / (1 + math.exp(-odds))


def weighted_terms(query: str, known: Container[str]) -> Mapping[str, float]:
    """The terms to look for in code, with how much each counts; `known` are those that occur."""
    terms = query_terms(query)
    weights = {term: _LITTLE if term in _SAYS_LITTLE else 1.0 for term in terms}
    if len(terms) == 1:
        return dict.fromkeys(terms, 1.0)
    for joined in _joined(query):
        if joined in known:
            weights.setdefault(joined, _JOINED)
    return weights


@lru_cache(64)
def _joined(query: str) -> tuple[str, ...]:
    """Each word of a query with the one after it, as one term."""
    pairs = pairwise(query_words(query))
    return tuple(stem(a + b) for a, b in pairs if a not in STOP_WORDS or b not in STOP_WORDS)


def _opening(words: Sequence[str]) -> float:
    if len(words) < 2:
        return 0.0
    verb, following = words
    is_third_person = len(verb) > 3 and verb.endswith("s") and not verb.endswith("ss")
    odds = _VERB_AND_ARTICLE if following in _ARTICLES else 0.0
    return odds + (_THIRD_PERSON if is_third_person and following in _AFTER_VERBS else 0.0)


def _sum(weights: Mapping[str, float], terms: Iterable[str]) -> float:
    return sum(weights.get(term, 0.0) for term in terms)
