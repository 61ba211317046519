"""Stems of English words, so that `cached`, `caches` and `caching` meet `cache`.

Above: the words that are indexed and searched.
Source: Porter 1980, "An algorithm for suffix stripping", with the departures of his own later
programs (`bli`, `logi`, and words of one or two letters left alone).
"""

from __future__ import annotations

import re
from functools import lru_cache

_VOWEL = re.compile(r"[aeiou]|(?<=[^aeiou])y")
_MEASURED = re.compile(r"(?:[aeiouy]|(?<=[^aeiou])y)+[^aeiouy]")
_CVC = re.compile(r"[^aeiou][aeiouy][^aeiouwxy]$")

_STEP_2 = {
    "ational": "ate", "tional": "tion", "enci": "ence", "anci": "ance", "izer": "ize",
    "bli": "ble", "alli": "al", "entli": "ent", "eli": "e", "ousli": "ous", "ization": "ize",
    "ation": "ate", "ator": "ate", "alism": "al", "iveness": "ive", "fulness": "ful",
    "ousness": "ous", "aliti": "al", "iviti": "ive", "biliti": "ble", "logi": "log",
}  # fmt: skip
_STEP_3 = {
    "icate": "ic", "ative": "", "alize": "al", "iciti": "ic", "ical": "ic", "ful": "", "ness": "",
}  # fmt: skip
_STEP_4 = (
    "ement", "ance", "ence", "able", "ible", "ment", "ant", "ent", "ism", "ate", "iti", "ous",
    "ive", "ize", "al", "er", "ic", "ou", "sion", "tion",
)  # fmt: skip

_MAPPED = (*_STEP_2, *_STEP_3)


# Identifiers of a repository are made of some ten thousand words.
@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """The stem of a lower-case word; a word that is not ASCII letters is its own stem."""
    if len(word) <= 2 or not (word.isascii() and word.isalpha()):
        return word
    word = _past(_plural(word))
    if word.endswith("y") and _VOWEL.search(word[:-1]):
        word = word[:-1] + "i"
    word = _mapped(_mapped(word, _STEP_2), _STEP_3)
    return _final(_dropped(word))


def _measure(word: str) -> int:
    """How often a vowel is followed by a consonant."""
    return len(_MEASURED.findall(word))


def _plural(word: str) -> str:
    if not word.endswith("s"):
        return word
    if word.endswith(("sses", "ies")):
        return word[:-2]
    return word if word.endswith("ss") else word[:-1]


def _past(word: str) -> str:
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) else word
    for ending in ("ed", "ing"):
        rest = word.removesuffix(ending)
        if rest != word and _VOWEL.search(rest):
            return _repaired(rest)
    return word


def _repaired(rest: str) -> str:
    """A verb that lost its ending: `hoping` is of `hope`, `hopping` of `hop`."""
    if rest.endswith(("at", "bl", "iz")):
        return rest + "e"
    if len(rest) > 1 and rest[-1] == rest[-2] and rest[-1] not in "aeioulsz":
        return rest[:-1]
    return rest + "e" if _measure(rest) == 1 and _CVC.search(rest) else rest


def _mapped(word: str, endings: dict[str, str]) -> str:
    # Of most words none is the ending.
    if not word.endswith(_MAPPED):
        return word
    for length in range(min(7, len(word) - 1), 2, -1):
        replacement = endings.get(word[-length:])
        if replacement is not None:
            rest = word[:-length]
            return rest + replacement if _measure(rest) else word
    return word


def _dropped(word: str) -> str:
    if not word.endswith(_STEP_4):
        return word
    for ending in _STEP_4:
        if word.endswith(ending):
            kept = ending[0] if ending in ("sion", "tion") else ""
            rest = word[: -len(ending)] + kept
            return rest if _measure(rest) > 1 else word
    return word


def _final(word: str) -> str:
    if word.endswith("e"):
        rest = word[:-1]
        measure = _measure(rest)
        if measure > 1 or (measure == 1 and not _CVC.search(rest)):
            word = rest
    return word[:-1] if word.endswith("ll") and _measure(word[:-1]) > 1 else word
