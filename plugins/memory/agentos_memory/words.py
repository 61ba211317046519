"""Words of code and of questions about it: identifiers split, inflections taken off.

Above: lexical ranking and what is embedded. Below: stems.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from agentos_memory.stemming import stem

MAX_TERM_CHARS = 40

WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[^\W\d_a-zA-Z]+")

STOP_WORDS = frozenset(
    [
        "a", "an", "and", "are", "as", "at", "be", "but", "by", "can", "could", "did", "do",
        "does", "doing", "for", "from", "had", "has", "have", "how", "i", "if", "in", "into",
        "is", "it", "its", "me", "my", "no", "not", "of", "on", "or", "our", "should", "so",
        "such", "than", "that", "the", "their", "then", "there", "these", "they", "this", "to",
        "too", "use", "used", "uses", "using", "via", "was", "we", "were", "what", "when",
        "where", "which", "while", "who", "why", "will", "with", "would", "you", "your",
    ]
)  # fmt: skip


def split_identifiers(text: str) -> list[str]:
    """Lower-case words of a text; `parseHTTPHeader_2` gives parse, http, header, 2."""
    return [word.lower() for word in WORD.findall(text)]


def stems_of(text: str) -> list[str]:
    """Index terms of a text in order: stems of its words of at most MAX_TERM_CHARS."""
    return list(_stems(split_identifiers(text)))


# Asked several times on the way of one query.
@lru_cache(64)
def query_words(query: str) -> tuple[str, ...]:
    """The words of a query, as `split_identifiers` gives them."""
    return tuple(split_identifiers(query))


@lru_cache(64)
def query_terms(query: str) -> tuple[str, ...]:
    """Distinct terms of a query without stop words; all of them when nothing else is left."""
    words = query_words(query)
    telling = [word for word in words if word not in STOP_WORDS] or words
    return tuple(dict.fromkeys(_stems(telling)))


def _stems(words: Iterable[str]) -> Iterator[str]:
    return (stem(word) for word in words if len(word) <= MAX_TERM_CHARS)
